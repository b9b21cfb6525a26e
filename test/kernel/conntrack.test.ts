// The tracker's rows, asked of the real kernel: the class of each packet, and the entry after it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { procLine, toolLine } from '../../conntrack/format.ts';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { CtEntry, Scenario, StepResult } from '../../testing/scenario/scenario-format.ts';
import { dccpTraces } from '../conntrack/dccp-cells.ts';
import { expected, type Family, newTracker, packetOf, pass, type Row, type Trace, tell } from '../conntrack/player.ts';
import { flowTraces } from '../conntrack/rows-flows.ts';
import { sctpTraces } from '../conntrack/rows-sctp.ts';
import { tcpTraces } from '../conntrack/rows-tcp.ts';
import { sctpCells } from '../conntrack/sctp-cells.ts';
import { tcpCells } from '../conntrack/tcp-cells.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const CTSTATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'];
/** The class is written into the packet that comes out, as DSCP 1 to 5. */
const rules = `*mangle
:FORWARD ACCEPT [0:0]
${CTSTATES.map((name, index) => `-A FORWARD -m conntrack --ctstate ${name} -j DSCP --set-dscp ${index + 1}`).join('\n')}
COMMIT
`;

const SLEEP_FROM = 500; // ms
/** In an entry's words: SYN_SENT2 is none. */
const SECONDS = /\b\d+\b/;

function scenarioOf(trace: Trace, family: Family): Scenario {
  const steps: Scenario['steps'] = [];
  trace.rows.forEach((row, index) => {
    const gap = index === 0 ? 0 : row[0] - trace.rows[index - 1][0];
    const sleep_ms = trace.kernel === 'sleeping' && gap >= SLEEP_FROM ? gap : 0;
    steps.push({ sleep_ms }, { in: row[1] === '>' ? 'A' : 'B', hex: toHex(packetOf(row, family)) }, { ct: true });
  });
  return { name: trace.name, v4rules: rules, v6rules: rules, sysctls: trace.sysctls, steps };
}

function ctstateOf({ out }: StepResult): string {
  if (!out || out.length === 0) return 'no packet';
  const hex = out[0].hex;
  const dscp = hex[0] === '4' ? Number.parseInt(hex.slice(2, 4), 16) >>> 2 : Number.parseInt(hex.slice(1, 3), 16) >>> 2;
  return CTSTATES[dscp - 1];
}

function entryOf(entries: readonly CtEntry[]): string {
  if (entries.length !== 1) return entries.length === 0 ? '-' : `${entries.length} entries`;
  const [{ state, timeout, flags = [] }] = entries;
  return [state, timeout, ...flags.map((flag) => flag.toLowerCase())].filter((word) => word != null).join(' ');
}

/**
 * The rows with what the kernel said; a number of seconds that is at most `slack` away from the expected one counts as that. `times` are those
 * of the steps: a busy machine takes longer for them than the rows say.
 */
function told(trace: Trace, results: readonly StepResult[], times: readonly number[]): string[] {
  return trace.rows.map((row, index) => {
    const entry = entryOf(results[3 * index + 2].ct ?? []);
    const [wanted, passed] = [row[0] - trace.rows[0][0], times[3 * index + 2] - times[0]];
    const slack = 1 + (trace.kernel === 'sleeping' ? Math.max(0, passed - wanted) : Math.max(wanted, passed)) / 1_000;
    return tell(row, ctstateOf(results[3 * index + 1]), settle(entry, row, slack));
  });
}

function settle(entry: string, row: Row, slack: number): string {
  const [given, wanted] = [entry, row[4]].map((text) => Number(SECONDS.exec(text)?.[0]));
  return Math.abs(given - wanted) <= slack ? entry.replace(SECONDS, String(wanted)) : entry;
}

/** Seconds run between two readings. */
const timeless = (line: string): string => line.trimEnd().replace(/^(\S+ +\d+ \S+ +\d+) \d+/, '$1 N');

