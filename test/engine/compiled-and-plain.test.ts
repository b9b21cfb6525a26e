// The compiled tables against the interpreter: same verdicts, same reasons, same rewriting, same counters, for any rules.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Table, traverse } from '../../engine/install/table.ts';
import { interpret } from '../../engine/reference.ts';
import type { RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { HOOKS, TABLES, type TableName } from '../../grammar/tables.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Packet } from '../../packet/packet.ts';
import { play } from '../../testing/scenario/scenario.ts';
import { randomCase, scenarioOf } from '../kernel/random.ts';
import { oddExtensions, packetOf, sent, tableSpec } from './arbitrary.ts';
import { build } from './build.ts';
import { force, WAYS } from './ways.ts';

/** Copies of everything that has an identity, so that two tables share nothing. */
function copy(spec: TableSpec): TableSpec {
  const chains = [...spec.chains].map(
    ([name, chain]) => [name, { ...chain, rules: chain.rules.map((rule) => ({ ...rule })) }] as const,
  );
  return { ...spec, chains: new Map(chains) };
}

function counters(table: Table): string[] {
  const { counts } = table.context;
  const line = (name: string, slot: number) => `${name} ${counts.packets[slot]}:${counts.bytes[slot]}`;
  return [...table.chains.values()].flatMap(({ spec, slot, rules }) => [
    ...(slot >= 0 ? [line(`${spec.name} policy`, slot)] : []),
    ...rules.map((rule, index) => line(`${spec.name} ${index + 1}`, rule.slot)),
  ]);
}

const outcome = (verdict: number, pkt: Packet): string =>
  `${verdict} ${pkt.reason} mark ${pkt.mark} ${pkt.hotDropped} ${toHex(pkt.bytes, pkt.l3, pkt.end)}`;

/** Rules that are refused are so both ways. */
function played(run: () => unknown): unknown {
  try {
    return run();
  } catch (problem) {
    return (problem as Error).message;
  }
}

/** SEKISHO_TIMES=20: a longer soak of all of it. */
const TIMES = Number(process.env.SEKISHO_TIMES ?? 1);

describe.each(Object.keys(WAYS))('%s', (way) => {
  let restore: () => void;
  beforeAll(() => {
    restore = force(way);
  });
  afterAll(() => restore());

  describe('compiled tables and the interpreter agree', () => {
    for (const family of [4, 6] as const) {
      test.each(Object.keys(TABLES) as TableName[])(`IPv${family} %s`, (name) => {
        const hooks = TABLES[name].map((hook) => HOOKS.indexOf(hook));
        const walk = fc.record({
          spec: tableSpec(family, name),
          packets: fc.array(fc.tuple(sent(family), fc.constantFrom(...hooks)), { maxLength: 12 }),
        });
        fc.assert(
          fc.property(walk, ({ spec, packets }) => {
            const [compiled, plain] = [build(spec, oddExtensions), build(copy(spec), oddExtensions)];
            for (const [packet, hook] of packets) {
              const [one, other] = [packetOf(packet, hook), packetOf(packet, hook)];
              expect(outcome(traverse(compiled, hook, one), one)).toBe(outcome(interpret(plain, hook, other), other));
            }
            expect(counters(compiled)).toEqual(counters(plain));
          }),
          { numRuns: 10 * TIMES },
        );
      });
    }

    test('in chains of several pieces', () => {
      const walk = fc.record({ spec: tableSpec(6, 'filter', 300, 250), packets: fc.array(sent(6), { maxLength: 12 }) });
      fc.assert(
        fc.property(walk, ({ spec, packets }) => {
          const [compiled, plain] = [build(spec, oddExtensions), build(copy(spec), oddExtensions)];
          for (const packet of packets) {
            const [one, other] = [packetOf(packet, 2), packetOf(packet, 2)];
            expect(outcome(traverse(compiled, 2, one), one)).toBe(outcome(interpret(plain, 2, other), other));
          }
          expect(counters(compiled)).toEqual(counters(plain));
        }),
        { numRuns: TIMES, endOnFailure: true },
      );
    });
  });

  describe('whole walks, with every extension', () => {
    test('of random rules and traffic', () => {
      fc.assert(
        fc.property(fc.nat(), (seed) => {
          const scenario = scenarioOf(randomCase(seed, { packets: 40 }));
          expect(played(() => play(scenario))).toEqual(played(() => play(scenario, { interpreted: true })));
        }),
        { numRuns: 3 * TIMES, endOnFailure: true },
      );
    });
  });

  describe('an edited table', () => {
    /** Edits of the FORWARD chain, as the tools make them. */
    const edit = fc.record({
      kind: fc.constantFrom('insert', 'delete', 'replace', 'swap'),
      at: fc.nat(400),
      to: fc.nat(400),
    });
    type Edit = { kind: string; at: number; to: number };

    function edited(rules: readonly RuleSpec[], { kind, at, to }: Edit, donors: readonly RuleSpec[]): RuleSpec[] {
      const changed = [...rules];
      const donor = donors.length > 0 ? [{ ...donors[to % donors.length] }] : [];
      const place = changed.length > 0 ? at % changed.length : 0;
      if (kind === 'insert') changed.splice(place, 0, ...donor);
      if (kind === 'delete') changed.splice(place, 1);
      if (kind === 'replace' && changed.length > 0) changed.splice(place, 1, ...donor);
      if (kind === 'swap' && changed.length > 0) changed.splice(to % changed.length, 0, ...changed.splice(place, 1));
      return changed;
    }

    test('counts and decides as one built anew, and keeps the counters and state of rules that stay', () => {
      const session = fc.record({
        spec: tableSpec(6, 'mangle', 200),
        steps: fc.array(
          fc.record({
            chain: fc.constantFrom('FORWARD', 'u0', 'u2'),
            edit,
            packets: fc.array(sent(6), { maxLength: 4 }),
          }),
          { maxLength: 8 },
        ),
      });
      fc.assert(
        fc.property(session, ({ spec, steps }) => {
          let compiled = build(spec, oddExtensions);
          // The interpreter's rules are kept by hand: a table whose pieces are never used.
          let plain = build(spec, oddExtensions);
          let now = spec;
          for (const step of steps) {
            const chain = now.chains.get(step.chain)!;
            const rules = edited(
              chain.rules,
              step.edit,
              spec.chains.get(step.chain === 'FORWARD' ? 'INPUT' : 'u2')!.rules,
            );
            now = { ...now, chains: new Map(now.chains).set(step.chain, { ...chain, rules }) };
            const send = (): void => {
              for (const packet of step.packets) {
                const [one, other] = [packetOf(packet, 2), packetOf(packet, 2)];
                expect(outcome(traverse(compiled, 2, one), one)).toBe(outcome(interpret(plain, 2, other), other));
              }
            };
            compiled = build(now, oddExtensions, compiled, () => {
              plain = build(now, oddExtensions, plain, send);
            });
            send();
            expect(counters(compiled)).toEqual(counters(plain));
          }
        }),
        { numRuns: 4 * TIMES },
      );
    });
  });
});
