// What the tool does with expectations.

import { formatAddress } from '../../packet/address.ts';
import type { TupleGiven } from '../editor.ts';
import type { ExpectFlow, ExpectGiven } from '../expect-flow.ts';
import { expectJson, expectLine, expectProc, expectXml } from '../text/expect.ts';
import type { Command, Side } from './command.ts';
import type { ExpectEvent } from './world.ts';

/** With its newline. */
export function showExpectation(expect: ExpectFlow, { output }: Command): string {
  if (output.has('json')) return `${JSON.stringify(expectJson(expect))}\n`;
  if (output.has('xml')) return `${expectXml(expect)}\n`;
  return `${output.has('proc') ? expectProc(expect) : expectLine(expect)}\n`;
}

export function showExpectEvent({ expect, type }: ExpectEvent, { output }: Command, at: number): string {
  if (output.has('json')) return `${JSON.stringify({ event: type, at, ...expectJson(expect) })}\n`;
  if (output.has('xml')) return `${expectXml(expect)}\n`;
  const micros = String(Math.floor((at % 1_000) * 1_000)).padEnd(6);
  const stamp = output.has('timestamp') ? `[${String(Math.floor(at / 1_000)).padEnd(8)}.${micros}]\t` : '';
  return `${stamp}${expectLine(expect, type)}\n`;
}

const NOWHERE = new Uint8Array(16);

const tupleOf = ({ src, dst }: Side, protocol: number): TupleGiven => ({
  protocol,
  src: src.address ?? NOWHERE,
  dst: dst.address ?? NOWHERE,
  srcKey: src.key ?? 0,
  dstKey: dst.key ?? 0,
});

/** Of -G and -D: a packet that fits. */
export const askedExpectation = ({ family = 4, protocol = 0, orig }: Command): ExpectGiven => ({
  family,
  tuple: tupleOf(orig, protocol),
});

/** Of -I. Differs: the real tool leaves out the protocol, and nothing fits what it makes. */
export function wantedExpectation({ family = 4, protocol = 0, orig, tuple, mask }: Command): ExpectGiven {
  const source = mask.src.address;
  return {
    family,
    master: tupleOf(orig, protocol),
    tuple: tupleOf(tuple, protocol),
    mask: source && { src: formatAddress(source, family), srcKey: mask.src.key ?? 0 },
  };
}
