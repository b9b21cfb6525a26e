// Changes of tables on their way to the engine's thread. A rule as an object costs the other side some microseconds to build from the message,
// while packets wait: so rules and chains are rows of numbers, addresses octets, and what rules have in common (matches, targets, devices: rules that
// were read from the same words share them) goes over once in an install, to be named by its number. Where a rule was read is not sent.

import { maskOf } from '../../grammar/addresses.ts';
import type { MaskedAddress, RuleSpec } from '../../grammar/rule-spec.ts';
import { HOOKS } from '../../grammar/tables.ts';
import type { Address } from '../../packet/address.ts';
import type { Family } from '../../packet/numbers.ts';
import { type ChainChange, isMoved, type Moved, type TableChange } from './table-change.ts';

export interface PackedChange extends Omit<TableChange, 'chains'> {
  /** Names of the chains. */
  readonly chains: readonly string[];
  /** HEAD numbers for each of them. */
  readonly heads: Float64Array;
  /** ROW numbers for each rule added, chain after chain. */
  readonly rows: Float64Array;
  /** ADDRESS octets for each address that is new: of these, 1 is the first. */
  readonly addresses: Uint8Array;
  /** What else is new: of these, too, 1 is the first. */
  readonly values: readonly unknown[];
}

/** | hook, 1 for the first | policy | packets | octets | is new | from | removed | how many are added |; 0: none. */
const HEAD = 8;
const POLICIES = [undefined, 'ACCEPT', 'DROP'] as const;
/** | what it is: bits | source | destination | in, out device | protocol | fragment | matches | target | packets | octets |; 0: there is none. */
const ROW = 11;
/** | 16 of the address | length of the mask | inverted | */
const ADDRESS = 18;

const ALL_PROTOCOLS = 1;
const COUNTED = 2;
/** The next number is that of a Moved. */
const MOVED = 4;

/** Of one install. */
export class Packer {
  private readonly valueNumbers = new Map<object, number>();
  private readonly addressNumbers = new Map<MaskedAddress, number>();
  private readonly lengths = new Map<Address, number>();
  private addressCount = 0;
  private addresses = new Uint8Array(64 * ADDRESS);
  private addressLength = 0;
  private values: unknown[] = [];

  pack({ family, name, gone, chains }: TableChange): PackedChange {
    this.addressLength = 0;
    this.values = [];
    const rows = new Float64Array(ROW * chains.reduce((sum, { added }) => sum + added.length, 0));
    let at = 0;
    for (const { added } of chains) {
      for (const rule of added) {
        if (isMoved(rule)) rows.set([MOVED, this.value(rule)], at);
        else this.row(rule, rows, at);
        at += ROW;
      }
    }
    const { values } = this;
    const names = chains.map((chain) => chain.name);
    const addresses = this.addresses.slice(0, this.addressLength);
    return { family, name, gone, chains: names, heads: headsOf(chains), rows, addresses, values };
  }

  private row(rule: RuleSpec, rows: Float64Array, at: number): void {
    const { family, counters, matches } = rule;
    rows[at] = (rule.allProtocols ? ALL_PROTOCOLS : 0) | (counters ? COUNTED : 0);
    rows[at + 1] = this.address(rule.source, family);
    rows[at + 2] = this.address(rule.destination, family);
    rows[at + 3] = this.value(rule.inInterface);
    rows[at + 4] = this.value(rule.outInterface);
    rows[at + 5] = this.value(rule.protocol);
    rows[at + 6] = this.value(rule.fragment);
    rows[at + 7] = matches.length === 0 ? 0 : this.value(matches);
    rows[at + 8] = this.value(rule.target);
    rows[at + 9] = counters?.packets ?? 0;
    rows[at + 10] = counters?.bytes ?? 0;
  }

  private value(value: object | undefined): number {
    if (value === undefined) return 0;
    let number = this.valueNumbers.get(value);
    if (number === undefined) {
      this.values.push(value);
      this.valueNumbers.set(value, (number = this.valueNumbers.size + 1));
    }
    return number;
  }

  /** Negative: it is among the values, for its mask is no prefix. */
  private address(given: MaskedAddress | undefined, family: Family): number {
    if (given === undefined) return 0;
    let number = this.addressNumbers.get(given);
    if (number === undefined) this.addressNumbers.set(given, (number = this.newAddress(given, family)));
    return number;
  }

