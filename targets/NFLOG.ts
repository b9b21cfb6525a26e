import { defineTarget } from '../engine/extension.ts';
import { logLine } from '../engine/log-line.ts';
import { CONTINUE } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { quote } from '../grammar/scan.ts';
import { own, text, u16, u32 } from '../grammar/values.ts';
import { words } from './shared/text.ts';

/** syslog's KERN_NOTICE, for a listener that writes the line instead of the packet. */
const LEVEL = 5;

const number = u32({ help: '' });
const uselessRange = {
  words: 1 as const,
  metavar: number.metavar,
  parse(given: readonly string[], scope: ValueScope): number {
    const value = number.parse(given, scope);
    scope.warn('warn: --nflog-range has never worked and is no longer supported, please use --nflog-size instead');
    return value;
  },
  print: (value: number): string => number.print(value),
};

interface Checked {
  readonly group: number;
  readonly prefix: string;
  /** --nflog-range: printed, and of no effect, as it never had any. 0: not given. */
  readonly range: number;
  readonly size: number | undefined;
  readonly threshold: number;
}

const print = (c: Checked, dashes: string): string =>
  words(
    c.prefix !== '' && `${dashes}nflog-prefix ${quote(c.prefix)}`,
    c.group !== 0 && `${dashes}nflog-group ${c.group}`,
    c.size !== undefined && `${dashes}nflog-size ${c.size}`,
    c.range !== 0 && `${dashes}nflog-range ${c.range}`,
    c.threshold !== 0 && `${dashes}nflog-threshold ${c.threshold}`,
  );

export const NFLOG = defineTarget({
  name: 'NFLOG',
  families: [4, 6],
  summary: 'Gives the packet to the listeners of a log group, and goes on with the next rule.',
  kernel: 'net/netfilter/xt_NFLOG.c nflog_tg()',
  options: {
    'nflog-group': u16({ help: 'group, 0 unless given' }),
    'nflog-prefix': text({ minLength: 1, cutAt: 63 })({ help: 'text that goes with the packet' }),
    'nflog-range': own(uselessRange, {
      help: 'has never had an effect; use --nflog-size',
      excludes: ['nflog-size'],
    }),
    'nflog-size': u32({ help: 'octets of the packet to pass on', excludes: ['nflog-range'] }),
    'nflog-threshold': u16({ help: 'packets to collect before they are passed on' }),
  },
  check: (options): Checked => ({
    group: options['nflog-group']?.value ?? 0,
    prefix: options['nflog-prefix']?.value ?? '',
    range: options['nflog-range']?.value ?? 0,
    size: options['nflog-size']?.value,
    threshold: options['nflog-threshold']?.value ?? 0,
  }),
  save: (checked) => print(checked, '--'),
  list: (checked) => print(checked, ''),
  compile:
    ({ group, prefix, size = Number.POSITIVE_INFINITY, threshold }, { services }) =>
    (pkt) => {
      const packet = pkt.bytes.slice(pkt.l3, Math.min(pkt.end, pkt.l3 + size));
      const nflog = { group, prefix, threshold, packet };
      services.log({ now: pkt.now, level: LEVEL, text: logLine(pkt, prefix, 0), nflog });
      return CONTINUE;
    },
});
