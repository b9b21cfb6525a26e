// What differs between the kernel's result of a scenario and ours, as text for people. Empty: nothing does.
//
// Masked is only what the kernel draws at random, and only in packets that it made itself or cut anew:
//   IPv4 identification of generated packets (counts up from a random start), and the header checksum with it;
//   flow label of generated IPv6 packets (a hash with a secret);
//   identification of IPv6 fragments that were cut anew; times in ICMP timestamp replies.
//   ports and ICMP ids that NAT drew because the flow's own was taken: both must have drawn one of the same class, and kept the checksum right
//   or wrong as it was.
// A value that the kernel took over from a packet that went in is no random one: there we must have it too.
//   checksum of a reset of our own that an ICMP error of our own quotes (below).
// Timeouts of connections run while the scenario does: two seconds either way, or one where we took the kernel's time for each step.

import { fromHex, putU16, toHex, u16, u32 } from '../../packet/bytes.ts';
import { verify } from '../../packet/checksum.ts';
import { describeBytes } from '../../packet/describe.ts';
import { ICMP_DEST_UNREACH, ICMP_TIMESTAMPREPLY } from '../../packet/icmp.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import {
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_ROUTING,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
} from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import type { Counted, CtEntry, Result, Scenario, Step, StepResult } from '../scenario/scenario-format.ts';
import { ctKey, sortedBy } from './ct-dump.ts';

const TIMEOUT_SLACK = 2; // seconds

/** `slack`: seconds by which the time that connections have left may differ. */
export function compareResults(kernel: Result, ours: Result, scenario?: Scenario, slack = TIMEOUT_SLACK): string[] {
  if (kernel.steps.length !== ours.steps.length) {
    return [`the kernel did ${kernel.steps.length} steps, we ${ours.steps.length}`];
  }
  return kernel.steps.flatMap((step, index) => {
    const given = scenario?.steps[index];
    const differences = compareStep(step, ours.steps[index], given && new InputFields(given), slack);
    if (differences.length === 0) return [];
    return [`step ${index}${given ? `, ${describeStep(given)}` : ''}:`, ...differences.map((line) => `  ${line}`)];
  });
}

function compareStep(kernel: StepResult, ours: StepResult, seen: InputFields | undefined, slack: number): string[] {
  return [
    ...(['A', 'B'] as const).flatMap((side) => compareOut(side, kernel.out ?? [], ours.out ?? [], seen)),
    ...compareCt(kernel.ct, ours.ct, slack),
    ...compareExpectations(kernel.expect, ours.expect),
    ...compareCounters('v4', kernel.v4, ours.v4),
    ...compareCounters('v6', kernel.v6, ours.v6),
    ...compareLog(kernel, ours, seen),
    ...compareErrors(kernel, ours),
    ...(kernel.rc === ours.rc
      ? []
      : [`exit code: kernel ${kernel.rc} ${kernel.stderr}`, `           ours   ${ours.rc} ${ours.stderr}`]),
  ];
}

/**
 * Rules: both refuse, or neither does; the words are compared elsewhere. A packet that the kernel would not take (EINVAL for one that is
 * not IP, EPERM for a local one dropped in OUTPUT) simply has no output here as there.
 */
function compareErrors(kernel: StepResult, ours: StepResult): string[] {
  if (kernel.out !== undefined || (kernel.err === undefined) === (ours.err === undefined)) return [];
  return [`error: kernel ${kernel.err ?? 'none'}`, `       ours   ${ours.err ?? 'none'}`];
}

// --- Packets --------------------------------------------------------------------------------------------------------------

/** A packet that left by a device. */
interface Out {
  readonly out: string;
  readonly hex: string;
}

