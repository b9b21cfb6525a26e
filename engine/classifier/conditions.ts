// What a rule asks of the key (key.ts), as numbers in one array: a rule is passed over without a call.
//
// A condition is three words: `op << 4 | word`, a, b. The rules' own conditions come first; then what the matches at the front of the
// rule declare by `constrain`, up to the first one that is stateful, which must be asked whenever those before it said yes, or that
// declares nothing, which might drop the packet. A match that is said by conditions in full need not be asked any more, of a whole
// packet; of any other packet its predicate is asked, and the words that only whole packets have are left out.
//
// In front of them stands what a walk needs of the rule once they hold, so that it touches little else: thousands of rules are not in the caches.
// Behind them, unless the rule is PLAIN, is which predicates have a say.
//
//   | how many + flags + how many of them, in front, are EQUAL << 20 | to | rule's number | position | counter slot | what it does | op, a, b | ...
//   | ... | first predicate | behind the last |

import type { InterfaceSpec, MaskedAddress, RuleSpec } from '../../grammar/rule-spec.ts';
import { i32 } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import { PORTED } from '../../packet/ports.ts';
import type { Constraints, Predicate, Range } from '../extension.ts';
import type { Rule } from '../install/rule.ts';
import type { Verdict } from '../verdict.ts';
import {
  DESTINATION,
  deviceName,
  deviceNumber,
  IN,
  key,
  LATER,
  OUT,
  PORTS,
  PROTOCOL,
  SOURCE,
  STATE,
  UNSEEN,
} from './key.ts';

/** (word & a) === b. The tree is built from these. */
export const EQUAL = 0;
/** (word & a) !== b */
export const UNEQUAL = 1;
/** (word & a) !== 0 */
export const SOME_BIT = 2;
/** a <= source port <= b, a <= destination port <= b */
export const SOURCE_PORT = 3;
export const DESTINATION_PORT = 4;
/** At least one of the next `a` conditions holds, or does not. */
export const ANY = 5;
export const ANY_NOT = 6;
/** The device's name begins as wildcard `a` does (b is 1), or does not (0). */
export const WILDCARD = 7;
const NEVER = 8;

/** In a rule's first word: how many conditions it has; no predicate has a say; and who gets past the conditions goes no further in the chain. */
export const MANY = 0xffff;
export const PLAIN = 1 << 16;
export const FINAL = 1 << 17;
/** Some condition asks for an address. */
export const ADDRESSED = 1 << 18;
const EQUALS_SHIFT = 20;
/** Words in front of the conditions, and which of them is what. */
export const HEAD = 6;
/** Whoever has the list says what that is the number of. */
export const TO = 1;
export const NUMBER = 2;
export const POSITION = 3;
export const SLOT = 4;
/** One of the numbers of ../rule.ts; with VERDICT, that is beside it. */
export const DOES = 5;

/** More ranges than this are left to the predicate. */
const MOST_RANGES = 16;

const NONE: readonly Predicate[] = [];

/** Conditions of many rules, one after the other. */
export class ConditionList {
  words: Int32Array;
  used: number;
  /** Those that have a say, rule by rule. */
  readonly predicates: Predicate[] = [];

  /** With room for some rules; nothing is to be at the first `from` words. */
  constructor(rules: number, from = 0) {
    this.words = new Int32Array(Math.max(64, from + rules * 24));
    this.used = from;
  }

