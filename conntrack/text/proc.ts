// The lines of /proc/net/nf_conntrack (6.18), and those of /proc/net/ip_conntrack as kernels before 4.9 had them, for programs that read
// these files. net/netfilter/nf_conntrack_standalone.c ct_seq_show(); net/ipv4/netfilter/nf_conntrack_l3proto_ipv4_compat.c

import { formatAddress, wire } from '../../packet/address.ts';
import { toHex } from '../../packet/bytes.ts';
import { IPPROTO_DCCP, IPPROTO_GRE } from '../../packet/numbers.ts';
import type { Flow, FlowTuple } from '../flow.ts';
import { IPS_ASSURED, IPS_OFFLOAD, IPS_SEEN_REPLY } from '../status.ts';
import { protocolName, stateName } from './names.ts';
import { keyWords } from './plain.ts';

export function procText(flow: Flow): string {
  const name = kernelName(flow);
  const words = [`${`ipv${flow.family}`.padEnd(8)} ${flow.family === 4 ? 2 : 10} ${name.padEnd(8)} ${flow.protocol}`];
  if (flow.timeout !== undefined && !(flow.status & IPS_OFFLOAD)) words.push(String(Math.floor(flow.timeout / 1_000)));
  pushBody(words, flow, true);
  if (flow.zoneOrig === flow.zoneReply) words.push(`zone=${flow.zoneOrig}`);
  if (flow.age !== undefined) words.push(`delta-time=${Math.floor(flow.age / 1_000)}`);
  return `${words.join(' ')} ${uses(flow)}`;
}

/** Undefined: the file has IPv4 only. */
export function ipConntrackText(flow: Flow): string | undefined {
  if (flow.family === 6) return undefined;
  const words = [`${kernelName(flow).padEnd(8)} ${flow.protocol} ${Math.floor((flow.timeout ?? 0) / 1_000)}`];
  pushBody(words, flow, false);
  return `${words.join(' ')} ${uses(flow)}`;
}

/** The one who prints holds the connection too. */
const uses = ({ use }: Flow): string => `use=${use + 1}`;

/** Where nobody tracks DCCP it has no name there. */
const kernelName = ({ protocol, state }: Flow): string =>
  protocol === IPPROTO_DCCP && state === undefined ? 'unknown' : protocolName(protocol);

/** `zones`: the old file has none. */
function pushBody(words: string[], flow: Flow, zones: boolean): void {
  const { status, zoneOrig, zoneReply, protocol } = flow;
  const both = zoneOrig === zoneReply || !zones;
  const state = stateName(flow);
  if (state !== undefined) words.push(state);
  if (protocol === IPPROTO_GRE && flow.timeouts)
    words.push(`timeout=${flow.timeouts[0] / 1_000}, stream_timeout=${flow.timeouts[1] / 1_000}`);
  pushTuple(words, flow, flow.orig, !both && zoneReply === 0 ? `zone-orig=${zoneOrig}` : '');
  if (!(status & IPS_SEEN_REPLY)) words.push('[UNREPLIED]');
  pushTuple(words, flow, flow.reply, !both && zoneReply !== 0 ? `zone-reply=${zoneReply}` : '');
  if (status & IPS_OFFLOAD) words.push('[OFFLOAD]');
  else if (status & IPS_ASSURED) words.push('[ASSURED]');
  words.push(`mark=${flow.mark}`);
  if (flow.secctx !== undefined) words.push(`secctx=${flow.secctx}`);
}

function pushTuple(words: string[], flow: Flow, tuple: FlowTuple, zone: string): void {
  words.push(`src=${address(tuple.src, flow.family)}`, `dst=${address(tuple.dst, flow.family)}`);
  const keys = flow.protocol === IPPROTO_DCCP && flow.state === undefined ? '' : keyWords(flow.protocol, tuple);
  if (keys !== '') words.push(keys);
  if (zone !== '') words.push(zone);
  if (tuple.counters) words.push(`packets=${tuple.counters.packets}`, `bytes=${tuple.counters.bytes}`);
}

/** IPv6 in full. lib/vsprintf.c %pI6 */
const address = (octets: Uint8Array, family: 4 | 6): string =>
  family === 4 ? formatAddress(octets, 4) : toHex(wire(octets, 6)).replace(/(.{4})(?=.)/g, '$1:');
