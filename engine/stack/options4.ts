// IPv4 options as a router and host treat them: checked after routing, filled in on the way (record route, timestamp), and turned
// round in answers. RFC 791 3.1; net/ipv4/ip_options.c. Seen on the kernel, byte for byte, for each option and fault here.
//
// The kernel writes into the header before it knows whether the packet goes on, and mends the checksum only when it is forwarded: an
// error sent in between quotes a header whose checksum is wrong. So do we.

import { type Address, addressAt } from '../../packet/address.ts';
import { putU32 } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Routes } from '../services.ts';

/** What was found in a packet's options; include/net/inet_sock.h struct ip_options. Offsets from the IP header, 0: not there. */
interface Found {
  recordRoute: number;
  timestamp: number;
  security: number;
  sourceRoute: boolean;
  recordNeedsAddress: boolean;
  timestampNeedsAddress: boolean;
  timestampNeedsTime: boolean;
  changed: boolean;
}

/** Of packets between route() and the end of their walk. Packets are reused, so an entry is only as good as the last compile(). */
const found = new WeakMap<Packet, Found>();

const IPOPT_TS_TSONLY = 0;
const IPOPT_TS_TSANDADDR = 1;
const IPOPT_TS_PRESPEC = 3;

export interface OptionContext {
  readonly routes: Routes;
  /** Milliseconds since midnight, universal time, at `now`. */
  timeOfDay(now: number): number;
}

/**
 * Checks the options of `pkt`, whose header has some, and fills in what is asked for: `own` is our address towards its source.
 * -1: all is well; -2: a source route, not followed here; else the offset of the fault, for a parameter problem.
 * __ip_options_compile(), ip_rcv_options()
 */
export function compileOptions(pkt: Packet, own: Address, context: OptionContext): number {
  const options = nothing();
  found.set(pkt, options);
  const { bytes, l3, l4 } = pkt;
  let at = l3 + ipv4.MIN_LENGTH;
  while (at < l4) {
    const kind = bytes[at];
    if (kind === ipv4.IPOPT_END) {
      if (wipe(bytes, at + 1, l4)) options.changed = true;
      break;
    }
    if (kind === ipv4.IPOPT_NOOP) {
      at++;
      continue;
    }
    const length = at + 1 < l4 ? bytes[at + 1] : 0;
    if (length < 2 || at + length > l4) return at - l3;
    const fault = compileOne(pkt, at, length, options, own, context);
    if (fault >= 0) return at + fault - l3;
    at += length;
  }
  return options.sourceRoute ? -2 : -1;
}

const nothing = (): Found => ({
  recordRoute: 0,
  timestamp: 0,
  security: 0,
  sourceRoute: false,
  recordNeedsAddress: false,
  timestampNeedsAddress: false,
  timestampNeedsTime: false,
  changed: false,
});

/**
 * After reassembly at the host: `pkt` has the header of the first piece, whose options were compiled when it came. What an answer needs
 * to know of them can be told from the advanced pointers: where there is room left, this node has filled in its part.
 */
export function recoverOptions(pkt: Packet, { routes }: OptionContext): void {
  const { bytes, l3, l4 } = pkt;
  const options = nothing();
  found.set(pkt, options);
  for (let at = ipv4.firstOption(bytes, l3, l4); at >= 0; at = ipv4.nextOption(bytes, at, l4)) {
    if (bytes[at] === ipv4.IPOPT_RR) {
      options.recordRoute = at - l3;
      options.recordNeedsAddress = true;
    } else if (bytes[at] === ipv4.IPOPT_TIMESTAMP) {
      const kind = bytes[at + 3] & 0x0f;
      const before = at + bytes[at + 2] - 9;
      options.timestamp = at - l3;
      options.timestampNeedsAddress = kind === IPOPT_TS_TSANDADDR;
      options.timestampNeedsTime =
        kind === IPOPT_TS_TSONLY ||
        kind === IPOPT_TS_TSANDADDR ||
        (kind === IPOPT_TS_PRESPEC && before > at + 3 && routes.type(addressAt(bytes, before, 4), 4) !== 'UNICAST');
    }
  }
}

