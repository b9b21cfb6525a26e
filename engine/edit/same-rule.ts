// Whether two rules say the same: what -C and -D compare. Counters and origin do not count.

import type { InterfaceSpec, RuleSpec } from '../../grammar/rule-spec.ts';

export const sameRule = (a: RuleSpec, b: RuleSpec): boolean =>
  a === b ||
  (a.family === b.family &&
    same(a.target, b.target) &&
    same(a.protocol, b.protocol) &&
    a.allProtocols === b.allProtocols &&
    same(a.source, b.source) &&
    same(a.destination, b.destination) &&
    same(device(a.inInterface), device(b.inInterface)) &&
    same(device(a.outInterface), device(b.outInterface)) &&
    same(a.fragment, b.fragment) &&
    same(a.matches, b.matches));

/** A lone `+` compares as no device. */
const device = (given: InterfaceSpec | undefined): InterfaceSpec | undefined =>
  given?.name === '+' && !given.inverted ? undefined : given;

/** Deep equality of plain data, addresses included. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a) as (keyof typeof a)[];
  if (keys.length !== Object.keys(b).length) return keysMatter(a, b);
  return keys.every((key) => same(a[key], b[key]));
}

/** A member that is undefined is as good as one that is not there. */
function keysMatter(a: object, b: object): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof typeof a>;
  return [...keys].every((key) => same(a[key], b[key]));
}
