// Short chains on shelves (engine/classifier/shelf.ts) that are filled, left and cleared, beside the interpreter.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { type Table, traverse } from '../../engine/install/table.ts';
import { interpret } from '../../engine/reference.ts';
import { Registry } from '../../engine/registry.ts';
import type { RuleSpec, TableSpec } from '../../grammar/rule-spec.ts';
import { FORWARD } from '../../grammar/tables.ts';
import { matches } from '../../matches/index.ts';
import { ip6, tcp } from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { build } from './build.ts';
import { filter } from './firewall-of.ts';
import { force } from './ways.ts';

const registry = new Registry({ matches, targets });
const CHAINS = 60;
const ports = Array.from({ length: CHAINS }, (_, chain) => chain + 1);

/** Chain `service-n` marks packets to port n and goes to `end-n`, which drops those from fd00::a. */
const SERVICES = filter(
  [
    ...ports.map((port) => `:service-${port} - [0:0]\n:end-${port} - [0:0]`),
    ':mark - [0:0]',
    '-A mark -j MARK --or-mark 0x10',
    ...ports.flatMap((port) => [
      `-A FORWARD -p tcp -m tcp --dport ${port} -j service-${port}`,
      `-A service-${port} -m hl --hl-gt 0 -j mark`,
      `-A service-${port} -m mark --mark 0x10/0x10 -g end-${port}`,
      `-A end-${port} -s fd00::a -j DROP`,
    ]),
  ].join('\n'),
);

function tableOf(text: string): TableSpec {
  const ruleset = new Ruleset(6, { lookup: registry });
  expect(restore(text, ruleset, { program: 'restore' }).diagnostics).toEqual([]);
  return ruleset.tables[0];
}

function packet(port: number, { src = 'fd00::b', truncate = 0 } = {}): Packet {
  const pkt = Packet.of(ip6({ src, ...(truncate ? { truncate } : {}) }, tcp({ dport: port })));
  pkt.hook = FORWARD;
  return pkt;
}

const outcome = (verdict: number, pkt: Packet): string => `${verdict} ${pkt.reason} ${pkt.mark}`;

/** Packets to all services say the same both ways. */
function agree(compiled: Table, plain: Table): void {
  for (const port of ports) {
    for (const options of [{}, { src: 'fd00::a' }, { truncate: 50 }]) {
      const [one, other] = [packet(port, options), packet(port, options)];
      expect(outcome(traverse(compiled, FORWARD, one), one)).toBe(outcome(interpret(plain, FORWARD, other), other));
    }
  }
  expect(counted(compiled)).toEqual(counted(plain));
}

const counted = ({ chains, context: { counts } }: Table): number[] =>
  [...chains.values()].flatMap(({ rules }) => rules.map(({ slot }) => counts.packets[slot]));

/** The chains of these services with rules of their own: the same text, and one rule more. */
function renewed(spec: TableSpec, changed: readonly number[]): TableSpec {
  const chains = new Map(spec.chains);
  for (const port of changed) {
    const chain = chains.get(`end-${port}`)!;
    const more: RuleSpec = { ...chain.rules[0] };
    chains.set(chain.name, { ...chain, rules: [{ ...chain.rules[0] }, more] });
  }
  return { ...spec, chains };
}

let restored: () => void;
beforeAll(() => {
  restored = force('on small shelves');
});
afterAll(() => restored());

test('chains that move to other shelves, and those that were left behind, decide as before', () => {
  const spec = tableOf(SERVICES);
  let [compiled, plain] = [build(spec, registry), build(spec, registry)];
  agree(compiled, plain);
  // All but every tenth: hardly anything stays on the shelves of the beginning.
  const rounds = [ports.filter((port) => port % 10 !== 0), [7], ports.filter((port) => port % 3 === 0), ports];
  let now = spec;
  for (const changed of rounds) {
    now = renewed(now, changed);
    compiled = build(now, registry, compiled);
    plain = build(now, registry, plain);
    agree(compiled, plain);
  }
});

test('a chain that loses its rules, and gets others', () => {
  const spec = tableOf(SERVICES);
  let [compiled, plain] = [build(spec, registry), build(spec, registry)];
  agree(compiled, plain);
  const chain = spec.chains.get('end-1')!;
  for (const rules of [[], [{ ...chain.rules[0] }]]) {
    const next = { ...spec, chains: new Map(spec.chains).set('end-1', { ...chain, rules }) };
    compiled = build(next, registry, compiled);
    plain = build(next, registry, plain);
    agree(compiled, plain);
  }
});

test('a shelf that hardly anything is left on gets full while a chain on it is walked', () => {
  const text = filter(
    [
      ':outer - [0:0]',
      ':inner - [0:0]',
      ':busy - [0:0]',
      '-A FORWARD -p tcp -m tcp --dport 9 -g busy',
      '-A FORWARD -j outer',
      '-A outer -p tcp -m tcp --dport 2 -j inner',
      '-A outer -m hl --hl-gt 0 -j DROP',
      '-A inner -m hl --hl-eq 0 -j DROP',
      '-A busy -s fd00::a -j DROP',
    ].join('\n'),
  );
  const decide = (table: Table, port: number): string => {
    const pkt = packet(port);
    return outcome(traverse(table, FORWARD, pkt), pkt);
  };
  for (let edits = 0; edits < 30; edits++) {
    let spec = tableOf(text);
    let table = build(spec, registry);
    expect(decide(table, 1)).toContain('outer rule 2');
    for (let edit = 0; edit < edits; edit++) {
      const busy = spec.chains.get('busy')!;
      spec = { ...spec, chains: new Map(spec.chains).set('busy', { ...busy, rules: [{ ...busy.rules[0] }] }) };
      table = build(spec, registry, table);
      decide(table, 9);
    }
    expect(decide(table, 2)).toContain('outer rule 2');
    expect(decide(table, 2)).toContain('outer rule 2');
  }
});

test('a table that another one replaced as a whole is held by nothing', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let table: Table | undefined;
  const earlier: WeakRef<object>[] = [];
  for (let round = 0; round < 4; round++) {
    table = build(tableOf(SERVICES), registry, table);
    const pkt = packet(1);
    traverse(table, FORWARD, pkt);
    earlier.push(new WeakRef(table.chains.get('FORWARD')!.program));
  }
  const held = (): number => earlier.filter((ref) => ref.deref()).length;
  for (let tries = 0; tries < 20 && held() > 1; tries++) {
    await new Promise(setImmediate);
    collect();
  }
  expect(held()).toBe(1);
  expect(table?.chains.size).toBe(2 * CHAINS + 4);
});
