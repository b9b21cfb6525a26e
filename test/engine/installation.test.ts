import { describe, expect, test } from 'vitest';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import type { Installation } from '../../engine/install/installation.ts';
import type { TableSpec } from '../../grammar/rule-spec.ts';
import { ip6, tcp, udp } from '../../packet/build.ts';
import { filter, firewallOf, ROUTER, type TestFirewall } from './firewall-of.ts';

const packet = (last: number) =>
  ip6({ src: 'fd00:1::1', dst: `fd00:2::${last.toString(16)}` }, udp({ sport: 1000, dport: 53 }));

/** A table of so many rules that it is prepared in several steps; packets to the addresses 1 to `count` are dropped. */
const many = (count: number, first = 1): string =>
  filter(
    Array.from({ length: count }, (_, at) => `-A FORWARD -d fd00:2::${(first + at).toString(16)} -j DROP`).join('\n'),
  );

function tableOf({ registry }: TestFirewall, text: string): TableSpec {
  const ruleset = new Ruleset(6, { lookup: registry });
  expect(restore(text, ruleset, { program: 'restore' }).diagnostics).toEqual([]);
  return ruleset.tables[0];
}

/** Runs it up to its commit, `between` after each step. */
function proceed(installation: Installation, between: () => void = () => {}): void {
  while (!installation.proceed()) between();
}

const passes = (wall: TestFirewall, last: number): boolean => wall.receive('tunA', packet(last)).length > 0;
const counted = ({ firewall }: TestFirewall): number[] => {
  const forward = firewall.chains(6, 'filter')!.find(({ spec }) => spec.name === 'FORWARD')!;
  return forward.rules.map(({ packets }) => packets);
};

describe('an installation in steps', () => {
  test('packets are decided by the tables that are there, until the commit', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter('-A FORWARD -d fd00:2::1 -j DROP'));
    const installation = wall.firewall.prepare([tableOf(wall, many(3000, 2))]);
    let steps = 0;
    proceed(installation, () => {
      steps++;
      expect([passes(wall, 1), passes(wall, 2)]).toEqual([false, true]);
    });
    expect(steps).toBeGreaterThan(10);
    expect([passes(wall, 1), passes(wall, 2)]).toEqual([false, true]);
    installation.commit();
    expect([passes(wall, 1), passes(wall, 2), passes(wall, 3000)]).toEqual([true, false, false]);
  });

  test('no packet is lost from the counters of rules that stay', () => {
    const wall = firewallOf(ROUTER);
    const before = tableOf(wall, many(2000));
    wall.firewall.install([before]);
    const forward = before.chains.get('FORWARD')!;
    const [, ...others] = tableOf(wall, many(500, 5000)).chains.get('FORWARD')!.rules;
    const rules = [...others, ...forward.rules.slice(0, 1500)];
    const installation = wall.firewall.prepare([
      { ...before, chains: new Map(before.chains).set('FORWARD', { ...forward, rules }) },
    ]);
    let packets = 0;
    proceed(installation, () => {
      packets++;
      passes(wall, 1 + (packets % 1500));
      passes(wall, 2000); // its rule goes
    });
    installation.commit();
    expect(packets).toBeGreaterThan(10);
    expect(counted(wall).reduce((sum, one) => sum + one)).toBe(packets);
    expect(passes(wall, 2000)).toBe(true);
  });

  test('one that is given up, or refused half-way, leaves all as it was', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter('-A FORWARD -d fd00:2::1 -j DROP'));
    const given = wall.firewall.prepare([tableOf(wall, many(3000, 2))]);
    given.proceed();
    given.proceed();
    given.abandon();
    expect(() => given.commit()).toThrow('not ready');
    const table = tableOf(wall, many(3000, 2));
    const lost = { ...table.chains.get('FORWARD')!.rules[0], target: { kind: 'jump', chain: 'gone' } } as const;
    table.chains.get('FORWARD')!.rules.push(lost);
    expect(() => proceed(wall.firewall.prepare([table]))).toThrow("Couldn't load target `gone'");
    expect([passes(wall, 1), passes(wall, 2)]).toEqual([false, true]);
    expect(counted(wall)).toEqual([1]);
    // And the next one is not in its way.
    wall.firewall.install([tableOf(wall, many(3, 2))]);
    expect([passes(wall, 1), passes(wall, 2)]).toEqual([true, false]);
  });

  test('one at a time', () => {
    const wall = firewallOf(ROUTER);
    const first = wall.firewall.prepare([tableOf(wall, many(10))]);
    expect(() => wall.firewall.prepare([])).toThrow('are being installed');
    first.abandon();
    wall.firewall.install([]);
  });

  test('what its rules name stays attached meanwhile', () => {
    const wall = firewallOf(ROUTER);
    const text = filter(
      `-A FORWARD -m length --length 40 -j ACCEPT\n${many(1000)
        .match(/^-A.*$/gm)!
        .join('\n')}`,
    );
    const installation = wall.firewall.prepare([tableOf(wall, text)]);
    proceed(installation);
    expect(() => wall.firewall.detach('length')).toThrow('a rule that is being installed');
    installation.commit();
    expect(() => wall.firewall.detach('length')).toThrow('IPv6 filter FORWARD rule 1');
  });

  test('packets that are cut short are decided while the tree for them grows', () => {
    const wall = firewallOf(ROUTER);
    wall.firewall.install([tableOf(wall, many(5000))]);
    const whole = ip6({ src: 'fd00:1::1', dst: 'fd00:2::1388' }, tcp({ sport: 1, dport: 80 }));
    const short = whole.subarray(0, 44);
    short[5] = 4;
    for (let packets = 1; packets <= 12; packets++) {
      wall.receive('tunA', short);
      expect(counted(wall)[4999]).toBe(packets);
    }
  });
});
