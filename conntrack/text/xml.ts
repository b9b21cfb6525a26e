// -o xml of the conntrack tool. libnetfilter_conntrack snprintf_xml.c. What it does not tell: the protocol keys of ICMP, the state of DCCP by its
// name (every state is written with TCP's names, SCTP's too).

import { formatAddress } from '../../packet/address.ts';
import { IPPROTO_GRE, IPPROTO_TCP } from '../../packet/numbers.ts';
import { type Flow, type FlowTuple, PORT_PROTOCOLS } from '../flow.ts';
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../status.ts';
import { type Moment, protocolName, STATES } from './names.ts';
import { type EventType, labelNames } from './plain.ts';

export interface XmlOptions {
  readonly ktimestamp?: boolean;
  /** -o timestamp: when the event came. */
  readonly when?: Moment;
  readonly labels?: ReadonlyMap<number, string>;
}

const element = (name: string, content: string | number): string => `<${name}>${content}</${name}>`;

export function xmlElement(flow: Flow, options: XmlOptions = {}, type?: EventType): string {
  const { zoneOrig, zoneReply } = flow;
  const both = zoneOrig === zoneReply;
  return [
    type === undefined ? '<flow>' : `<flow type="${type}">`,
    direction(flow, 'original', flow.orig, !both && zoneReply === 0 ? zoneOrig : undefined),
    direction(flow, 'reply', flow.reply, !both && zoneReply !== 0 ? zoneReply : undefined),
    `<meta direction="independent">${independent(flow, options, type)}</meta>`,
    options.when ? whenElement(options.when) : '',
    flow.helper === undefined ? '' : element('helper', flow.helper),
    '</flow>',
  ].join('');
}

function direction(flow: Flow, name: string, tuple: FlowTuple, zone: number | undefined): string {
  const zoneText = zone === undefined ? '' : element('zone', zone);
  const { counters } = tuple;
  const counted = counters ? element('packets', counters.packets) + element('bytes', counters.bytes) : '';
  const text = layers(flow.family, flow.protocol, tuple);
  return `<meta direction="${name}">${text}${zoneText}${counted && element('counters', counted)}</meta>`;
}

/** The two layers of a tuple. */
export function layers(family: 4 | 6, protocol: number, tuple: FlowTuple): string {
  const addresses = element('src', formatAddress(tuple.src, family)) + element('dst', formatAddress(tuple.dst, family));
  const layer3 = `<layer3 protonum="${family === 4 ? 2 : 10}" protoname="ipv${family}">${addresses}</layer3>`;
  const layer4 = `<layer4 protonum="${protocol}" protoname="${protocolName(protocol)}">${keys(protocol, tuple)}</layer4>`;
  return layer3 + layer4;
}

function keys(protocol: number, { srcKey, dstKey }: FlowTuple): string {
  if (PORT_PROTOCOLS.has(protocol)) return element('sport', srcKey) + element('dport', dstKey);
  if (protocol !== IPPROTO_GRE) return '';
  return element('srckey', `0x${srcKey.toString(16)}`) + element('dstkey', `0x${dstKey.toString(16)}`);
}

function independent(flow: Flow, options: XmlOptions, type: EventType | undefined): string {
  const parts: string[] = [];
  const add = (name: string, value: number | string | undefined): void => {
    if (value !== undefined) parts.push(element(name, value));
  };
  add('state', flow.state === undefined ? undefined : STATES.get(IPPROTO_TCP)?.[flow.state]);
  add('timeout', flow.timeout === undefined ? undefined : Math.floor(flow.timeout / 1_000));
  add('mark', type === undefined || flow.mark !== 0 ? flow.mark : undefined);
  add('secctx', flow.secctx);
  if (flow.labels && options.labels) {
    parts.push(
      element('labels', [...labelNames(flow.labels, options.labels)].map((name) => element('label', name)).join('')),
    );
  }
  add('zone', flow.zoneOrig === flow.zoneReply && flow.zoneOrig !== 0 ? flow.zoneOrig : undefined);
  add('use', type === undefined ? flow.use : undefined);
  add('id', flow.id);
  if (flow.status & IPS_ASSURED) parts.push('<assured/>');
  if (!(flow.status & IPS_SEEN_REPLY)) parts.push('<unreplied/>');
  if (options.ktimestamp && flow.start !== undefined) {
    const stop = flow.stop === undefined ? '' : element('stop', nanoseconds(flow.stop));
    parts.push(element('timestamp', element('start', nanoseconds(flow.start)) + stop));
  }
  add('deltatime', flow.age === undefined ? undefined : Math.floor(flow.age / 1_000));
  return parts.join('');
}

const nanoseconds = (ms: number): string => `${Math.floor(ms)}000000`;

function whenElement({ hour, minute, second, weekday, day, month, year }: Moment): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const parts = [
    element('hour', hour),
    element('min', two(minute)),
    element('sec', two(second)),
    element('wday', weekday + 1),
    element('day', day),
    element('month', month),
    element('year', year),
  ];
  return element('when', parts.join(''));
}
