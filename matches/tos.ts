import { defineMatch } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { scanNumber } from '../grammar/scan.ts';
import { own } from '../grammar/values.ts';
import { bang, hexDigits } from './shared/text.ts';
import { dsField, dsFieldOf } from './shared/traffic-class.ts';

/** RFC 1349 names; they stand for a value under the mask 0x3f. */
const NAMES: readonly (readonly [name: string, value: number])[] = [
  ['Minimize-Delay', 0x10],
  ['Maximize-Throughput', 0x08],
  ['Maximize-Reliability', 0x04],
  ['Minimize-Cost', 0x02],
  ['Normal-Service', 0x00],
];
const NAME_MASK = 0x3f;

interface Tos {
  readonly value: number;
  readonly mask: number;
}

const tosKind = {
  words: 1 as const,
  metavar: 'value[/mask]|name',
  choices: { words: () => NAMES.map(([name]) => name) },
  parse([word]: readonly string[], scope: ValueScope): Tos {
    const value = scanNumber(word);
    if (!value || value.value > 255) {
      const named = NAMES.find(([name]) => name.toLowerCase() === word.toLowerCase());
      const hint = `names are ${NAMES.map(([name]) => name).join(', ')}`;
      return named ? { value: named[1], mask: NAME_MASK } : scope.fail(`Symbolic name "${word}" is unknown`, hint);
    }
    if (value.end === word.length) return { value: Number(value.value), mask: 0xff };
    const mask = word[value.end] === '/' ? scanNumber(word, value.end + 1) : undefined;
    if (!mask || mask.value > 255 || mask.end !== word.length) scope.fail(`Illegal value: "${word}"`);
    return { value: Number(value.value), mask: Number(mask.value) };
  },
  print: ({ value, mask }: Tos): string => `${hexDigits(value, 2)}/${hexDigits(mask, 2)}`,
};

export const tos = defineMatch({
  name: 'tos',
  families: [4, 6],
  summary: 'TOS octet of IPv4, traffic class of IPv6, under a mask.',
  kernel: 'net/netfilter/xt_dscp.c tos_mt()',
  effect: 'pure',
  options: { tos: own(tosKind, { help: 'value, with mask if wanted, or a name', invert: true, required: true }) },
  check: ({ tos: { value, inverted } }) => ({ ...value, inverted }),
  save: ({ inverted, ...value }) => `${inverted ? '! ' : ''}--tos ${tosKind.print(value)}`,
  list({ value, mask, inverted }, scope) {
    const named = scope.numeric || mask !== NAME_MASK ? undefined : NAMES.find((entry) => entry[1] === value);
    // The tool puts a blank before a name and none before a number.
    return named
      ? `tos match${bang(inverted)} ${named[0]}`
      : `tos match${bang(inverted)}${tosKind.print({ value, mask })}`;
  },
  compile({ value, mask, inverted }, { family }) {
    const field = dsField(family);
    return (pkt) => ((field(pkt) & mask) === value) !== inverted;
  },
  saw: (_checked, pkt) => `tos ${hexDigits(dsFieldOf(pkt), 2)}`,
});
