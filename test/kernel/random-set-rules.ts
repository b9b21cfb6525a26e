// Random sets, rules that ask and change them, and packets that fall into them.

import { gre, icmp, icmp6, ip4, ip6, type Layer, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Scenario, Step } from '../../testing/scenario/scenario-format.ts';
import type { Dice } from './dice.ts';
import { randomIpset } from './random-ipset.ts';

interface Known {
  readonly name: string;
  readonly type: string;
  readonly six: boolean;
}

export function randomSetScenario(dice: Dice): Scenario {
  const six = dice.chance(0.4);
  const lines = randomIpset(dice).slice(0, -4);
  const sets = lines.filter((line) => line.startsWith('create ')).map(known);
  const usable = sets.filter((set) => set.six === six || /bitmap:port|list:set/.test(set.type));
  const rules = usable.length === 0 ? [] : Array.from({ length: dice.int(1, 6) }, () => rule(dice, dice.pick(usable)));
  const text = `*mangle\n:PREROUTING ACCEPT [0:0]\n${rules.map((one) => `-A PREROUTING ${one}\n`).join('')}COMMIT\n`;
  const steps: Step[] = Array.from({ length: dice.int(3, 12) }, () => ({ in: 'A', hex: toHex(packet(dice, six)) }));
  steps.push({ counters: true }, { exec: ['ipset', 'save'] });
  // Setup must succeed, other commands need not.
  const commands = lines.map((line) => ['ipset', ...split(line)]);
  const created = commands.filter(([, verb]) => verb === 'create');
  steps.unshift(...commands.filter(([, verb]) => verb !== 'create').map((exec): Step => ({ exec })));
  return { setup: created, ...(six ? { v6rules: text } : { v4rules: text }), steps };
}

const split = (line: string): string[] => [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);

function known(line: string): Known {
  const [, name, type] = line.split(' ');
  return { name, type, six: line.includes('inet6') };
}

function rule(dice: Dice, { name, type }: Known): string {
  const least = type.split(',').length;
  const count = dice.weighted([
    [6, least],
    [1, dice.int(1, 3)],
  ]);
  const parts = Array.from({ length: count }, (_zero, index) =>
    // PREROUTING has no way out.
    type.includes('iface') && index === 1 ? 'src' : dice.pick(['src', 'src', 'dst']),
  ).join(',');
  if (dice.chance(0.35)) {
    const options = dice.chance(0.4) ? dice.pick([' --exist', ' --timeout 300', ' --exist --timeout 0']) : '';
    return dice.chance(0.75) ? `-j SET --add-set ${name} ${parts}${options}` : `-j SET --del-set ${name} ${parts}`;
  }
  const more = [
    dice.chance(0.15) ? ' --return-nomatch' : '',
    dice.chance(0.15) ? ' ! --update-counters' : '',
    dice.chance(0.15) ? ' ! --update-subcounters' : '',
    dice.chance(0.2) ? ` --packets-${dice.pick(['eq', 'lt', 'gt'])} ${dice.int(0, 5)}` : '',
    dice.chance(0.1) ? ` --bytes-${dice.pick(['eq', 'lt', 'gt'])} ${dice.int(0, 3000)}` : '',
  ];
  return `-m set ${dice.chance(0.2) ? '! ' : ''}--match-set ${name} ${parts}${more.join('')}`;
}

function packet(dice: Dice, six: boolean): Uint8Array {
  const host = (): string =>
    six ? `fd00::${dice.int(0, 1)}:${dice.int(0, 9)}` : `10.0.${dice.int(0, 1)}.${dice.int(0, 9)}`;
  const port = (): number =>
    dice.weighted([
      [4, dice.int(78, 84)],
      [1, dice.int(0, 0xffff)],
    ]);
  const layer: Layer = dice.weighted<() => Layer>([
    [4, () => tcp({ sport: port(), dport: port(), flags: 'S' })],
    [3, () => udp({ sport: port(), dport: port(), data: dice.int(0, 20) })],
    [1, () => (six ? icmp6({ type: 128, code: 0 }) : icmp({ type: 8, code: 0 }))],
    [0.5, () => gre({ data: 4 })],
  ])();
  return six ? ip6({ src: host(), dst: host() }, layer) : ip4({ src: host(), dst: host() }, layer);
}
