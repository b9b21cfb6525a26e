// What the words of a command ask the table for.

import { IPPROTO_TCP } from '../../packet/numbers.ts';
import type { FlowGiven, TupleGiven } from '../editor.ts';
import type { Flow } from '../flow.ts';
import { TIME_WAIT } from '../l4/tcp-states.ts';
import { BE_LIBERAL, CLOSE_INIT, SACK_PERM } from '../l4/tcp-window.ts';
import { IPS_DYING } from '../status.ts';
import type { Command, Side } from './command.ts';

/** Of -G: one of the directions; undefined: the real tool sends nothing then. */
export function asked(command: Command): FlowGiven | undefined {
  const family = command.family ?? 4;
  if (command.orig.src.address !== undefined) return { family, orig: tupleOf(command.orig, command) };
  if (command.reply.protocol === undefined) return undefined;
  return { family, reply: tupleOf(command.reply, command) };
}

/** Of -I and -A. */
export function wanted(command: Command): FlowGiven {
  const { given, orig, reply, status, mark, labels, tags } = command;
  const hasOrig = given.has('src') || given.has('dst');
  const hasReply = given.has('reply-src') || given.has('reply-dst');
  return {
    family: command.family ?? 4,
    orig: hasOrig ? tupleOf(orig, command) : undefined,
    reply: hasReply ? tupleOf(reply, command) : undefined,
    zone: command.zone,
    zoneOrig: command.zoneOrig,
    zoneReply: command.zoneReply,
    timeout: command.timeout,
    status: given.has('status') ? status.value : undefined,
    state: command.state,
    tcpFlags: tcpFlagsOf(command),
    tags: tags.orig === undefined || tags.reply === undefined ? undefined : [tags.orig, tags.reply],
    mark: given.has('mark') ? mark.value : undefined,
    labels: labels.add.length > 0 ? { words: bitsOf(labels.add), mask: bitsOf(labels.add) } : undefined,
    sourceNat: given.has('src-nat') ? command.sourceNat : undefined,
    destinationNat: given.has('dst-nat') ? command.destinationNat : undefined,
  };
}

/** The original tuple of a connection that is there. */
export function named({ family, protocol, orig, zoneOrig, zoneReply }: Flow): FlowGiven {
  const both = zoneOrig === zoneReply;
  return {
    family,
    orig: { protocol, src: orig.src, dst: orig.dst, srcKey: orig.srcKey, dstKey: orig.dstKey },
    zone: both ? zoneOrig : undefined,
    zoneOrig: !both && zoneReply === 0 ? zoneOrig : undefined,
    zoneReply: !both && zoneReply !== 0 ? zoneReply : undefined,
  };
}

function tupleOf({ src, dst, protocol }: Side, { icmp }: Command): TupleGiven {
  const isIcmp = icmp.type !== undefined || icmp.code !== undefined;
  return {
    protocol: protocol ?? 0,
    src: src.address ?? NOWHERE,
    dst: dst.address ?? NOWHERE,
    srcKey: (isIcmp ? icmp.id : src.key) ?? 0,
    dstKey: isIcmp ? ((icmp.type ?? 0) << 8) | (icmp.code ?? 0) : (dst.key ?? 0),
  };
}

const NOWHERE = new Uint8Array(16);

function bitsOf(bits: readonly number[]): number[] {
  const words = [0, 0, 0, 0];
  for (const bit of bits) words[bit >>> 5] |= 1 << (bit & 31);
  return words;
}

/** With `-p tcp` the tool asks for both sides to be liberal, for nobody knows their windows, and for what is over to be closed by either. */
function tcpFlagsOf({ orig, reply, state = 0 }: Command): number | undefined {
  if ((orig.protocol ?? reply.protocol) !== IPPROTO_TCP) return undefined;
  return BE_LIBERAL | SACK_PERM | (state >= TIME_WAIT ? CLOSE_INIT : 0);
}

type Change = Pick<FlowGiven, 'timeout' | 'status' | 'mark' | 'labels' | 'state' | 'tcpFlags' | 'tags'>;

/** What -U asks for that is not so already; undefined: nothing. */
export function changesOf(flow: Flow, command: Command): Change | undefined {
  const { given, timeout, status, mark, labels, state } = command;
  const change: Change = {};
  if (timeout !== undefined && timeout !== Math.floor((flow.timeout ?? 0) / 1_000)) change.timeout = timeout;
  // Bits are only ever set; DYING and the like are not the tool's to send.
  const wanted = flow.status | status.value;
  if (given.has('status') && wanted !== flow.status) change.status = wanted & ~IPS_DYING;
  const marked = ((flow.mark & ~mark.mask) ^ mark.value) >>> 0;
  if (given.has('mark') && marked !== flow.mark) change.mark = marked;
  if (state !== undefined && state !== flow.state) change.state = state;
  if (labels.add.length > 0) change.labels = { words: bitsOf(labels.add), mask: bitsOf(labels.add) };
  if (labels.remove === 'all') change.labels = { words: [0, 0, 0, 0], mask: [-1, -1, -1, -1] };
  else if (labels.remove.length > 0) change.labels = { words: [0, 0, 0, 0], mask: bitsOf(labels.remove) };
  if (change.labels && !differs(flow.labels, change.labels)) delete change.labels;
  if (Object.keys(change).length === 0) return undefined;
  const tcpFlags = tcpFlagsOf(command);
  return tcpFlags === undefined ? change : { ...change, tcpFlags };
}

/** Without labels there is nothing to take away. */
function differs(is: readonly number[] | undefined, { words, mask }: NonNullable<FlowGiven['labels']>): boolean {
  const now = is ?? [0, 0, 0, 0];
  return now.some((word, index) => ((word ^ words[index]) & mask[index]) !== 0);
}
