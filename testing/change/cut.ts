// Regions cut along a rule: the packets that it matches, and the others, as regions that have no packet in common.

import type { InterfaceSpec } from '../../grammar/rule-spec.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED } from '../../packet/packet.ts';
import { type Field, implies, intersection, isEmpty, minus, type Region, type Span, within } from '../regions.ts';

/** All values of a field. 0 is the ctstate of what nobody has looked at yet. */
const UNIVERSE: Readonly<Record<Field, readonly Span[]>> = {
  protocol: [[0, 0xff]],
  source: [[0n, (1n << 128n) - 1n]],
  destination: [[0n, (1n << 128n) - 1n]],
  sourcePort: [[0, 0xffff]],
  destinationPort: [[0, 0xffff]],
  icmpTypeCode: [[0, 0xffff]],
  tcpFlags: [[0, 0xff]],
  ctState: [0, CT_INVALID, CT_NEW, CT_RELATED, CT_ESTABLISHED, CT_UNTRACKED].map((bit): Span => [bit, bit]),
  hopLimit: [[0, 0xff]],
  length: [[0, 40 + 0xffff]],
  mark: [[0, 0xffff_ffff]],
  dscp: [[0, 63]],
};

/** A condition that was given a name holds, or does not. */
const YES_OR_NO: readonly Span[] = [[0, 1]];

/** The name of a field for packets that were changed on their way: `dscp`, changed by `TOS ...`. What follows is no part of it. */
const CHANGED = ' behind ';
export const baseOf = (field: Field): Field => field.split(CHANGED, 1)[0];
export const universe = (field: Field): readonly Span[] => UNIVERSE[baseOf(field)] ?? YES_OR_NO;

/** What no target but those of NAT changes, which end the walk. */
const LASTING = new Set([
  'protocol',
  'source',
  'destination',
  'sourcePort',
  'destinationPort',
  'icmpTypeCode',
  'tcpFlags',
  'ctState',
]);

/** The region of a rule that is asked after the packet was changed: what may be another by then is another field. */
export function behind(region: Region, changes: readonly string[]): Region {
  if (changes.length === 0) return region;
  const suffix = `${CHANGED}${changes.join('; ')}`;
  const fields = new Map([...region.fields].map(([name, spans]) => [LASTING.has(name) ? name : name + suffix, spans]));
  return { ...region, fields };
}

export interface Cut {
  /** Undefined: none. */
  readonly inside: Region | undefined;
  readonly outside: readonly Region[];
}

/** `region` cut along the edges of `rule`. */
export function cut(region: Region, rule: Region): Cut {
  if (!touches(region, rule)) return { inside: undefined, outside: [region] };
  const outside: Region[] = [];
  let rest = region;
  const keep = (part: Region): void => {
    if (!isEmpty(part)) outside.push(part);
  };
  for (const way of ['in', 'out'] as const) {
    for (const asked of rule.devices[way]) {
      if (rest.devices[way].some((known) => implies(known, asked))) continue;
      keep(withDevice(rest, way, { ...asked, inverted: !asked.inverted }));
      rest = withDevice(rest, way, asked);
      if (isEmpty(rest)) return { inside: undefined, outside };
    }
  }
  for (const [field, spans] of rule.fields) {
    const own = rest.fields.get(field) ?? universe(field);
    if (within(own, spans)) continue;
    keep(withField(rest, field, minus(own, spans)));
    rest = withField(rest, field, intersection(own, spans));
  }
  return { inside: rest, outside };
}

/** Whether they may have a packet in common, by their fields. */
function touches(region: Region, rule: Region): boolean {
  for (const [field, spans] of rule.fields) {
    const own = region.fields.get(field);
    if (own && !own.some(([low, high]) => spans.some(([from, to]) => low <= to && from <= high))) return false;
  }
  return true;
}

export const withField = (region: Region, field: Field, spans: readonly Span[]): Region => ({
  ...region,
  fields: new Map(region.fields).set(field, spans),
});

function withDevice(region: Region, way: 'in' | 'out', asked: InterfaceSpec): Region {
  // What is known exactly needs no more words.
  const known = region.devices[way].filter((one) => !implies(asked, one));
  return { ...region, devices: { ...region.devices, [way]: [...known, asked] } };
}