/** What follows the end of the list becomes zeros. True if that changed anything. */
function wipe(bytes: Uint8Array, from: number, to: number): boolean {
  let changed = false;
  for (let at = from; at < to; at++) {
    if (bytes[at] === ipv4.IPOPT_END) continue;
    bytes[at] = ipv4.IPOPT_END;
    changed = true;
  }
  return changed;
}

/** Offset of the fault within the option, or -1. */
function compileOne(
  pkt: Packet,
  at: number,
  length: number,
  options: Found,
  own: Address,
  context: OptionContext,
): number {
  const { bytes, l3 } = pkt;
  switch (bytes[at]) {
    case ipv4.IPOPT_SSRR:
    case ipv4.IPOPT_LSRR:
      if (length < 3) return 1;
      if (bytes[at + 2] < 4) return 2;
      if (options.sourceRoute) return 0;
      options.sourceRoute = true;
      return -1;
    case ipv4.IPOPT_RR:
      if (options.recordRoute !== 0) return 0;
      return recordRoute(pkt, at, length, options, own);
    case ipv4.IPOPT_TIMESTAMP:
      if (options.timestamp !== 0) return 0;
      return timestamp(pkt, at, length, options, own, context);
    case ipv4.IPOPT_RA:
      return length < 4 ? 1 : -1;
    case ipv4.IPOPT_CIPSO:
      if (options.security !== 0) return 0;
      options.security = at - l3;
      // No domain of interpretation is configured, so none is known. net/ipv4/cipso_ipv4.c cipso_v4_validate()
      return length < 8 ? 1 : 2;
    default:
      return -1;
  }
}

function recordRoute({ bytes, l3 }: Packet, at: number, length: number, options: Found, own: Address): number {
  if (length < 3) return 1;
  const pointer = bytes[at + 2];
  if (pointer < 4 || (pointer <= length && pointer + 3 > length)) return 2;
  options.recordRoute = at - l3;
  if (pointer > length) return -1;
  bytes.set(own.subarray(12), at + pointer - 1);
  bytes[at + 2] += 4;
  options.recordNeedsAddress = true;
  options.changed = true;
  return -1;
}

function timestamp(
  pkt: Packet,
  at: number,
  length: number,
  options: Found,
  own: Address,
  context: OptionContext,
): number {
  const { bytes, l3 } = pkt;
  if (length < 4) return 1;
  const pointer = bytes[at + 2];
  if (pointer < 5) return 2;
  const kind = bytes[at + 3] & 0x0f;
  const full = pointer > length;
  const needed = kind === IPOPT_TS_TSANDADDR || kind === IPOPT_TS_PRESPEC ? 7 : 3;
  if (!full && pointer + needed > length) return 2;
  if (full && kind !== IPOPT_TS_PRESPEC && bytes[at + 3] >>> 4 === 15) return 3;
  options.timestamp = at - l3;
  if (full) {
    if (kind !== IPOPT_TS_PRESPEC) countOverflow(bytes, at, options);
    return -1;
  }
  const slot = at + pointer - 1;
  if (kind === IPOPT_TS_TSONLY) {
    stamp(pkt, at, slot, 4, options, context);
  } else if (kind === IPOPT_TS_TSANDADDR) {
    bytes.set(own.subarray(12), slot);
    options.timestampNeedsAddress = true;
    stamp(pkt, at, slot + 4, 8, options, context);
  } else if (kind === IPOPT_TS_PRESPEC && context.routes.type(addressAt(bytes, slot, 4), 4) !== 'UNICAST') {
    stamp(pkt, at, slot + 4, 8, options, context);
  }
  return -1;
}