/** What left by one device; `side` is its name. */
export function compareOut(
  side: string,
  kernel: readonly Out[],
  ours: readonly Out[],
  seen: InputFields | undefined,
): string[] {
  const [theirs, mine] = [kernel, ours].map((out) => out.filter((packet) => packet.out === side).map(({ hex }) => hex));
  const lines: string[] = [];
  for (let index = 0; index < Math.max(theirs.length, mine.length); index++) {
    const [wanted, got] = [theirs[index], mine[index]];
    if (wanted === undefined) lines.push(`out ${side}: we sent what the kernel did not: ${describeHex(got)}`);
    else if (got === undefined) lines.push(`out ${side}: missing, the kernel sent: ${describeHex(wanted)}`);
    else if (wanted !== got && !sameMasked(wanted, got, seen)) lines.push(...differing(side, wanted, got));
  }
  return lines;
}

function differing(side: string, wanted: string, got: string): string[] {
  const at = [...wanted].findIndex((digit, index) => digit !== got[index]);
  return [
    `out ${side}: differs from octet ${at < 0 ? wanted.length >> 1 : at >> 1} on`,
    `  kernel ${describeHex(wanted)}`,
    `  ours   ${describeHex(got)}`,
    `  kernel ${wanted}`,
    `  ours   ${got}`,
  ];
}

function sameMasked(wanted: string, got: string, seen: InputFields | undefined): boolean {
  const [kernel, ours] = [fromHex(wanted), fromHex(got)];
  if (!kernel || !ours || kernel.length !== ours.length) return false;
  for (const [from, to] of [...randomFields(kernel, seen), ...drawnPort(kernel, ours, seen)]) {
    kernel.fill(0, from, to);
    ours.fill(0, from, to);
  }
  return toHex(kernel) === toHex(ours);
}

type Field = readonly [from: number, to: number];

/** Where the kernel's packet holds what it drew at random. */
function randomFields(packet: Uint8Array, seen: InputFields | undefined): Field[] {
  if (packet.length >= 20 && packet[0] >>> 4 === 4) {
    const id = u16(packet, ipv4.ID_AT);
    // An identification of 0 with DF is a decision, not a draw.
    if ((id === 0 && ipv4.fragmentField(packet, 0) & ipv4.IP_DF) || seen?.ids.has(id)) return [];
    return [
      [ipv4.ID_AT, ipv4.ID_AT + 2],
      [ipv4.CHECKSUM_AT, ipv4.CHECKSUM_AT + 2],
      ...timeOfDay(packet),
      ...unfinishedReset(packet),
    ];
  }
  if (packet.length < 40 || packet[0] >>> 4 !== 6) return [];
  const fields: Field[] = [];
  const label = u32(packet, 0) & 0xf_ffff;
  if (label !== 0 && !seen?.labels.has(label)) fields.push([1, 4]);
  const fragment = fragmentHeader(packet);
  if (fragment >= 0 && !seen?.fragmentIds.has(u32(packet, fragment + 4))) fields.push([fragment + 4, fragment + 8]);
  return fields;
}

