// A connection as JSON, for programs: the words of the texts as members, numbers as numbers.

import { formatAddress } from '../../packet/address.ts';
import { IPPROTO_GRE } from '../../packet/numbers.ts';
import { type Flow, type FlowTuple, isIcmp, PORT_PROTOCOLS } from '../flow.ts';
import {
  IPS_ASSURED,
  IPS_DST_NAT,
  IPS_EXPECTED,
  IPS_FIXED_TIMEOUT,
  IPS_HELPER,
  IPS_OFFLOAD,
  IPS_SEEN_REPLY,
  IPS_SEQ_ADJUST,
  IPS_SRC_NAT,
} from '../status.ts';
import { icmpCode, icmpType, protocolName, stateName } from './names.ts';
import { labelNames } from './plain.ts';

const BITS: readonly (readonly [name: string, bit: number])[] = [
  ['EXPECTED', IPS_EXPECTED],
  ['SEEN_REPLY', IPS_SEEN_REPLY],
  ['ASSURED', IPS_ASSURED],
  ['SRC_NAT', IPS_SRC_NAT],
  ['DST_NAT', IPS_DST_NAT],
  ['SEQ_ADJUST', IPS_SEQ_ADJUST],
  ['FIXED_TIMEOUT', IPS_FIXED_TIMEOUT],
  ['HELPER', IPS_HELPER],
  ['OFFLOAD', IPS_OFFLOAD],
];

export interface FlowJson {
  id: number;
  family: 'ipv4' | 'ipv6';
  protocol: string;
  protonum: number;
  /** Seconds left. */
  timeout?: number;
  state?: string;
  status: string[];
  orig: Record<string, string | number>;
  reply: Record<string, string | number>;
  mark: number;
  zone: number;
  [more: string]: unknown;
}

export function flowJson(flow: Flow, labels: ReadonlyMap<number, string> = new Map()): FlowJson {
  const { family, protocol, zoneOrig, zoneReply } = flow;
  const shown: FlowJson = {
    id: flow.id,
    family: family === 4 ? 'ipv4' : 'ipv6',
    protocol: protocolName(protocol),
    protonum: protocol,
    timeout: flow.timeout === undefined ? undefined : Math.floor(flow.timeout / 1_000),
    state: stateName(flow),
    status: BITS.filter(([, bit]) => flow.status & bit).map(([name]) => name),
    orig: tupleJson(flow, flow.orig),
    reply: tupleJson(flow, flow.reply),
    mark: flow.mark,
    zone: zoneOrig === zoneReply ? zoneOrig : 0,
  };
  if (zoneOrig !== zoneReply) Object.assign(shown, { 'zone-orig': zoneOrig, 'zone-reply': zoneReply });
  if (flow.labels?.some((word) => word !== 0)) shown.labels = [...labelNames(flow.labels, labels)];
  if (flow.helper !== undefined) shown.helper = flow.helper;
  if (flow.secctx !== undefined) shown.secctx = flow.secctx;
  if (flow.start !== undefined) shown.start = flow.start;
  if (flow.stop !== undefined) shown.stop = flow.stop;
  if (flow.age !== undefined) shown['delta-time'] = Math.floor(flow.age / 1_000);
  return shown;
}

function tupleJson({ family, protocol }: Flow, tuple: FlowTuple): Record<string, string | number> {
  return {
    src: formatAddress(tuple.src, family),
    dst: formatAddress(tuple.dst, family),
    ...keysJson(protocol, tuple),
    ...tuple.counters,
  };
}

function keysJson(protocol: number, tuple: FlowTuple): Record<string, number> {
  const { srcKey, dstKey } = tuple;
  if (PORT_PROTOCOLS.has(protocol)) return { sport: srcKey, dport: dstKey };
  if (isIcmp(protocol)) return { type: icmpType(tuple), code: icmpCode(tuple), id: srcKey };
  return protocol === IPPROTO_GRE ? { srckey: srcKey, dstkey: dstKey } : {};
}