function stamp(pkt: Packet, at: number, slot: number, advance: number, options: Found, context: OptionContext): void {
  putU32(pkt.bytes, slot, context.timeOfDay(pkt.now));
  pkt.bytes[at + 2] += advance;
  options.timestampNeedsTime = true;
  options.changed = true;
}

/** RFC 791: how many could not register, in four bits. */
function countOverflow(bytes: Uint8Array, at: number, options: Found): void {
  bytes[at + 3] += 0x10;
  options.changed = true;
}

/** A forwarded packet: the recorded address is that of the way out, and the checksum is right again. ip_forward_options() */
export function finishForwarded(pkt: Packet, own: Address | undefined): void {
  const options = found.get(pkt);
  if (!options) return;
  const { bytes, l3 } = pkt;
  if (options.recordNeedsAddress && own) {
    const at = l3 + options.recordRoute;
    bytes.set(own.subarray(12), at + bytes[at + 2] - 5);
  }
  if (options.changed) ipv4.fillChecksum(bytes, l3);
}

/**
 * The options that an answer from `own` to `about` carries: what recorded the way there goes on recording the way back. Empty without
 * any; undefined when they do not fit, and then nothing is answered. ip_options_echo(), ip_options_build()
 */
export function echoOptions(about: Packet, own: Address, context: OptionContext): Uint8Array | undefined {
  const options = about.l4 - about.l3 > ipv4.MIN_LENGTH ? found.get(about) : undefined;
  if (!options) return NONE;
  const echo: number[] = [];
  const { bytes, l3 } = about;
  const copy = (offset: number): number => {
    const start = echo.length;
    const length = bytes[l3 + offset + 1];
    for (let octet = 0; octet < length; octet++) echo.push(bytes[l3 + offset + octet]);
    return start;
  };
  if (options.recordRoute !== 0) {
    const at = copy(options.recordRoute);
    const pointer = echo[at + 2];
    if (options.recordNeedsAddress && pointer <= echo[at + 1]) {
      if (pointer + 3 > echo[at + 1]) return undefined;
      write(echo, at + pointer - 1, own.subarray(12));
      echo[at + 2] = pointer + 4;
    }
  }
  if (options.timestamp !== 0) {
    const at = copy(options.timestamp);
    if (!echoTimestamp(echo, at, options, own, context, about.now)) return undefined;
  }
  if (options.security !== 0) copy(options.security);
  while (echo.length % 4 !== 0) echo.push(ipv4.IPOPT_END);
  return Uint8Array.from(echo);
}

const NONE = new Uint8Array(0);

function echoTimestamp(
  echo: number[],
  at: number,
  options: Found,
  own: Address,
  context: OptionContext,
  now: number,
): boolean {
  const length = echo[at + 1];
  let pointer = echo[at + 2];
  if (pointer > length) return true;
  if (options.timestampNeedsAddress) {
    if (pointer + 3 > length) return false;
    write(echo, at + pointer - 1, own.subarray(12));
    pointer += 4;
  }
  if (options.timestampNeedsTime) {
    if (pointer + 3 > length) return false;
    if ((echo[at + 3] & 0x0f) !== IPOPT_TS_PRESPEC) {
      writeTime(echo, at + pointer - 1, context.timeOfDay(now));
      pointer += 4;
    } else if (pointer + 7 <= length) {
      const address = addressAt(Uint8Array.from(echo.slice(at + pointer - 1, at + pointer + 3)), 0, 4);
      if (context.routes.type(address, 4) !== 'UNICAST') {
        writeTime(echo, at + pointer + 3, context.timeOfDay(now));
        pointer += 8;
      }
    }
  }
  echo[at + 2] = pointer;
  return true;
}

function write(echo: number[], at: number, octets: Uint8Array): void {
  for (let octet = 0; octet < octets.length; octet++) echo[at + octet] = octets[octet];
}

function writeTime(echo: number[], at: number, time: number): void {
  const octets = new Uint8Array(4);
  putU32(octets, 0, time);
  write(echo, at, octets);
}
