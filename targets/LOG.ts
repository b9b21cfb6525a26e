import { defineTarget } from '../engine/extension.ts';
import {
  logLine,
  NF_LOG_IPOPT,
  NF_LOG_MACDECODE,
  NF_LOG_TCPOPT,
  NF_LOG_TCPSEQ,
  NF_LOG_UID,
} from '../engine/log-line.ts';
import { CONTINUE } from '../engine/verdict.ts';
import { quote } from '../grammar/scan.ts';
import { flag, logLevel, text } from '../grammar/values.ts';
import { words } from './shared/text.ts';

/** syslog's KERN_WARNING: what a rule without --log-level means. */
const DEFAULT_LEVEL = 4;
const LEVEL_NAMES = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug'];

const FLAGS = {
  'log-tcp-sequence': NF_LOG_TCPSEQ,
  'log-tcp-options': NF_LOG_TCPOPT,
  'log-ip-options': NF_LOG_IPOPT,
  'log-uid': NF_LOG_UID,
  'log-macdecode': NF_LOG_MACDECODE,
} as const;
const FLAG_NAMES = Object.keys(FLAGS) as (keyof typeof FLAGS)[];

const flagsGiven = (flags: number): string[] => FLAG_NAMES.filter((name) => flags & FLAGS[name]);

export const LOG = defineTarget({
  name: 'LOG',
  families: [4, 6],
  summary: "Writes a line about the packet to the log, in the kernel's format, and goes on with the next rule.",
  kernel: 'net/netfilter/xt_LOG.c log_tg(), net/netfilter/nf_log_syslog.c',
  options: {
    'log-level': logLevel({ help: 'syslog level, 0 to 7 or by name' }),
    'log-prefix': text({ minLength: 1, cutAt: 29 })({ help: 'text in front of the line' }),
    'log-tcp-sequence': flag({ help: 'show TCP sequence numbers' }),
    'log-tcp-options': flag({ help: 'show TCP options' }),
    'log-ip-options': flag({ help: 'show IPv4 options or IPv6 extension headers' }),
    'log-uid': flag({ help: 'show who sent it' }),
    'log-macdecode': flag({ help: 'show the link header field by field' }),
  },
  check: (options) => ({
    level: options['log-level']?.value ?? DEFAULT_LEVEL,
    prefix: options['log-prefix']?.value ?? '',
    flags: FLAG_NAMES.reduce((bits, name) => (options[name] ? bits | FLAGS[name] : bits), 0),
  }),
  save: ({ level, prefix, flags }) =>
    words(
      prefix !== '' && `--log-prefix ${quote(prefix)}`,
      level !== DEFAULT_LEVEL && `--log-level ${level}`,
      ...flagsGiven(flags).map((name) => `--${name}`),
    ),
  list: ({ level, prefix, flags }, { numeric }) =>
    words(
      'LOG',
      numeric ? `flags ${flags} level ${level}` : `level ${LEVEL_NAMES[level]}`,
      ...(numeric ? [] : flagsGiven(flags).map((name) => name.slice('log-'.length))),
      prefix !== '' && `prefix "${prefix}"`,
    ),
  compile:
    ({ level, prefix, flags }, { services }) =>
    (pkt) => {
      services.log({ now: pkt.now, level, text: logLine(pkt, prefix, flags) });
      return CONTINUE;
    },
});