  /** Adds the conditions of `rule` and says where they begin. Sets `rule.asked`. */
  add(rule: Rule, number: number, position: number, to = 0): number {
    const { spec } = rule;
    const { family, source, destination, inInterface, outInterface, protocol, fragment } = spec;
    const at = this.used;
    this.reserve(HEAD);
    this.used += HEAD;
    if (source && !source.inverted) this.address(source, SOURCE, family);
    if (destination && !destination.inverted) this.address(destination, DESTINATION, family);
    if (inInterface && isPlain(inInterface)) this.push(EQUAL, IN, -1, deviceNumber(inInterface.name));
    if (outInterface && isPlain(outInterface)) this.push(EQUAL, OUT, -1, deviceNumber(outInterface.name));
    if (protocol && !protocol.inverted) this.push(EQUAL, PROTOCOL, -1, protocol.number);
    if (fragment) this.push(EQUAL, LATER, -1, fragment.inverted ? 0 : 1);
    const ports = hasPorts(spec);
    if (ports) this.ports(rule.constraints);
    const equals = (this.used - at - HEAD) / 3;
    if (source?.inverted) this.notAddress(source, SOURCE, family);
    if (destination?.inverted) this.notAddress(destination, DESTINATION, family);
    if (inInterface && !isPlain(inInterface)) this.device(inInterface, IN);
    if (outInterface && !isPlain(outInterface)) this.device(outInterface, OUT);
    if (protocol?.inverted) this.push(UNEQUAL, PROTOCOL, -1, protocol.number);
    const { constraints } = rule;
    for (let index = 0; index < constraints.length; index++) this.others(constraints[index], ports);
    rule.asked = askedOf(rule);
    const plain = rule.asked.length === 0;
    this.words[at] =
      (this.used - at - HEAD) / 3 +
      (plain ? PLAIN : 0) +
      (plain && endsHere(rule) ? FINAL : 0) +
      (source || destination ? ADDRESSED : 0) +
      (equals << EQUALS_SHIFT);
    if (!plain) this.ask(rule.asked);
    this.words[at + TO] = to;
    this.words[at + NUMBER] = number;
    this.words[at + POSITION] = position;
    this.words[at + SLOT] = rule.slot;
    this.words[at + DOES] = doesWord(rule);
    return at;
  }

  private push(op: number, field: number, a: number, b: number): void {
    this.reserve(3);
    const { words, used } = this;
    words[used] = (op << 4) | field;
    words[used + 1] = a;
    words[used + 2] = b;
    this.used = used + 3;
  }

  private ask(asked: readonly Predicate[]): void {
    const { predicates } = this;
    this.reserve(2);
    this.words[this.used++] = predicates.length;
    for (const predicate of asked) predicates.push(predicate);
    this.words[this.used++] = predicates.length;
  }

  /** Room for `count` words more, all 0. */
  take(count: number): number {
    this.reserve(count);
    const at = this.used;
    this.used += count;
    return at;
  }

  /** Nothing more comes. */
  trim(): void {
    this.words = this.words.slice(0, this.used);
  }

  private reserve(count: number): void {
    if (this.used + count <= this.words.length) return;
    const larger = new Int32Array(this.words.length * 2);
    larger.set(this.words);
    this.words = larger;
  }

  private address(wanted: MaskedAddress, field: number, family: Family): void {
    const { address, mask } = wanted;
    for (let at = ADDRESS_FROM[family], word = field; at < 16; at += 4, word++) {
      const bits = i32(mask, at);
      if (bits !== 0) this.push(EQUAL, word, bits, i32(address, at) & bits);
    }
  }

  private notAddress(wanted: MaskedAddress, field: number, family: Family): void {
    const at = this.used;
    this.push(ANY_NOT, field, 0, 0);
    this.address(wanted, field, family);
    this.words[at + 1] = (this.used - at) / 3 - 1;
  }

  private device({ name, inverted }: InterfaceSpec, field: number): void {
    if (name.endsWith('+')) this.push(WILDCARD, field, wildcardOf(name.slice(0, -1)), inverted ? 0 : 1);
    else this.push(UNEQUAL, field, -1, deviceNumber(name));
  }

  /** The leading bits that the ports within all ranges share, as one condition. */
  private ports(all: readonly Constraints[]): void {
    for (let index = 0; index < all.length; index++) {
      const { sourcePort, destinationPort } = all[index];
      if (sourcePort && sourcePort.length > 0) this.portBits(sourcePort, 16);
      if (destinationPort && destinationPort.length > 0) this.portBits(destinationPort, 0);
    }
    if (this.portMask !== 0) this.push(EQUAL, PORTS, this.portMask, this.portValue);
    this.portMask = this.portValue = 0;
  }

