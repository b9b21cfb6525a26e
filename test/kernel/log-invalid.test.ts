// nf_conntrack_log_invalid: the lines that the kernel logs about packets that its tracker does not take, or does not believe, and ours.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Scenario } from '../../testing/scenario/scenario-format.ts';
import { type Family, type Made, packetOf, type Trace } from '../conntrack/player.ts';
import { flowTraces } from '../conntrack/rows-flows.ts';
import { sctpTraces } from '../conntrack/rows-sctp.ts';
import { tcpTraces } from '../conntrack/rows-tcp.ts';
import { tcpCells } from '../conntrack/tcp-cells.ts';
import { beside } from './beside.ts';
import { compareResults } from './compare.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const raw = (protocol: number | Record<Family, number>, octets: number[]): Made => ({
  name: `protocol ${JSON.stringify(protocol)}: ${octets.length} octets`,
  octets: (family) =>
    build.ip(
      family,
      {},
      build.raw(typeof protocol === 'number' ? protocol : protocol[family], Uint8Array.from(octets)),
    ),
});

const made = (name: string, layer: (family: Family) => build.Layer): Made => ({
  name,
  octets: (family) => build.ip(family, {}, layer(family)),
});

const sysctls = { 'net.netfilter.nf_conntrack_checksum': 0 };

/** What the rows of the tracker do not have: headers that are cut short. */
const extra: Trace[] = [
  raw(6, Array(12).fill(0x50)),
  made('TCP data offset 4', () => build.tcp({ headerLength: 16 })),
  made('TCP data offset beyond the end', () => build.tcp({ headerLength: 40 })),
  raw(136, Array(7).fill(1)),
  raw(132, Array(11).fill(1)),
  raw(132, Array(12).fill(1)),
  raw({ 4: 1, 6: 58 }, [8, 0]),
  raw(47, [0, 1, 8, 0, 0, 0, 0, 1]),
  made('redirect', (family) => (family === 4 ? build.icmp({ type: 5 }) : build.icmp6({ type: 137, data: 40 }))),
  made('an error with nothing in it', (family) => (family === 4 ? build.icmp({ type: 3 }) : build.icmp6({ type: 1 }))),
].map((packet) => ({ name: packet.name, sysctls, rows: [[0, '>', packet, 'INVALID', '-']] }));

const traces = [...tcpCells, ...tcpTraces, ...flowTraces, ...sctpTraces, ...extra].filter(
  ({ kernel }) => kernel === undefined,
);

const scenarioOf = ({ name, sysctls: given, rows }: Trace, family: Family, logged: number): Scenario => ({
  name,
  force_ct: true,
  log: true,
  sysctls: { ...given, 'net.netfilter.nf_conntrack_log_invalid': logged },
  steps: rows.map((row) => ({
    in: row[1] === '>' ? ('A' as const) : ('B' as const),
    hex: toHex(packetOf(row, family)),
  })),
});

describe.skipIf(!ready('lines about invalid packets beside the kernel', probeTwin()))(
  'nf_conntrack_log_invalid',
  () => {
    let twin: Twin;
    beforeAll(async () => {
      twin = await Twin.start();
    });
    afterAll(() => twin.stop());

    /** One namespace for all traces with the same settings, emptied between them. */
    function together(family: Family): Scenario[] {
      const groups = new Map<string, Scenario>();
      for (const trace of traces.filter((one) => (one.family ?? family) === family)) {
        const scenario = scenarioOf(trace, family, 255);
        const key = JSON.stringify(scenario.sysctls);
        const before = groups.get(key)?.steps ?? [];
        groups.set(key, { ...scenario, steps: [...before, { flush_ct: true }, ...scenario.steps] });
      }
      return [...groups.values()];
    }

    test.each([4, 6] as const)('255: what is said of every row, IPv%i', async (family) => {
      let lines = 0;
      for (const scenario of together(family)) {
        const compare: typeof compareResults = (kernel, ...more) => {
          lines += kernel.steps.flatMap(({ log = [] }) => log).length;
          return compareResults(kernel, ...more);
        };
        expect(await beside(twin, scenario, { compare })).toEqual([]);
      }
      expect(lines).toBeGreaterThan(80);
    });

    test('the number of a protocol: of that one only', async () => {
      for (const logged of [6, 17]) {
        const name = 'not to the one who is quoted';
        for (const trace of [...tcpCells.slice(0, 3), ...flowTraces.filter((one) => one.name === name)]) {
          const scenario = scenarioOf(trace, 4, logged);
          expect(await beside(twin, scenario)).toEqual([]);
        }
      }
    });
  },
);
