// The packets that a rule matches, as ranges of fields: what `constrain` says of its matches, and its own addresses, devices and protocol.
// A region may be larger than the rule (a match that declares nothing, a mask with holes, a limit): it is then not exact. Or, for who gives
// such a condition a name, it is a field of its own, 1 where the condition holds. As with `constrain`, a region speaks of whole packets with
// complete headers.

import type { Constraints } from '../engine/extension.ts';
import type { Lookup } from '../grammar/lookup.ts';
import type { InterfaceSpec, MaskedAddress, RuleSpec } from '../grammar/rule-spec.ts';
import type { HookName } from '../grammar/tables.ts';
import type { Family } from '../packet/numbers.ts';
import type { ConditionKey } from './coverage/observations.ts';

export type Bound = number | bigint;
/** Inclusive. */
export type Span = readonly [low: Bound, high: Bound];
export type Field = string;

export interface Region {
  readonly fields: ReadonlyMap<Field, readonly Span[]>;
  /** Every one of them holds. The empty name is "no device". */
  readonly devices: Readonly<Record<'in' | 'out', readonly InterfaceSpec[]>>;
  /** The rule matches every packet of the region. */
  readonly exact: boolean;
}

export const EVERYTHING: Region = { fields: new Map(), devices: { in: [], out: [] }, exact: true };

/** All packets at a hook: in some a device is not known yet, or not any more. */
export function atHook(hook: HookName): Region {
  const none = [{ name: '', inverted: false }];
  const out = hook === 'INPUT' || hook === 'PREROUTING' ? none : [];
  return { ...EVERYTHING, devices: { in: hook === 'OUTPUT' ? none : [], out } };
}

/** What the registry knows of a match beyond its text. */
interface Constraining {
  readonly effect?: 'pure' | 'stateful';
  constrain?(checked: unknown, family: Family): Constraints | undefined;
}

/** The name of a condition that is no range of a field, as a field. */
export type FieldName = (key: ConditionKey) => Field;

/** `named`: conditions that say nothing of themselves become fields; without, the region is then not exact. */
export function regionOf(rule: RuleSpec, lookup: Lookup, named?: FieldName): Region {
  const { family, protocol, fragment, inInterface, outInterface } = rule;
  const fields = new Map<Field, readonly Span[]>();
  let exact = true;
  const unsaid = (key: ConditionKey): void => {
    if (named) limit(named(key), HOLDS);
    else exact = false;
  };
  const limit = (field: Field, spans: readonly Span[] | undefined): void => {
    if (!spans) return;
    const before = fields.get(field);
    fields.set(field, before ? intersection(before, spans) : spans);
  };
  for (const end of ['source', 'destination'] as const) {
    const asked = rule[end];
    const spans = asked && addressSpans(asked, family);
    limit(end, spans);
    if (asked && !spans) unsaid(end);
  }
  if (fragment) unsaid('fragment');
  if (protocol) {
    const { number } = protocol;
    limit('protocol', protocol.inverted ? minus([[0, 255]], [[number, number]]) : [[number, number]]);
  }
  for (const [index, { name, checked }] of rule.matches.entries()) {
    const match = lookup.match(name, family) as Constraining | undefined;
    const asked = match?.effect === 'pure' ? match.constrain?.(checked, family) : undefined;
    if (!asked) unsaid(index);
    for (const [field, ranges] of Object.entries(asked ?? {})) {
      limit(field, field === 'source' || field === 'destination' ? addressRanges(ranges) : (ranges as readonly Span[]));
    }
  }
  const devices = { in: inInterface ? [inInterface] : [], out: outInterface ? [outInterface] : [] };
  return { fields, devices, exact };
}

const HOLDS: readonly Span[] = [[1, 1]];

const addressRanges = (ranges: readonly (readonly unknown[])[]): Span[] =>
  ranges.map(([low, high]) => [numberOf(low as Uint8Array), numberOf(high as Uint8Array)]);

const numberOf = (address: Uint8Array): bigint => address.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);

/** Undefined: a mask with holes. */
function addressSpans({ address, mask, inverted }: MaskedAddress, family: Family): Span[] | undefined {
  const host = ~numberOf(mask) & ((1n << 128n) - 1n);
  if ((host & (host + 1n)) !== 0n) return undefined;
  const low = numberOf(address) & ~host;
  const inside: Span[] = [[low, low | host]];
  return inverted ? minus([ADDRESSES[family]], inside) : inside;
}

export const ADDRESSES: Readonly<Record<Family, Span>> = {
  4: [0xffff_0000_0000n, 0xffff_ffff_ffffn],
  6: [0n, (1n << 128n) - 1n],
};

// --- Spans ---------------------------------------------------------------------------------------------------------------

export function intersection(a: readonly Span[], b: readonly Span[]): Span[] {
  return a.flatMap(([low, high]) =>
    b.flatMap(([from, to]): Span[] => {
      const [first, last] = [low > from ? low : from, high < to ? high : to];
      return first <= last ? [[first, last]] : [];
    }),
  );
}

