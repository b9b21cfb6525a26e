// The tracker's rows, asked of the real kernel: the class of each packet, and the entry after it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toHex } from '../../packet/bytes.ts';
import type { CtEntry, Scenario, StepResult } from '../../testing/scenario-format.ts';
import { expected, type Family, packetOf, type Row, type Trace, tell } from '../conntrack/player.ts';
import { flowTraces } from '../conntrack/rows-flows.ts';
import { sctpTraces } from '../conntrack/rows-sctp.ts';
import { tcpTraces } from '../conntrack/rows-tcp.ts';
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

/** The rows with what the kernel said; a number of seconds that is at most `slack` away from the expected one counts as that. */
function told(trace: Trace, results: readonly StepResult[]): string[] {
  return trace.rows.map((row, index) => {
    const entry = entryOf(results[3 * index + 2].ct ?? []);
    const slack = trace.kernel === 'sleeping' ? 1 : 1 + (row[0] - trace.rows[0][0]) / 1_000;
    return tell(row, ctstateOf(results[3 * index + 1]), settle(entry, row, slack));
  });
}

function settle(entry: string, row: Row, slack: number): string {
  const [given, wanted] = [entry, row[4]].map((text) => Number(SECONDS.exec(text)?.[0]));
  return Math.abs(given - wanted) <= slack ? entry.replace(SECONDS, String(wanted)) : entry;
}

const machine = probeTwin();
describe.skipIf(!ready('rows of the tracker in the kernel', machine))('the kernel', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  const traces = [...tcpCells, ...tcpTraces, ...flowTraces, ...sctpTraces].filter(({ kernel }) => kernel !== 'never');
  describe.each([4, 6] as const)('IPv%i', (family) => {
    const those = traces.filter((trace) => (trace.family ?? family) === family);
    test.each(those)('$name', async (trace) => {
      const { steps } = await twin.run(scenarioOf(trace, family));
      expect(told(trace, steps)).toEqual(expected(trace));
    });
  });
});