  private portMask = 0;
  private portValue = 0;

  private portBits(ranges: readonly Range[], shift: number): void {
    const mask = commonBits(ranges) << shift;
    const wanted = (ranges[0][0] << shift) & mask;
    // Two matches that exclude each other.
    if (((wanted ^ this.portValue) & this.portMask & mask) !== 0) this.push(EQUAL, PORTS, 0, 1);
    this.portMask |= mask;
    this.portValue |= wanted;
  }

  private others({ sourcePort, destinationPort, ctState }: Constraints, ports: boolean): void {
    if (ctState) this.push(SOME_BIT, STATE, bitsOf(ctState), 0);
    if (ports && sourcePort) this.ranges(sourcePort, SOURCE_PORT);
    if (ports && destinationPort) this.ranges(destinationPort, DESTINATION_PORT);
  }

  private ranges(ranges: readonly Range[], op: number): void {
    if (ranges.length > MOST_RANGES) return;
    if (ranges.length === 0) this.push(NEVER, PORTS, 0, 0);
    else if (ranges.length === 1 && isAligned(ranges)) return;
    else if (ranges.length > 1) this.push(ANY, PORTS, ranges.length, 0);
    for (let index = 0; index < ranges.length; index++) this.push(op, PORTS, ranges[index][0], ranges[index][1]);
  }
}

const ADDRESS_FROM: Record<Family, number> = { 4: 12, 6: 0 };

const isPlain = ({ name, inverted }: InterfaceSpec): boolean => !inverted && !name.endsWith('+');

/** Whether the rule is for one protocol that has ports. */
const hasPorts = ({ protocol }: RuleSpec): boolean =>
  protocol !== undefined && !protocol.inverted && PORTED[protocol.number] !== 0;

/** What conditions do not say in full. */
function askedOf({ predicates, constraints, spec }: Rule): readonly Predicate[] {
  if (constraints.length === 0) return predicates;
  const ports = hasPorts(spec);
  let said = 0;
  for (let index = 0; index < constraints.length; index++) if (isSaid(constraints[index], ports)) said++;
  if (said === 0) return predicates;
  if (said === predicates.length) return NONE;
  return predicates.filter((_predicate, index) => !(index < constraints.length && isSaid(constraints[index], ports)));
}

function isSaid(constraints: Constraints, ports: boolean): boolean {
  for (const name in constraints) {
    const ranges = constraints[name as keyof Constraints];
    if (ranges === undefined || name === 'ctState') continue;
    if (name !== 'sourcePort' && name !== 'destinationPort') return false;
    if (!ports || ranges.length > MOST_RANGES) return false;
  }
  return true;
}

const doesWord = ({ does, verdict }: Rule): number => does | ((verdict + 8) << 4);
export const doesOf = (word: number): number => word & 15;
export const verdictOf = (word: number): Verdict => ((word >> 4) - 8) as Verdict;

const endsHere = ({ spec: { target } }: Rule): boolean => target?.kind === 'verdict' || target?.kind === 'goto';

/** Leading bits of 16 that all numbers of the ranges share; they are sorted. */
const commonBits = (ranges: readonly Range[]): number =>
  (0xffff << (32 - Math.clz32(ranges[0][0] ^ ranges[ranges.length - 1][1]))) & 0xffff;

/** The leading bits say all. */
const isAligned = (ranges: readonly Range[]): boolean => {
  const low = ranges[0][0];
  const free = ranges[0][1] - low;
  return (free & (free + 1)) === 0 && (low & free) === 0;
};