function sample(): { from: 'A' | 'B'; octets: Uint8Array }[] {
  const there = (layer: build.Layer) => [
    { from: 'A' as const, octets: build.ip4({}, layer) },
    { from: 'A' as const, octets: build.ip6({}, layer) },
  ];
  const back = (layer: build.Layer) => [
    { from: 'B' as const, octets: build.ip4({ src: '10.0.2.2', dst: '10.0.1.2' }, layer) },
    { from: 'B' as const, octets: build.ip6({ src: 'fd00:b::2', dst: 'fd00:a::2' }, layer) },
  ];
  const port = { sport: 40_000, dport: 80 };
  const port2 = { sport: 80, dport: 40_000 };
  return [
    ...there(build.udp({ sport: 1, dport: 2 })),
    ...there(build.udp({ sport: 3, dport: 4 })),
    ...back(build.udp({ sport: 4, dport: 3 })),
    ...there(build.udplite(port)),
    ...there(build.tcp({ sport: 1, dport: 2, flags: 'S' })),
    ...there(build.tcp({ ...port, flags: 'S', seq: 1 })),
    ...back(build.tcp({ ...port2, flags: 'SA', seq: 9, ack: 2 })),
    ...there(build.tcp({ ...port, flags: 'A', seq: 2, ack: 10 })),
    { from: 'A', octets: build.ip4({}, build.icmp({ id: 7 })) },
    { from: 'A', octets: build.ip6({}, build.icmp6({ id: 7 })) },
    ...there(build.sctp(port)),
    ...there(build.gre({ version: 1, callId: 9 })),
    ...there(build.gre({})),
    ...back(build.gre({})),
    ...[4, 33, 50, 253].flatMap((protocol) => there(build.raw(protocol, 8))),
  ];
}

const machine = probeTwin();
describe.skipIf(!ready('rows of the tracker in the kernel', machine))('the kernel', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  // Every kind of entry, with and without counters: what /proc and the real conntrack print, and what we do.
  test.each([0, 1])('prints entries like ours, nf_conntrack_acct=%i', async (acct) => {
    const sysctls = {
      'net.netfilter.nf_conntrack_acct': acct,
      'net.netfilter.nf_conntrack_timestamp': acct,
      'net.netfilter.nf_conntrack_checksum': 0,
    };
    const tracker = newTracker();
    for (const [name, value] of Object.entries(sysctls)) tracker.sysctls.set(name, value);
    for (const { octets } of sample()) pass(tracker, octets, 0);
    const { steps } = await twin.run({
      v4rules: rules,
      v6rules: rules,
      sysctls,
      steps: [
        ...sample().map(({ from, octets }) => ({ in: from, hex: toHex(octets) })),
        { ct: true },
        ...['ipv4', 'ipv6'].map((family) => ({ exec: ['conntrack', '-L', '-f', family, '-o', 'extended'] })),
      ],
    });
    const [ct, ...tool] = steps.slice(-3);
    const ours = (line: typeof toolLine | typeof procLine): string[] =>
      Array.from(tracker.entries(0), (id) => timeless(line(tracker, id, 0, { extended: true }))).sort();
    expect(ct.ct_raw?.map(timeless).sort()).toEqual(ours(procLine));
    expect(
      tool
        .flatMap(({ stdout = '' }) =>
          stdout
            .split('\n')
            .filter((line) => line !== '')
            .map(timeless),
        )
        .sort(),
    ).toEqual(ours(toolLine));
  });

  const traces = [...tcpTraces, ...flowTraces, ...sctpTraces, ...dccpTraces].filter(({ kernel }) => kernel !== 'never');
  describe.each([4, 6] as const)('IPv%i', (family) => {
    const those = traces.filter((trace) => (trace.family ?? family) === family);
    // Many and short: one namespace for all, emptied between them.
    test.each([
      ['TCP', tcpCells],
      ['SCTP', sctpCells],
    ] as const)('every cell of %s', async (_, cells) => {
      const scenarios = cells.map((trace) => scenarioOf(trace, family));
      const steps = scenarios.flatMap((scenario) => [{ flush_ct: true } as const, ...scenario.steps]);
      const { steps: results, times = [] } = await twin.run({ ...scenarios[0], steps });
      const lines = cells.map((trace) => {
        results.shift();
        times.shift();
        const count = 3 * trace.rows.length;
        return [trace.name, ...told(trace, results.splice(0, count), times.splice(0, count))];
      });
      expect(lines).toEqual(cells.map((trace) => [trace.name, ...expected(trace)]));
    });

    test.each(those)('$name', async (trace) => {
      const { steps, times = [] } = await twin.run(scenarioOf(trace, family));
      expect(told(trace, steps, times)).toEqual(expected(trace));
    });
  });
});
