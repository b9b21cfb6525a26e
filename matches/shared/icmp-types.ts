// Names and text of ICMP types: what icmp (IPv4) and icmp6 have in common. A name may be cut short as long as it means one type.

import { defineMatch, type Match } from '../../engine/extension.ts';
import type { Option, ValueScope } from '../../grammar/options.ts';
import { scanNumber } from '../../grammar/scan.ts';
import { own } from '../../grammar/values.ts';
import * as icmpHeader from '../../packet/icmp.ts';
import type { Family } from '../../packet/numbers.ts';
import { within } from './ranges.ts';
import { option, words } from './text.ts';

/** A name, its type, and its code; without one the name means every code. In the tool's order: the first two decide what an ambiguity says. */
export type IcmpName = readonly [name: string, type: number, code?: number];

export interface IcmpType {
  readonly type: number;
  /** Undefined: any. */
  readonly code: number | undefined;
}

export interface IcmpTypeInverted extends IcmpType {
  readonly inverted: boolean;
}

interface Dialect {
  readonly name: string;
  readonly family: Family;
  readonly aliases: readonly string[];
  readonly protocol: number;
  /** Option name, without dashes. */
  readonly option: string;
  /** "ICMP", "ICMPv6": in messages. */
  readonly title: string;
  /** Prefix of -L text. */
  readonly label: string;
  readonly names: readonly IcmpName[];
  /** A type that stands for all: saved by its name, whatever the code. */
  readonly any: { readonly type: number; readonly name: string } | undefined;
  readonly summary: string;
  readonly kernel: string;
}

/** Types with their other name in brackets, and their codes set in. */
function typeLines({ names }: Dialect): string[] {
  const lines: string[] = [];
  for (const [index, [name, type, code]] of names.entries()) {
    const before = names[index - 1];
    if (code !== undefined) lines.push(`   ${name}`);
    else if (before?.[1] === type && before[2] === undefined) lines[lines.length - 1] += ` (${name})`;
    else lines.push(name);
  }
  return lines;
}

export function defineIcmp(dialect: Dialect): Match<{ [name: string]: Option<IcmpType, true> }, IcmpTypeInverted> {
  const { any } = dialect;
  const isAny = (type: number): boolean => type === any?.type;
  const number = ({ type, code }: IcmpType): string =>
    isAny(type) ? any!.name : code === undefined ? `${type}` : `${type}/${code}`;
  const kind = {
    words: 1 as const,
    metavar: 'type[/code]',
    choices: { words: () => dialect.names.map(([name]) => name) },
    parse: ([word]: readonly string[], scope: ValueScope): IcmpType =>
      byName(word, dialect, scope) ?? byNumber(word, dialect, scope),
    print: number,
  };
  return defineMatch({
    name: dialect.name,
    families: [dialect.family],
    aliases: dialect.aliases,
    summary: dialect.summary,
    kernel: dialect.kernel,
    helpLines: [`Valid ${dialect.title} Types:`, ...typeLines(dialect)],
    placement: { protocols: [dialect.protocol] },
    effect: 'pure',
    options: {
      [dialect.option]: own(kind, { help: 'type, with code if wanted, or a name', invert: true, required: true }),
    },
    check: (given) => ({ ...given[dialect.option].value, inverted: given[dialect.option].inverted }),
    save: (checked) => option(dialect.option, number(checked), checked.inverted),
    list({ type, code, inverted }, scope) {
      const named = dialect.names.find((entry) => entry[1] === type && entry[2] === code);
      if (named && !scope.numeric) return `${dialect.label} ${inverted ? '!' : ''}${named[0]}`;
      return words(
        inverted ? `${dialect.label} !type ${type}` : `${dialect.label}type ${type}`,
        code !== undefined && `code ${code}`,
      );
    },
    compile({ type, code, inverted }) {
      const low = code ?? 0;
      const high = code ?? 255;
      const everything = isAny(type);
      return (pkt) => {
        if (pkt.fragmentOffset !== 0) return false;
        const { bytes, l4 } = pkt;
        if (!icmpHeader.fits(bytes, l4, pkt.end)) return pkt.hotDrop('ICMP header cut short');
        const found = bytes[l4 + 1];
        return (everything || (bytes[l4] === type && low <= found && found <= high)) !== inverted;
      };
    },
    constrain: ({ type, code, inverted }) => ({
      icmpTypeCode: within(
        isAny(type) ? [0, 0xffff] : [(type << 8) | (code ?? 0), (type << 8) | (code ?? 255)],
        inverted,
        0xffff,
      ),
    }),
    saw(_checked, pkt) {
      if (pkt.fragmentOffset !== 0) return 'later fragment';
      if (!icmpHeader.fits(pkt.bytes, pkt.l4, pkt.end)) return 'header cut short';
      return `type ${pkt.bytes[pkt.l4]} code ${pkt.bytes[pkt.l4 + 1]}`;
    },
  });
}

/** Undefined: no name begins like that. */
function byName(word: string, { names, title }: Dialect, scope: ValueScope): IcmpType | undefined {
  const lower = word.toLowerCase();
  const [first, second] = names.filter((entry) => entry[0].toLowerCase().startsWith(lower));
  if (second) {
    const either = `\`${first[0]}' or \`${second[0]}'`;
    scope.fail(`Ambiguous ${title} type \`${word}': ${either}?`, 'write more of the name');
  }
  return first && { type: first[1], code: first[2] };
}

function byNumber(word: string, { title }: Dialect, scope: ValueScope): IcmpType {
  const slash = word.indexOf('/');
  const type = octet(slash < 0 ? word : word.slice(0, slash), scope);
  if (type === undefined) return scope.fail(`Unknown ${title} type \`${word}'`, `a name or a number from 0 to 255`);
  if (slash < 0) return { type, code: undefined };
  const code = octet(word.slice(slash + 1), scope);
  if (code === undefined) return scope.fail(`Unknown ${title} code \`${word}'`, 'a number from 0 to 255');
  return { type, code };
}

/** 0 to 255 in any base; undefined when no such number begins the word, a refusal when more follows it. */
function octet(word: string, scope: ValueScope): number | undefined {
  const scanned = scanNumber(word);
  if (!scanned || scanned.value > 255) return undefined;
  if (scanned.end < word.length) scope.fail(`unknown character ${word[scanned.end]}`);
  return Number(scanned.value);
}
