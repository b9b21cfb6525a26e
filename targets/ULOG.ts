import { defineTarget } from '../engine/extension.ts';
import { logLine } from '../engine/log-line.ts';
import { CONTINUE } from '../engine/verdict.ts';
import { quote } from '../grammar/scan.ts';
import { text, u8, u64 } from '../grammar/values.ts';
import { words } from './shared/text.ts';

/** The level of NFLOG's lines. */
const LEVEL = 5;

interface Checked {
  readonly prefix: string;
  readonly group: number;
  /** Octets of the packet that are passed on; 0 is all. What prints is its lower half. Decimal: it may not fit a number. */
  readonly range: string;
  readonly threshold: number;
}

/** The option has 64 bits, the tool prints 32 of them. */
const lower = (range: string): number => Number(BigInt.asUintN(32, BigInt(range)));

export const ULOG = defineTarget({
  name: 'ULOG',
  families: [4],
  summary:
    'Gives the packet to the listeners of a log group, and goes on with the next rule. The predecessor of NFLOG; kernels after 3.16 have it no more.',
  kernel: 'net/ipv4/netfilter/ipt_ULOG.c ipt_ulog_packet()',
  options: {
    'ulog-nlgroup': u8({ help: 'group, 1 unless given', min: 1, max: 32 }),
    'ulog-prefix': text({ minLength: 1, cutAt: 31 })({ help: 'text that goes with the packet' }),
    'ulog-cprange': u64({ help: 'octets of the packet to pass on; 0, the default, is all' }),
    'ulog-qthreshold': u8({ help: 'packets to collect before they are passed on', min: 1, max: 50 }),
  },
  check: (options): Checked => ({
    prefix: options['ulog-prefix']?.value ?? '',
    group: options['ulog-nlgroup']?.value ?? 1,
    range: (options['ulog-cprange']?.value ?? 0n).toString(),
    threshold: options['ulog-qthreshold']?.value ?? 1,
  }),
  save: ({ prefix, group, range, threshold }) =>
    words(
      prefix !== '' && `--ulog-prefix ${quote(prefix)}`,
      group !== 1 && `--ulog-nlgroup ${group}`,
      range !== '0' && `--ulog-cprange ${lower(range)}`,
      threshold !== 1 && `--ulog-qthreshold ${threshold}`,
    ),
  list: ({ prefix, group, range, threshold }) =>
    words(
      `ULOG copy_range ${lower(range)} nlgroup ${group}`,
      prefix !== '' && `prefix "${prefix}"`,
      `queue_threshold ${threshold}`,
    ),
  compile({ prefix, group, range, threshold }, { services }) {
    const most = Number(range) || Number.POSITIVE_INFINITY;
    return (pkt) => {
      const packet = pkt.bytes.slice(pkt.l3, Math.min(pkt.end, pkt.l3 + most));
      const nflog = { group, prefix, threshold, packet };
      services.log({ now: pkt.now, level: LEVEL, text: logLine(pkt, prefix, 0), nflog });
      return CONTINUE;
    };
  },
});
