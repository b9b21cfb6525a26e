// The shape of an SNMP message in BER, as far as it must be known to find the addresses in it: RFC 1157, RFC 3416. What is not of this shape is no
// message; what lies behind it does not matter. Source: net/ipv4/netfilter/nf_nat_snmp_basic.asn1, lib/asn1_decoder.c asn1_ber_decoder(), asked
// of a 6.18 kernel, which accepts messages without PDU and bindings without value, but no empty list.
//
// Differs: traps of version 1 are known here; the kernel drops every one that it is to translate. Lengths are definite, as RFC 3417 8 has it.

import { u16 } from '../../packet/bytes.ts';

const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const NULL = 0x05;
const OBJECT_IDENTIFIER = 0x06;
const SEQUENCE = 0x30;
const IP_ADDRESS = 0x40;
const TIME_TICKS = 0x43;
const TRAP = 0xa4;
const FIRST_PDU = 0xa0;
const LAST_PDU = 0xa8;
/** Counter32, Unsigned32, TimeTicks, Opaque, Counter64; no such object, no such instance, end of view. */
const VALUES = [INTEGER, OCTET_STRING, OBJECT_IDENTIFIER, NULL, 0x41, 0x42, TIME_TICKS, 0x44, 0x46, 0x80, 0x81, 0x82];
const CONSTRUCTED = 0x20;

/** Walks elements within [at, end). */
class Reader {
  at: number;
  end: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** The tag that comes next; -1 at the end. */
  get next(): number {
    return this.at < this.end ? this.bytes[this.at] : -1;
  }

  /** Reads an element of that tag: its contents; undefined: there is none, or it reaches beyond what is there. */
  element(tag: number): Reader | undefined {
    const { bytes, at, end } = this;
    // Whether it says that it has parts does not matter where it has to.
    const heed = tag & CONSTRUCTED ? ~CONSTRUCTED : ~0;
    if (at + 2 > end || ((bytes[at] ^ tag) & heed) !== 0) return undefined;
    let length = bytes[at + 1];
    let from = at + 2;
    if (length >= 0x80) {
      const octets = length - 0x80;
      if (octets === 0 || octets > 2 || from + octets > end) return undefined;
      length = octets === 1 ? bytes[from] : u16(bytes, from);
      from += octets;
    }
    if (from + length > end) return undefined;
    this.at = from + length;
    return new Reader(bytes, from, from + length);
  }

  /** Skips one of these; false: another one comes. */
  skip(...tags: readonly number[]): boolean {
    return tags.includes(this.next) && this.element(this.next) !== undefined;
  }

  /** Skips one if it comes, and notes where it is: an address has four octets. */
  address(places: number[]): boolean {
    if (this.next !== IP_ADDRESS) return false;
    const found = this.element(IP_ADDRESS);
    if (!found || found.end - found.at !== 4) return false;
    places.push(found.at);
    return true;
  }

  get isEmpty(): boolean {
    return this.at === this.end;
  }

  octet(): number {
    return this.bytes[this.at];
  }
}

/** Offsets of the addresses in the message within [from, to); undefined: it is none, or of version 3. */
export function addressesIn(bytes: Uint8Array, from: number, to: number): number[] | undefined {
  const message = new Reader(bytes, from, to).element(SEQUENCE);
  const version = message?.element(INTEGER);
  if (!message || !version || version.end - version.at !== 1 || version.octet() > 1) return undefined;
  if (!message.skip(OCTET_STRING)) return undefined;
  if (message.isEmpty) return [];
  const kind = message.next | CONSTRUCTED;
  if (kind < FIRST_PDU || kind > LAST_PDU) return undefined;
  const pdu = message.element(kind);
  const places: number[] = [];
  const known =
    pdu && (kind === TRAP ? readTrap(pdu, places) : readPdu(pdu)) && readBindings(pdu, places, kind === TRAP);
  return known && message.isEmpty ? places : undefined;
}

/** Request, error status, error index; or those of a bulk request. */
const readPdu = (pdu: Reader): boolean => pdu.skip(INTEGER) && pdu.skip(INTEGER) && pdu.skip(INTEGER);

/** Enterprise, address of the agent, what happened and when. RFC 1157 4.1.6 */
const readTrap = (pdu: Reader, places: number[]): boolean =>
  pdu.skip(OBJECT_IDENTIFIER) && pdu.address(places) && pdu.skip(INTEGER) && pdu.skip(INTEGER) && pdu.skip(TIME_TICKS);

function readBindings(pdu: Reader, places: number[], mayBeEmpty: boolean): boolean {
  const list = pdu.element(SEQUENCE);
  if (!list || !pdu.isEmpty || (list.isEmpty && !mayBeEmpty)) return false;
  while (!list.isEmpty) {
    const binding = list.element(SEQUENCE);
    if (!binding?.skip(OBJECT_IDENTIFIER)) return false;
    if (binding.isEmpty) continue;
    if (!(binding.next === IP_ADDRESS ? binding.address(places) : binding.skip(...VALUES))) return false;
    if (!binding.isEmpty) return false;
  }
  return true;
}
