// The frame's own values: chain and target names, rule numbers, counters, devices, seconds. Each is read or refused in the real tool's words.

import type { Family } from '../packet/numbers.ts';
import { RuleError } from './error.ts';
import type { Lookup } from './lookup.ts';
import type { Counters } from './rule-spec.ts';
import { scanNumber, wholeNumber } from './scan.ts';
import { octets } from './values.ts';
import type { Word } from './words.ts';

/** Length of chain and target names in octets, at most. */
export const NAME_LENGTH = 28;

export const VERDICTS = ['ACCEPT', 'DROP', 'RETURN', 'QUEUE'] as const;
type VerdictName = (typeof VERDICTS)[number];
export const isVerdict = (name: string): name is VerdictName => (VERDICTS as readonly string[]).includes(name);

/** One of "someone else's" lines: -4 in ip6tables-restore. Ends the reading at once. */
export class OtherFamily extends Error {}

/** "Bad argument `x'": the one message that the real tool prints without its name and version in front. */
export class BadArgument extends RuleError {
  override readonly bare = true;

  constructor(word: Word, hint?: string) {
    super(`Bad argument \`${word.text}'`, word, hint);
  }
}

/** What is glued to an option: the word from that character on. */
export const rest = (word: Word, from: number): Word => ({
  text: word.text.slice(from),
  start: Math.min(word.start + from, word.end),
  end: word.end,
});

export const missingArgument = (word: Word): RuleError =>
  new RuleError(`option "${word.text}" requires an argument`, word);

export function ruleNumber(word: Word): number {
  const number = wholeNumber(word.text, 1, 0x7fff_ffff);
  if (number === undefined) throw new RuleError(`Invalid rule number \`${word.text}'`, word, 'rules count from 1');
  return number;
}

/** `-c packets bytes` or `-c packets,bytes`; text after the digits of a number is not looked at. */
export function readCounters(word: Word, first: Word, second: Word | undefined): Counters {
  const comma = first.text.indexOf(',', 1);
  const bytes = comma >= 0 ? first.text.slice(comma + 1) : second?.text;
  if (bytes === undefined) throw new RuleError('-c requires packet and byte counter', word);
  const packets = leadingNumber(first.text);
  if (packets === undefined) throw new RuleError('-c packet counter not numeric', first);
  const octetCount = leadingNumber(bytes);
  if (octetCount === undefined) throw new RuleError('-c byte counter not numeric', second ?? first);
  return { packets, bytes: octetCount };
}

const leadingNumber = (text: string): number | undefined => {
  const scanned = scanNumber(text, 0, 10);
  return scanned && Number(scanned.value);
};

/** For the hint: an extension that only the other family has. */
export function otherFamily(
  lookup: Lookup,
  kind: 'match' | 'target',
  name: string,
  family: Family,
): string | undefined {
  const other = family === 4 ? 6 : 4;
  return lookup[kind](name, other) ? `it is there for IPv${other} only` : undefined;
}

export function checkChainLength(name: Word): void {
  if (octets(name.text) <= NAME_LENGTH) return;
  throw new RuleError(`chain name \`${name.text}' too long (must be under ${NAME_LENGTH + 1} chars)`, name);
}

/** The name of a chain to be made with -N: stricter than a `:` line. */
export function checkNewChain(name: Word, lookup: Lookup, family: Family): void {
  const { text } = name;
  checkChainLength(name);
  if (text[0] === '-' || text[0] === '!')
    throw new RuleError(`chain name not allowed to start with \`${text[0]}'`, name);
  if (text === '' || isVerdict(text) || lookup.target(text, family)) {
    throw new RuleError('chain name may not clash with target name', name);
  }
  if (/\s/.test(text)) throw new RuleError(`Invalid chain name \`${text}'`, name);
}

/** A word behind -j or -g. */
export function targetName(value: Word): Word {
  const { text } = value;
  if (text === '') throw new RuleError('Invalid target name (too short)', value);
  if (octets(text) > NAME_LENGTH)
    throw new RuleError(`Invalid target name \`${text}' (${NAME_LENGTH} chars max)`, value);
  if (/\s/.test(text)) throw new RuleError(`Invalid target name \`${text}'`, value);
  return value;
}

/** A device's name; a lone `+` is any. Longer ones than the kernel has are refused. */
export function deviceName({ text, ...at }: Word): string {
  if (octets(text) > 15) throw new RuleError(`interface name \`${text}' must be shorter than IFNAMSIZ (15)`, at);
  return text;
}

/** The kernel will not have such a device; the rule is taken all the same. */
export function warnOfWeirdDevice(name: string, warn: (text: string) => void): void {
  if (!/[/ ]/.test(name)) return;
  warn(`Warning: weird character in interface \`${name}' ('/' and ' ' are not allowed by the kernel).`);
}

/** Seconds behind -w; -1, for ever, when none are given. */
export function waitSeconds(value: Word | undefined): number {
  if (!value) return -1;
  const seconds = /^\s*([+-]?\d+)/.exec(value.text);
  if (!seconds) throw new RuleError('wait seconds not numeric', value);
  return Number(seconds[1]);
}