/** A field that holds one bit, or 0. */
function bitsOf(ranges: readonly Range[]): number {
  let mask = 0;
  for (const [low, high] of ranges) {
    for (let bit = 1; bit < UNSEEN; bit <<= 1) if (low <= bit && bit <= high) mask |= bit;
    if (low === 0) mask |= UNSEEN;
  }
  return mask;
}

// --- Wildcards of device names ----------------------------------------------------------------------------------------

const prefixes: string[] = [];
export const wildcardPrefix = (wildcard: number): string => prefixes[wildcard];

/** By wildcard, by number of the name: 0 not known yet, 1 begins so, 2 does not. */
const begins: Uint8Array[] = [];

function wildcardOf(prefix: string): number {
  const known = prefixes.indexOf(prefix);
  if (known >= 0) return known;
  begins.push(new Uint8Array(16));
  return prefixes.push(prefix) - 1;
}

function isWildcard(wildcard: number, number: number): boolean {
  const answer = begins[wildcard][number];
  return answer ? answer === 1 : learn(wildcard, number);
}

function learn(wildcard: number, number: number): boolean {
  if (number >= begins[wildcard].length) {
    const larger = new Uint8Array(2 * number);
    larger.set(begins[wildcard]);
    begins[wildcard] = larger;
  }
  const yes = deviceName(number).startsWith(prefixes[wildcard]);
  begins[wildcard][number] = yes ? 1 : 2;
  return yes;
}

/** Of the conditions at `at`, how many in front are EQUAL. */
export const equalsAt = (words: Int32Array, at: number): number => words[at] >>> EQUALS_SHIFT;

/** Where the next rule of the list begins. */
export const behind = (words: Int32Array, at: number): number =>
  at + HEAD + 3 * (words[at] & MANY) + ((words[at] & PLAIN) === 0 ? 2 : 0);

// --- Asking -------------------------------------------------------------------------------------------------------------

/** Whether the conditions at `at` hold for the key, of a whole packet. */
export function hold(words: Int32Array, at: number): boolean {
  const end = at + HEAD + 3 * (words[at] & MANY);
  for (at += HEAD; at < end; at += 3) {
    const code = words[at];
    if (code < 16) {
      if ((key[code] & words[at + 1]) !== words[at + 2]) return false;
    } else {
      if (!holds(words, at)) return false;
      if (code >= ANY << 4 && code < WILDCARD << 4) at += 3 * words[at + 1];
    }
  }
  return true;
}

/** The same for a packet that is not whole, so far as its key goes. */
export function holdBroken(words: Int32Array, at: number): boolean {
  const end = at + HEAD + 3 * (words[at] & MANY);
  for (at += HEAD; at < end; at += 3) {
    const code = words[at];
    if (!isOfWhole(code & 15) && !holds(words, at)) return false;
    if (code >= ANY << 4 && code < WILDCARD << 4) at += 3 * words[at + 1];
  }
  return true;
}

/** Words of the key that say something of whole packets only. */
export const isOfWhole = (field: number): boolean => field === PROTOCOL || field === PORTS || field === STATE;

function holds(words: Int32Array, at: number): boolean {
  const value = key[words[at] & 15];
  const a = words[at + 1];
  const b = words[at + 2];
  switch (words[at] >> 4) {
    case EQUAL:
      return (value & a) === b;
    case UNEQUAL:
      return (value & a) !== b;
    case SOME_BIT:
      return (value & a) !== 0;
    case SOURCE_PORT:
      return a <= value >>> 16 && value >>> 16 <= b;
    case DESTINATION_PORT:
      return a <= (value & 0xffff) && (value & 0xffff) <= b;
    case ANY:
      for (let index = 1; index <= a; index++) if (holds(words, at + 3 * index)) return true;
      return false;
    case ANY_NOT:
      for (let index = 1; index <= a; index++) if (!holds(words, at + 3 * index)) return true;
      return false;
    case WILDCARD:
      return isWildcard(a, value) === (b === 1);
    default: // NEVER
      return false;
  }
}