/** Source port or ICMP id, and the checksum over it, where both are others than the packet had that went in; also in quotes. */
function drawnPort(kernel: Uint8Array, ours: Uint8Array, seen: InputFields | undefined): Field[] {
  const [theirs, mine] = [Packet.of(kernel), Packet.of(ours)];
  const { family, protocol, l4, end } = theirs;
  if (family === 0 || protocol !== mine.protocol) return [];
  if (theirs.fragmentOffset > 0) return seen?.drawn ? sumInside(theirs) : [];
  const whole = !theirs.moreFragments;
  if (l4 + 8 > end || (whole && verify(theirs) !== verify(mine))) return [];
  const isIcmp = protocol === (family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
  const quote = l4 + 8;
  if (isIcmp && quote + 20 < end && kernel[quote] >>> 4 === family) {
    const quoted = Packet.of(withOwnLength(kernel.subarray(quote, end)));
    const at = quote + quoted.l4;
    const isQuery = quoted.protocol === protocol;
    const fields = (isQuery ? [at + 4] : [at, at + 2]).flatMap((port) =>
      drawnField(kernel, ours, port, quoted.protocol, seen),
    );
    return fields.length === 0 ? [] : [...fields, sumField(at, quoted.protocol, end), sumField(l4, protocol, end)];
  }
  const field = drawnField(kernel, ours, l4 + (isIcmp ? 4 : 0), protocol, seen);
  return field.length === 0 ? [] : [...field, sumField(l4, protocol, end)];
}

/** The checksum may lie in a later piece of a packet whose first one shows the port. */
function sumInside({ protocol, fragmentOffset, l4, end }: Packet): Field[] {
  const at = l4 + SUM_AT[protocol] - fragmentOffset;
  const [from, to] = [Math.max(at, l4), Math.min(at + sumLength(protocol), end)];
  return from < to ? [[from, to]] : [];
}

function drawnField(kernel: Uint8Array, ours: Uint8Array, at: number, protocol: number, seen?: InputFields): Field[] {
  if (SUM_AT[protocol] === undefined || at + 2 > kernel.length) return [];
  const [wanted, got] = [u16(kernel, at), u16(ours, at)];
  const isId = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
  if (wanted === got || !isDrawn(wanted, got, isId) || seen?.ports.has(wanted) || seen?.ports.has(got)) return [];
  if (seen) seen.drawn = true;
  return [[at, at + 2]];
}

const sumField = (l4: number, protocol: number, end: number): Field => {
  const at = Math.min(l4 + SUM_AT[protocol], end);
  return [at, Math.min(at + sumLength(protocol), end)];
};

const sumLength = (protocol: number): number => (protocol === IPPROTO_SCTP ? 4 : 2);

/** A quote cut short, as the packet that it is: with the length that is there. */
function withOwnLength(quote: Uint8Array): Uint8Array {
  const copy = quote.slice();
  if (copy[0] >>> 4 === 4) putU16(copy, 2, copy.length);
  else putU16(copy, 4, copy.length - 40);
  return copy;
}

const SUM_AT: Readonly<Record<number, number>> = {
  [IPPROTO_TCP]: 16,
  [IPPROTO_UDP]: 6,
  [IPPROTO_UDPLITE]: 6,
  [IPPROTO_ICMP]: 2,
  [IPPROTO_ICMPV6]: 2,
  [IPPROTO_SCTP]: 8,
};

/** nf_nat_l4proto_unique_tuple(): ports stay in their class, ids have none. */
const isDrawn = (one: number, other: number, isId: boolean): boolean => isId || portClass(one) === portClass(other);

const portClass = (port: number): number => (port < 512 ? 0 : port < 1_024 ? 1 : 2);

/** A timestamp reply tells when it was made (receive and transmit time). */
function timeOfDay(packet: Uint8Array): Field[] {
  const at = ipv4.headerLength(packet, 0);
  if (ipv4.protocol(packet, 0) !== IPPROTO_ICMP || packet[at] !== ICMP_TIMESTAMPREPLY || ipv4.isFragment(packet, 0))
    return [];
  return [
    [at + 2, at + 4],
    [at + 12, at + 20],
  ];
}

/**
 * An IPv4 reset of REJECT that a rule of OUTPUT rejects in turn: the kernel quotes it with an unfinished checksum (CHECKSUM_PARTIAL), we with
 * a right one. nf_reject_ip_tcphdr_put()
 */
function unfinishedReset(packet: Uint8Array): Field[] {
  const at = ipv4.headerLength(packet, 0);
  const quote = at + 8;
  if (ipv4.protocol(packet, 0) !== IPPROTO_ICMP || packet[at] !== ICMP_DEST_UNREACH || quote + 40 > packet.length)
    return [];
  const reset = packet[quote] === 0x45 && packet[quote + 9] === IPPROTO_TCP && (packet[quote + 33] & 4) !== 0;
  if (!reset || u16(packet, quote + 2) !== 40) return [];
  return [
    [at + 2, at + 4],
    [quote + 36, quote + 38],
  ];
}

function fragmentHeader(packet: Uint8Array): number {
  let next = packet[6];
  let at = 40;
  while (at + 8 <= packet.length) {
    if (next === IPPROTO_FRAGMENT) return at;
    if (next !== IPPROTO_HOPOPTS && next !== IPPROTO_ROUTING && next !== IPPROTO_DSTOPTS) return -1;
    next = packet[at];
    at += (packet[at + 1] + 1) << 3;
  }
  return -1;
}

/** Values of such fields in the packets that went in with a step. */
export class InputFields {
  readonly ids = new Set<number>();
  readonly labels = new Set<number>();
  readonly fragmentIds = new Set<number>();
  /** NAT drew a port for what came of the step. */
  drawn = false;
  /** Ports, ICMP ids. */
  readonly ports = new Set<number>();

  static of(...hexes: readonly string[]): InputFields {
    return new InputFields({ in: 'A', hex: [...hexes] });
  }

  constructor(step: Step) {
    const hexes = 'in' in step ? [step.hex].flat() : 'local' in step ? [step.local] : [];
    for (const hex of hexes) {
      const packet = fromHex(hex);
      if (!packet || packet.length < 20) continue;
      this.addPorts(Packet.of(packet));
      if (packet[0] >>> 4 === 4) this.ids.add(u16(packet, ipv4.ID_AT));
      else if (packet.length >= 40) this.addVersion6(packet);
    }
  }

  private addPorts({ bytes, l4, end }: Packet): void {
    for (const at of [l4, l4 + 2, l4 + 4]) if (at + 2 <= end) this.ports.add(u16(bytes, at));
  }

  private addVersion6(packet: Uint8Array): void {
    this.labels.add(u32(packet, 0) & 0xf_ffff);
    const fragment = fragmentHeader(packet);
    if (fragment >= 0) this.fragmentIds.add(u32(packet, fragment + 4));
  }
}

// --- Dumps ----------------------------------------------------------------------------------------------------------------

export function compareCt(kernel: CtEntry[] | undefined, ours: CtEntry[] | undefined, slack = TIMEOUT_SLACK): string[] {
  if (!kernel && !ours) return [];
  const theirs = new Map(sortedBy(kernel ?? [], ctKey).map((entry) => [ctKey(entry), entry]));
  const mine = new Map(sortedBy(ours ?? [], ctKey).map((entry) => [ctKey(entry), entry]));
  const lines: string[] = [];
  for (const [key, wanted] of theirs) {
    const got = mine.get(key);
    if (!got) lines.push(`connection missing: ${describeEntry(wanted)}`);
    else if (!sameEntry(wanted, got, slack))
      lines.push('connection differs:', `  kernel ${describeEntry(wanted)}`, `  ours   ${describeEntry(got)}`);
  }
  for (const [key, got] of mine)
    if (!theirs.has(key)) lines.push(`connection the kernel does not have: ${describeEntry(got)}`);
  return lines;
}

function sameEntry(kernel: CtEntry, ours: CtEntry, slack: number): boolean {
  if (Math.abs((kernel.timeout ?? 0) - (ours.timeout ?? 0)) > slack) return false;
  return canonical(plain(kernel, ours)) === canonical(plain(ours, kernel));
}

/** Without the time left, and without a port that NAT drew on both sides. */
function plain(entry: CtEntry, other: CtEntry): CtEntry {
  const { orig, reply } = entry;
  const drawn = (own: 'sport' | 'id', back: 'dport' | 'id') => {
    const [one, two, before] = [reply?.[back], other.reply?.[back], orig?.[own]].map(Number);
    if (Number.isNaN(before)) return false;
    return one !== two && one !== before && two !== before && isDrawn(one, two, own === 'id');
  };
  const back = drawn('sport', 'dport') ? 'dport' : drawn('id', 'id') ? 'id' : undefined;
  return { ...entry, ...(back && reply && { reply: { ...reply, [back]: 'drawn' } }), timeout: null };
}

/** JSON with members by name; an undefined member is none. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function describeEntry(entry: CtEntry): string {
  const tuple = (of: CtEntry['orig']) =>
    Object.entries(of ?? {})
      .map(([key, value]) => `${key}=${value}`)
      .join(' ');
  const { family, proto, timeout, state, flags, orig, reply, ...rest } = entry;
  const more = Object.entries(rest).map(([key, value]) => `${key}=${value}`);
  return [family, proto, state ?? '-', `${timeout} s`, tuple(orig), '|', tuple(reply), ...(flags ?? []), ...more].join(
    ' ',
  );
}

/** Expectations: the first word of a line is the time left. */
function compareExpectations(kernel: string[] | undefined, ours: string[] | undefined): string[] {
  const untimed = (lines: string[] | undefined) => (lines ?? []).map((line) => line.replace(/^\d+/, 'T')).sort();
  const [theirs, mine] = [untimed(kernel), untimed(ours)];
  if (theirs.join('\n') === mine.join('\n')) return [];
  return [`expectations: kernel ${JSON.stringify(theirs)}`, `              ours   ${JSON.stringify(mine)}`];
}

export function compareCounters(version: string, kernel: Counted[] | undefined, ours: Counted[] | undefined): string[] {
  if (!kernel && !ours) return [];
  const print = (line: Counted | undefined) =>
    line
      ? `[${line.pkts}:${line.bytes}] ${line.table} ${line.chain} ${line.rule ?? `policy ${line.policy}`}`
      : 'nothing';
  const lines: string[] = [];
  for (let index = 0; index < Math.max(kernel?.length ?? 0, ours?.length ?? 0); index++) {
    const [wanted, got] = [print(kernel?.[index]), print(ours?.[index])];
    if (wanted !== got) lines.push(`${version} counter: kernel ${wanted}`, `            ours   ${got}`);
  }
  return lines;
}

/** IPv4 identification and flow label that no packet of the step came with were drawn at random; a flow label of ours is 0 then. */
export function compareLog(kernel: StepResult, ours: StepResult, seen: InputFields | undefined): string[] {
  const drawn = (known: ReadonlySet<number> | undefined, value: string) => value !== '0' && !known?.has(Number(value));
  const plain = (step: StepResult) =>
    (step.log ?? []).map(({ level, msg }) => {
      const text = msg
        .replace(/(TTL=\d+ ID=)(\d+)/g, (all, before, id) => (drawn(seen?.ids, id) ? `${before}*` : all))
        .replace(/FLOWLBL=(\d+)/g, (all, label) => (drawn(seen?.labels, label) ? 'FLOWLBL=0' : all));
      return `<${level}> ${text}`;
    });
  const [theirs, mine] = [plain(kernel), plain(ours)];
  if (sameButDrawn(theirs, mine, seen)) return [];
  if (theirs.join('\n') === mine.join('\n')) return [];
  return ['log differs:', ...theirs.map((line) => `  kernel ${line}`), ...mine.map((line) => `  ours   ${line}`)];
}

/** NAT drew a port or an id, which a line shows, or the quote of an error in it. */
function sameButDrawn(theirs: readonly string[], mine: readonly string[], seen: InputFields | undefined): boolean {
  if (theirs.length !== mine.length) return false;
  const numbers = /\b(SPT|ID)=(\d+)/g;
  return theirs.every((line, index) => {
    const [wanted, got] = [line, mine[index]].map((text) => [...text.matchAll(numbers)]);
    if (line.replace(numbers, '$1') !== mine[index].replace(numbers, '$1')) return false;
    return wanted.every(([, name, one], at) => {
      const [kernel, ours] = [Number(one), Number(got[at][2])];
      const known = seen?.ports.has(kernel) || seen?.ports.has(ours);
      return kernel === ours || (!known && isDrawn(kernel, ours, name === 'ID'));
    });
  });
}

// --- Words ----------------------------------------------------------------------------------------------------------------

export function describeHex(hex: string): string {
  const octets = fromHex(hex);
  return octets ? describeBytes(octets) : hex;
}

export function describeStep(step: Step): string {
  if ('in' in step) return `${step.in} < ${[step.hex].flat().map(describeHex).join(' ; ')}`;
  if ('local' in step) return `local ${describeHex(step.local)}`;
  return JSON.stringify(step);
}
