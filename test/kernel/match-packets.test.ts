// The predicates of all matches beside the kernel: every packet row of test/matches that is only octets goes into PREROUTING of the real
// mangle table behind the row's rule, and the counters say whether it matched, passed by, or vanished in between (hot drop).

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toHex } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import type { MatchAnswer, MatchPacketRow } from '../../testing/ext-cases.ts';
import type { Counted, Scenario } from '../../testing/scenario/scenario-format.ts';
import type { Sheet } from '../matches/sheet.ts';
import { allSheets } from '../matches/sheets.ts';
import { APART } from './apart.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const familyOf = (packet: Uint8Array): Family => (packet[0] >>> 4 === 4 ? 4 : 6);

function ruleOf({ match, rows }: Sheet, row: string): string {
  const cut = row.indexOf(';');
  const frame = cut < 0 ? (rows.frame ?? '') : row.slice(0, cut).trim();
  return `${frame} -m ${match.name} ${cut < 0 ? row : row.slice(cut + 1)}`;
}

/** raw has no rules: its policy counts that the packet came as far as the hooks. */
function scenarioOf({ setup: commands = [] }: Sheet, rule: string, packet: Uint8Array): Scenario {
  const setup = commands.map((line) => line.split(' '));
  const rules = `*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING ${rule} -j ACCEPT\nCOMMIT\n`;
  const steps: Scenario['steps'] = [{ in: 'A', hex: toHex(packet) }, { counters: true }];
  return familyOf(packet) === 4 ? { setup, v4rules: rules, steps } : { setup, v6rules: rules, steps };
}

function answerOf(counters: readonly Counted[]): MatchAnswer | 'not seen' {
  const count = (table: string, isRule: boolean): number =>
    counters.find((one) => one.table === table && one.chain === 'PREROUTING' && (one.rule !== undefined) === isRule)
      ?.pkts ?? 0;
  if (count('raw', false) === 0) return 'not seen';
  if (count('mangle', true) > 0) return 'match';
  return count('mangle', false) > 0 ? 'no match' : 'drop';
}

const machine = probeTwin();
describe.skipIf(!ready('predicates of matches beside the kernel', machine))('packets', async () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  for (const sheet of await allSheets()) {
    const apart = APART.filter(([name]) => name === sheet.match.name);
    const rows = (sheet.rows.packets ?? []).filter(
      (row) => row[1] instanceof Uint8Array && !apart.some(([, , left]) => left(row)),
    );
    if (rows.length === 0 || sheet.lacking !== undefined) continue;
    test(`-m ${sheet.match.name} (${rows.length} packets)`, async () => {
      const results = await Promise.all(
        rows.map(([options, packet]) => twin.run(scenarioOf(sheet, ruleOf(sheet, options), packet as Uint8Array))),
      );
      const real = results.map((result, index) => {
        const counters = result.steps[1][familyOf(rows[index][1] as Uint8Array) === 4 ? 'v4' : 'v6'];
        return answerOf(counters ?? []);
      });
      const line = (row: MatchPacketRow, answer: string): string =>
        `${row[0]} | ${toHex(row[1] as Uint8Array)} | ${answer}`;
      expect(rows.map((row) => line(row, row[2]))).toEqual(rows.map((row, index) => line(row, real[index])));
    });
  }
});
