import { defineMatch } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own } from '../grammar/values.ts';

/** PACKET_HOST and so on; a value prints by its first name. */
const TYPES: readonly (readonly [name: string, type: number])[] = [
  ['unicast', 0],
  ['broadcast', 1],
  ['multicast', 2],
  ['otherhost', 3],
  ['host', 0],
  ['bcast', 1],
  ['mcast', 2],
];
const typeName = (type: number): string => TYPES.find((entry) => entry[1] === type)?.[0] ?? type.toString();

const kind = {
  words: 1 as const,
  metavar: 'unicast|broadcast|multicast|otherhost',
  choices: { words: () => TYPES.map(([name]) => name) },
  parse([word]: readonly string[], scope: ValueScope): number {
    const found = TYPES.find(([name]) => name === word.toLowerCase());
    return found ? found[1] : scope.fail(`Bad packet type '${word}'`, 'unicast, broadcast or multicast');
  },
  print: typeName,
};

export const pkttype = defineMatch({
  name: 'pkttype',
  families: [4, 6],
  summary: 'Kind of link-layer destination.',
  kernel: 'net/netfilter/xt_pkttype.c pkttype_mt()',
  effect: 'pure',
  options: { 'pkt-type': own(kind, { help: 'how the frame was addressed', invert: true, required: true }) },
  check: (given) => ({ type: given['pkt-type'].value, inverted: given['pkt-type'].inverted }),
  save: ({ type, inverted }) => `${inverted ? '! ' : ''}--pkt-type ${typeName(type)}`,
  list: ({ type, inverted }) => `PKTTYPE ${inverted ? '!=' : '='} ${typeName(type)}`,
  compile:
    ({ type, inverted }) =>
    (pkt) =>
      (pkt.packetType === type) !== inverted,
  saw: (_checked, pkt) => typeName(pkt.packetType),
});