export function minus(a: readonly Span[], b: readonly Span[]): Span[] {
  return b.reduce<readonly Span[]>(
    (left, [from, to]) =>
      left.flatMap(([low, high]): Span[] => {
        if (to < low || from > high) return [[low, high]];
        const rest: Span[] = [];
        if (low < from) rest.push([low, before(from)]);
        if (to < high) rest.push([after(to), high]);
        return rest;
      }),
    a,
  ) as Span[];
}

const before = (bound: Bound): Bound => (typeof bound === 'bigint' ? bound - 1n : bound - 1);
const after = (bound: Bound): Bound => (typeof bound === 'bigint' ? bound + 1n : bound + 1);

export const within = (a: readonly Span[], b: readonly Span[]): boolean => minus(a, b).length === 0;

// --- Regions --------------------------------------------------------------------------------------------------------------

/** Packets of both; exact where both are. */
export function both(a: Region, b: Region): Region {
  const fields = new Map(a.fields);
  for (const [field, spans] of b.fields) {
    const other = fields.get(field);
    fields.set(field, other ? intersection(other, spans) : spans);
  }
  const devices = {
    in: [...a.devices.in, ...b.devices.in],
    out: [...a.devices.out, ...b.devices.out],
  };
  return { fields, devices, exact: a.exact && b.exact };
}

export function isEmpty({ fields, devices }: Region): boolean {
  for (const spans of fields.values()) if (spans.length === 0) return true;
  return (['in', 'out'] as const).some((way) => contradict(devices[way]));
}

export const disjoint = (a: Region, b: Region): boolean => isEmpty(both(a, b));

/** Every packet of `inner` is one that the rule of `outer` matches. */
export function covers(outer: Region, inner: Region): boolean {
  if (!outer.exact) return false;
  for (const [field, spans] of outer.fields) {
    const own = inner.fields.get(field);
    if (!own || !within(own, spans)) return false;
  }
  return (['in', 'out'] as const).every((way) =>
    outer.devices[way].every((asked) => inner.devices[way].some((known) => implies(known, asked))),
  );
}

const matchesName = ({ name }: InterfaceSpec, device: string): boolean =>
  name.endsWith('+') ? device.startsWith(name.slice(0, -1)) : device === name;

/** Whatever `known` admits, `asked` admits. */
export function implies(known: InterfaceSpec, asked: InterfaceSpec): boolean {
  if (known.name === asked.name && known.inverted === asked.inverted) return true;
  if (known.inverted) return false;
  const inside = known.name.endsWith('+')
    ? asked.name.endsWith('+') && known.name.startsWith(asked.name.slice(0, -1))
    : matchesName(asked, known.name);
  if (!asked.inverted) return inside;
  return !known.name.endsWith('+') ? !matchesName(asked, known.name) : !overlap(known, asked);
}

function overlap(a: InterfaceSpec, b: InterfaceSpec): boolean {
  const [one, two] = [a.name.replace(/\+$/, ''), b.name.replace(/\+$/, '')];
  if (a.name.endsWith('+') && b.name.endsWith('+')) return one.startsWith(two) || two.startsWith(one);
  return matchesName(a, b.name) || matchesName(b, a.name);
}

const contradict = (asked: readonly InterfaceSpec[]): boolean =>
  asked.some((one, index) =>
    asked.slice(index + 1).some((other) => {
      if (!one.inverted && !other.inverted) return !overlap(one, other);
      const [plain, turned] = one.inverted ? [other, one] : [one, other];
      return !plain.inverted && implies(plain, { ...turned, inverted: false });
    }),
  );

/**
 * The packets that one of two rules matches and the other does not, where they differ in one thing alone; as far as can be said, all
 * that either of them matches.
 */
export function difference(a: Region, b: Region): Region[] {
  const names = new Set([...a.fields.keys(), ...b.fields.keys()]);
  const changed = [...names].filter((name) => !sameSpans(a.fields.get(name), b.fields.get(name)));
  const ways = (['in', 'out'] as const).filter(
    (way) => JSON.stringify(a.devices[way]) !== JSON.stringify(b.devices[way]),
  );
  if (a.exact !== b.exact || changed.length + ways.length !== 1) return [a, b];
  if (ways.length === 1) return [...lessDevice(a, b, ways[0]), ...lessDevice(b, a, ways[0])];
  const [field] = changed;
  return [...lessField(a, b, field), ...lessField(b, a, field)];
}

const sameSpans = (a: readonly Span[] | undefined, b: readonly Span[] | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && within(a, b) && within(b, a));

/** `a` without what `b` has, by that field. */
function lessField(a: Region, b: Region, field: Field): Region[] {
  const [own, other] = [a.fields.get(field), b.fields.get(field)];
  if (!other) return [];
  const all: readonly Span[] = typeof other[0]?.[0] === 'bigint' ? [[0n, (1n << 128n) - 1n]] : [[0, 2 ** 32]];
  const left = minus(own ?? all, other);
  return left.length === 0 ? [] : [{ ...a, fields: new Map(a.fields).set(field, left) }];
}

function lessDevice(a: Region, b: Region, way: 'in' | 'out'): Region[] {
  if (b.devices[way].length !== 1) return [];
  const [asked] = b.devices[way];
  const devices = { ...a.devices, [way]: [...a.devices[way], { ...asked, inverted: !asked.inverted }] };
  return [{ ...a, devices }];
}
