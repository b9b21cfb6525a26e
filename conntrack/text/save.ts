// -o save of the conntrack tool: the words that would make the connection, for `conntrack -R`. The mark is not among them: the
// real tool's version leaves it out too.

import { formatAddress } from '../../packet/address.ts';
import { IPPROTO_DCCP, IPPROTO_GRE } from '../../packet/numbers.ts';
import { type Flow, isIcmp, PORT_PROTOCOLS } from '../flow.ts';
import { icmpCode, icmpType, PROTOCOL_NAMES, protocolName, STATES, STATUS_NAMES, translationOf } from './names.ts';
import type { EventType } from './plain.ts';

const COMMANDS: Record<EventType, string> = { new: '-A', update: '-U', destroy: '-D' };

export function saveLine(flow: Flow, type: EventType = 'new'): string {
  const { family, orig, reply, zoneOrig, zoneReply } = flow;
  const { sourceAddress, destinationAddress } = translationOf(flow);
  const words = [COMMANDS[type]];
  if (flow.timeout !== undefined) words.push(`-t ${Math.floor(flow.timeout / 1_000)}`);
  words.push(`-u ${statusText(flow.status)}`);
  if (zoneOrig === zoneReply) words.push(...(zoneOrig === 0 ? [] : [`-w ${zoneOrig}`]));
  else words.push(zoneReply === 0 ? `--orig-zone ${zoneOrig}` : `--reply-zone ${zoneReply}`);
  words.push(`-s ${formatAddress(orig.src, family)}`, `-d ${formatAddress(orig.dst, family)}`);
  words.push(`${destinationAddress ? '-g' : '-r'} ${formatAddress(reply.src, family)}`);
  words.push(`${sourceAddress ? '-n' : '-q'} ${formatAddress(reply.dst, family)}`);
  words.push(`-p ${PROTOCOL_NAMES.has(flow.protocol) ? protocolName(flow.protocol) : flow.protocol}`);
  words.push(...protocolWords(flow));
  return words.join(' ');
}

/** In the order of the bits. */
function statusText(status: number): string {
  const named = STATUS_NAMES.filter(([, bit]) => bit !== 0 && status & bit).sort(([, one], [, other]) => one - other);
  return named.length === 0 ? 'UNSET' : named.map(([name]) => name).join(',');
}

function protocolWords(flow: Flow): string[] {
  const { protocol, orig, reply, tags } = flow;
  const words: string[] = [];
  if (PORT_PROTOCOLS.has(protocol)) {
    // Where nobody tracks DCCP it has no ports.
    if (protocol === IPPROTO_DCCP && flow.state === undefined) return words;
    words.push(`--sport ${orig.srcKey} --dport ${orig.dstKey}`);
    words.push(`--reply-port-src ${reply.srcKey} --reply-port-dst ${reply.dstKey}`);
  } else if (isIcmp(protocol)) {
    const name = protocolName(protocol);
    words.push(`--${name}-type ${icmpType(orig)} --${name}-code ${icmpCode(orig)} --${name}-id ${orig.srcKey}`);
  } else if (protocol === IPPROTO_GRE) {
    words.push(`--srckey ${orig.srcKey} --dstkey ${orig.dstKey}`);
    words.push(`--reply-key-src ${reply.srcKey} --reply-key-dst ${reply.dstKey}`);
  }
  if (flow.state !== undefined) words.push(`--state ${STATES.get(protocol)?.[flow.state] ?? flow.state}`);
  if (tags) words.push(`--orig-vtag ${tags[0]} --reply-vtag ${tags[1]}`);
  return words;
}
