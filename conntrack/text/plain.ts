// The lines of `conntrack -L` and -E (1.4.7). libnetfilter_conntrack snprintf_default.c.

import { formatAddress } from '../../packet/address.ts';
import { IPPROTO_GRE } from '../../packet/numbers.ts';
import { type Flow, type FlowTuple, isIcmp, PORT_PROTOCOLS } from '../flow.ts';
import { IPS_ASSURED, IPS_OFFLOAD, IPS_SEEN_REPLY } from '../status.ts';
import { asctime, type Clock, icmpCode, icmpType, protocolName, stateName } from './names.ts';

export type EventType = 'new' | 'update' | 'destroy';

export interface PlainOptions {
  /** -o extended: the family in front. */
  readonly extended?: boolean;
  readonly id?: boolean;
  /** -o ktimestamp: needs a clock. */
  readonly ktimestamp?: Clock;
  /** -o labels: names by bit. */
  readonly labels?: ReadonlyMap<number, string>;
}

const TAGS: Record<EventType, string> = { new: '    [NEW] ', update: ' [UPDATE] ', destroy: '[DESTROY] ' };

/** Its line, without a newline; `type` for one that tells of an event. An event without a mark is one whose mark is 0. */
export function plainLine(flow: Flow, options: PlainOptions = {}, type?: EventType): string {
  const { status, zoneOrig, zoneReply } = flow;
  const tag = type === undefined ? '' : TAGS[type];
  const words = [`${protocolName(flow.protocol).padEnd(8)} ${flow.protocol}`];
  if (options.extended) words.unshift(`${`ipv${flow.family}`.padEnd(8)} ${flow.family === 4 ? 2 : 10}`);
  if (flow.timeout !== undefined && !(status & IPS_OFFLOAD)) words.push(String(Math.floor(flow.timeout / 1_000)));
  const state = stateName(flow);
  if (state !== undefined) words.push(state);
  const both = zoneOrig === zoneReply;
  pushTuple(words, flow, flow.orig, !both && zoneReply === 0 ? `zone-orig=${zoneOrig}` : '');
  if (!(status & IPS_SEEN_REPLY)) words.push('[UNREPLIED]');
  pushTuple(words, flow, flow.reply, !both && zoneReply !== 0 ? `zone-reply=${zoneReply}` : '');
  if (status & IPS_OFFLOAD) words.push('[OFFLOAD]');
  else if (status & IPS_ASSURED) words.push('[ASSURED]');
  if (type === undefined || flow.mark !== 0) words.push(`mark=${flow.mark}`);
  if (flow.secctx !== undefined) words.push(`secctx=${flow.secctx}`);
  if (both && zoneOrig !== 0) words.push(`zone=${zoneOrig}`);
  if (flow.age !== undefined && (type === undefined || type === 'destroy'))
    words.push(`delta-time=${Math.floor(flow.age / 1_000)}`);
  if (options.ktimestamp) pushTimes(words, flow, options.ktimestamp);
  if (flow.helper !== undefined) words.push(`helper=${flow.helper}`);
  if (type === undefined) words.push(`use=${flow.use}`);
  if (options.id) words.push(`id=${flow.id}`);
  if (options.labels && flow.labels) words.push(`labels=${labelText(flow.labels, options.labels)}`);
  return tag + words.join(' ');
}

function pushTuple(words: string[], { family, protocol }: Flow, tuple: FlowTuple, zone: string): void {
  words.push(`src=${formatAddress(tuple.src, family)}`, `dst=${formatAddress(tuple.dst, family)}`);
  const keys = keyWords(protocol, tuple);
  if (keys !== '') words.push(keys);
  if (zone !== '') words.push(zone);
  if (tuple.counters) words.push(`packets=${tuple.counters.packets}`, `bytes=${tuple.counters.bytes}`);
}

export function keyWords(protocol: number, tuple: FlowTuple): string {
  if (PORT_PROTOCOLS.has(protocol)) return `sport=${tuple.srcKey} dport=${tuple.dstKey}`;
  if (isIcmp(protocol)) return `type=${icmpType(tuple)} code=${icmpCode(tuple)} id=${tuple.srcKey}`;
  if (protocol !== IPPROTO_GRE) return '';
  return `srckey=0x${tuple.srcKey.toString(16)} dstkey=0x${tuple.dstKey.toString(16)}`;
}

function pushTimes(words: string[], { start, stop }: Flow, clock: Clock): void {
  if (start !== undefined) words.push(`[start=${asctime(clock(start))}]`);
  if (stop !== undefined) words.push(`[stop=${asctime(clock(stop))}]`);
}

/** Names of the bits that are set, with commas. */
export const labelText = (labels: readonly number[], names: ReadonlyMap<number, string>): string =>
  [...labelNames(labels, names)].join(',');

export function* labelNames(labels: readonly number[], names: ReadonlyMap<number, string>): Generator<string> {
  for (let bit = 0; bit < 128; bit++) {
    if ((labels[bit >>> 5] >>> (bit & 31)) & 1) yield names.get(bit) ?? String(bit);
  }
}
