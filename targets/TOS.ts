import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import type { OptionSettings, ValueScope } from '../grammar/options.ts';
import { scanNumber, wholeNumber } from '../grammar/scan.ts';
import { own, u8 } from '../grammar/values.ts';
import { TOS_MASK, TOS_NAMES } from '../packet/traffic-class.ts';
import { TRAFFIC_CLASS } from './shared/traffic-class.ts';

interface Bits {
  readonly value: number;
  readonly mask: number;
}

const pair = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;
const printBits = ({ value, mask }: Bits): string => `${pair(value)}/${pair(mask)}`;

/** A number with or without mask, or a name, which stands for the bits below the precedence. libxt_TOS tos_parse_symbolic(). */
const tosValue = {
  words: 1 as const,
  metavar: 'value[/mask]|name',
  parse([word]: readonly string[], scope: ValueScope): Bits {
    const number = scanNumber(word);
    if (!number || number.value > 0xff) return named(word, scope);
    if (number.end === word.length) return { value: Number(number.value), mask: 0xff };
    const mask = word[number.end] === '/' ? wholeNumber(word.slice(number.end + 1), 0, 0xff) : undefined;
    return mask === undefined ? scope.fail(`Illegal value: "${word}"`) : { value: Number(number.value), mask };
  },
  print: printBits,
};

function named(word: string, scope: ValueScope): Bits {
  const name = Object.keys(TOS_NAMES).find((known) => known.toLowerCase() === word.toLowerCase());
  const hint = `a number to 255, or one of: ${Object.keys(TOS_NAMES).join(', ')}`;
  return name ? { value: TOS_NAMES[name], mask: TOS_MASK } : scope.fail(`Symbolic name "${word}" is unknown`, hint);
}

const WAYS = ['set-tos', 'and-tos', 'or-tos', 'xor-tos'];
const way = (name: string, help: string): OptionSettings => ({
  help,
  excludes: WAYS.filter((other) => other !== name),
});

const toBits = (name: string, value: number | Bits): Bits => {
  if (typeof value === 'object') return value;
  if (name === 'and-tos') return { value: 0, mask: ~value & 0xff };
  return { value, mask: name === 'or-tos' ? value : 0 };
};

export const TOS = defineTarget({
  name: 'TOS',
  families: [4, 6],
  summary: 'Sets bits of the TOS octet of IPv4 or of the traffic class of IPv6.',
  kernel: 'net/netfilter/xt_DSCP.c tos_tg(), tos_tg6()',
  options: {
    'set-tos': own(tosValue, way('set-tos', 'clear the bits of MASK, then XOR with VALUE')),
    'and-tos': u8(way('and-tos', 'AND with VALUE')),
    'or-tos': u8(way('or-tos', 'OR with VALUE')),
    'xor-tos': u8(way('xor-tos', 'XOR with VALUE')),
  },
  check(options, scope): Bits {
    const used = Object.values(options).find((given) => given !== undefined);
    return used ? toBits(used.name, used.value) : scope.fail('TOS: An action is required');
  },
  save: (bits) => `--set-tos ${printBits(bits)}`,
  list: (bits, { numeric }) => (numeric ? `TOS set ${printBits(bits)}` : listNamed(bits)),
  placement: { tables: ['mangle'] },
  compile({ value, mask }, { family }) {
    const { get, set } = TRAFFIC_CLASS[family];
    return (pkt) => {
      const old = get(pkt.bytes, pkt.l3);
      const now = (old & ~mask) ^ value;
      if (now !== old) set(pkt.bytes, pkt.l3, now);
      return CONTINUE;
    };
  },
});

/** The tool puts its blank in front instead of between when it knows a name: " TOS setMinimize-Cost". */
function listNamed({ value, mask }: Bits): string {
  const name = mask === TOS_MASK && Object.keys(TOS_NAMES).find((known) => TOS_NAMES[known] === value);
  if (name) return ` TOS set${name}`;
  if (value === 0) return `TOS and ${pair(~mask & 0xff)}`;
  if (value === mask) return `TOS or ${pair(value)}`;
  if (mask === 0) return `TOS xor ${pair(value)}`;
  return `TOS set ${printBits({ value, mask })}`;
}
