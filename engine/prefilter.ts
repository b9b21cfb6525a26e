// What a rule's matches say of ports and ctstate, as comparisons in the generated code: most rules of a long list are passed over
// without a call. A match that declares `constrain` says exactly what it asks of a whole packet with complete headers; of any
// other packet (`whole` is false) nothing is known beforehand, and the predicate itself is asked.
//
// Only the matches at the front of the rule count: up to the first one that is stateful, which must be asked whenever those before it
// said yes, or that declares nothing, which might drop the packet.

import { u16 } from '../packet/bytes.ts';
import { IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import type { Constraints, Range } from './extension.ts';
import type { Rule } from './rule.ts';

/** Octets of the fixed header of the protocols that have ports in its first two words. */
const HEADER = new Uint8Array(256);
HEADER[IPPROTO_TCP] = 20;
HEADER[IPPROTO_UDP] = 8;
HEADER[IPPROTO_UDPLITE] = 8;
HEADER[IPPROTO_DCCP] = 12;
HEADER[IPPROTO_SCTP] = 12;

/** Whether the constraints hold for `pkt`: no fragment, ports and all options there. */
export function isWhole(pkt: Packet): boolean {
  const { protocol, l4, end } = pkt;
  if (protocol < 0 || pkt.fragmentOffset !== 0 || pkt.moreFragments) return false;
  const length = HEADER[protocol];
  if (length === 0 || l4 + length > end) return false;
  if (protocol !== IPPROTO_TCP) return true;
  const header = (pkt.bytes[l4 + 12] >>> 4) << 2;
  return header >= length && l4 + header <= end;
}

/** How the generated code sets what prefilterText() names; in this order. */
export const LOADS: Readonly<Record<string, string>> = {
  whole: 'isWhole(pkt)',
  sport: 'whole ? u16(b, pkt.l4) : 0',
  dport: 'whole ? u16(b, pkt.l4 + 2) : 0',
  ct: 'pkt.ctState',
};
export const LOADERS = { isWhole, u16 };

/** Conditions without which the rule cannot match; the names that they use are added to `names`. */
export function prefilterText({ spec, matches }: Rule, names: Set<string>): string[] {
  const { protocol, family } = spec;
  const hasPorts = protocol !== undefined && !protocol.inverted && HEADER[protocol.number] !== 0;
  const conditions: string[] = [];
  const require = (name: string, text: string | undefined) => {
    if (text === undefined) return;
    names.add('whole').add(name);
    conditions.push(`(${text} || !whole)`);
  };
  for (const [index, match] of matches.entries()) {
    const asked: Constraints | undefined =
      match.effect === 'pure' ? match.constrain?.(spec.matches[index].checked, family) : undefined;
    if (!asked) break;
    if (asked.ctState) require('ct', bitsText('ct', asked.ctState));
    if (hasPorts && asked.sourcePort) require('sport', rangesText('sport', asked.sourcePort));
    if (hasPorts && asked.destinationPort) require('dport', rangesText('dport', asked.destinationPort));
  }
  return conditions;
}

/** More ranges than this are left to the predicate. */
const MANY = 4;

function rangesText(name: string, ranges: readonly Range[]): string | undefined {
  if (ranges.length > MANY || ranges.some(([low, high]) => low === 0 && high >= 0xffff)) return undefined;
  const texts = ranges.map(([low, high]) =>
    low === high ? `${name} === ${low}` : `(${name} >= ${low} && ${name} <= ${high})`,
  );
  return texts.length > 0 ? texts.join(' || ') : 'false';
}

/** A field that holds one bit, or 0. */
function bitsText(name: string, ranges: readonly Range[]): string {
  let mask = 0;
  for (const [low, high] of ranges)
    for (let bit = 1; bit <= 1 << 8; bit <<= 1) if (low <= bit && bit <= high) mask |= bit;
  const zero = ranges.some(([low]) => low === 0) ? ` || ${name} === 0` : '';
  return `(${name} & ${mask}) !== 0${zero}`;
}