  private newAddress(given: MaskedAddress, family: Family): number {
    // Masks of prefixes are shared by all that have them.
    let length = this.lengths.get(given.mask);
    if (length === undefined) this.lengths.set(given.mask, (length = lengthOf(given.mask, family)));
    if (length < 0) return -this.value(given);
    const at = this.addressLength;
    this.addressLength += ADDRESS;
    if (this.addressLength > this.addresses.length) this.addresses = enlarged(this.addresses);
    this.addresses.set(given.address, at);
    this.addresses[at + 16] = length;
    this.addresses[at + 17] = given.inverted ? 1 : 0;
    return ++this.addressCount;
  }
}

function headsOf(chains: readonly ChainChange[]): Float64Array {
  const heads = new Float64Array(HEAD * chains.length);
  let at = 0;
  for (const { builtin, policy, counters, isNew, from, removed, added } of chains) {
    heads[at] = builtin === undefined ? 0 : HOOKS.indexOf(builtin) + 1;
    heads[at + 1] = POLICIES.indexOf(policy);
    heads[at + 2] = counters.packets;
    heads[at + 3] = counters.bytes;
    heads[at + 4] = isNew ? 1 : 0;
    heads[at + 5] = from;
    heads[at + 6] = removed;
    heads[at + 7] = added.length;
    at += HEAD;
  }
  return heads;
}

function enlarged(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(2 * octets.length);
  larger.set(octets);
  return larger;
}

/** Of the prefix that it is, -1 when it is none. */
function lengthOf(mask: Uint8Array, family: Family): number {
  let length = family === 4 ? -96 : 0;
  for (const octet of mask) length += ONES[octet];
  return length >= 0 && maskOf(length, family).every((octet, at) => octet === mask[at]) ? length : -1;
}

const ONES = Uint8Array.from({ length: 256 }, (_, octet) => octet.toString(2).replaceAll('0', '').length);

/** The other side of a Packer. */
export class Unpacker {
  private readonly addresses: MaskedAddress[] = [];
  private readonly values: unknown[] = [];

  unpack({ family, name, gone, chains: names, heads, rows, addresses, values }: PackedChange): TableChange {
    for (let at = 0; at < addresses.length; at += ADDRESS) this.addresses.push(addressAt(addresses, at, family));
    for (const value of values) this.values.push(value);
    let at = 0;
    const chains = names.map((chain, index): ChainChange => {
      const head = HEAD * index;
      const added: (RuleSpec | Moved)[] = [];
      for (const end = at + ROW * heads[head + 7]; at < end; at += ROW) added.push(this.rule(rows, at, family));
      return {
        name: chain,
        builtin: HOOKS[heads[head] - 1],
        policy: POLICIES[heads[head + 1]],
        counters: { packets: heads[head + 2], bytes: heads[head + 3] },
        isNew: heads[head + 4] === 1,
        from: heads[head + 5],
        removed: heads[head + 6],
        added,
      };
    });
    return { family, name, gone, chains };
  }

  private rule(rows: Float64Array, at: number, family: Family): RuleSpec | Moved {
    const bits = rows[at];
    if (bits & MOVED) return this.value(rows[at + 1])!;
    const rule: RuleSpec = {
      family,
      source: this.address(rows[at + 1]),
      destination: this.address(rows[at + 2]),
      inInterface: this.value(rows[at + 3]),
      outInterface: this.value(rows[at + 4]),
      protocol: this.value(rows[at + 5]),
      fragment: this.value(rows[at + 6]),
      matches: this.value(rows[at + 7]) ?? NO_MATCHES,
      target: this.value(rows[at + 8]),
      counters: bits & COUNTED ? { packets: rows[at + 9], bytes: rows[at + 10] } : undefined,
      origin: undefined,
    };
    return bits & ALL_PROTOCOLS ? { ...rule, allProtocols: true } : rule;
  }

  private value<T>(number: number): T | undefined {
    return number === 0 ? undefined : (this.values[number - 1] as T);
  }

  private address(number: number): MaskedAddress | undefined {
    if (number === 0) return undefined;
    return number > 0 ? this.addresses[number - 1] : this.value(-number);
  }
}

const NO_MATCHES: RuleSpec['matches'] = [];

const addressAt = (octets: Uint8Array, at: number, family: Family): MaskedAddress => ({
  address: octets.slice(at, at + 16),
  mask: maskOf(octets[at + 16], family),
  inverted: octets[at + 17] === 1,
});
