// Regions said in fewer: parts that differ in one field alone become one.

import { covers, type Field, type Region, type Span, within } from '../regions.ts';
import { universe } from './cut.ts';

/** More than these are left as they are. */
const MOST = 2_000;

/** The same packets in as few regions as joining two by one field makes of them. */
export function joined(regions: readonly Region[]): Region[] {
  let list = [...regions];
  if (list.length > MOST) return list;
  for (let before = Number.POSITIVE_INFINITY; list.length < before; ) {
    before = list.length;
    const fields = new Set(list.flatMap((region) => [...region.fields.keys()]));
    for (const field of fields) list = joinedBy(field, list);
    list = list.filter(
      (one, index) =>
        !list.some((other, at) => at !== index && covers(other, one) && !(covers(one, other) && at > index)),
    );
  }
  return list;
}

function joinedBy(field: Field, regions: readonly Region[]): Region[] {
  const alike = new Map<string, Region[]>();
  for (const region of regions) {
    const rest = keyOf(region, field);
    alike.set(rest, [...(alike.get(rest) ?? []), region]);
  }
  return [...alike.values()].map((group) => {
    const [first] = group;
    if (group.length === 1) return first;
    const spans = union(group.flatMap((region) => region.fields.get(field) ?? universe(field)));
    const fields = new Map(first.fields);
    if (within(universe(field), spans)) fields.delete(field);
    else fields.set(field, spans);
    return { ...first, fields };
  });
}

function keyOf({ fields, devices }: Region, but: Field): string {
  const rest = [...fields].filter(([name]) => name !== but).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([devices, rest], (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
}

/** Sorted, without overlaps or neighbours. */
export function union(spans: readonly Span[]): Span[] {
  const sorted = [...spans].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const list: [Span[0], Span[1]][] = [];
  for (const [low, high] of sorted) {
    const last = list.at(-1);
    const next = last && (typeof last[1] === 'bigint' ? last[1] + 1n : last[1] + 1);
    if (last && next !== undefined && low <= next) last[1] = last[1] > high ? last[1] : high;
    else list.push([low, high]);
  }
  return list;
}
