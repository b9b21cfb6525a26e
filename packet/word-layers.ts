// From the draft that the words of words.ts made to the layers of build.ts.

import { parseAddress6 } from './address.ts';
import * as build from './build.ts';
import { concat } from './bytes.ts';
import { icmpByName } from './icmp-names.ts';
import type { Family } from './numbers.ts';
import * as numbers from './numbers.ts';
import * as tcp from './tcp.ts';
import { PacketWordsError, type Span } from './word-reader.ts';
import { claim, type Draft, type Protocol } from './word-table.ts';

/** The transport layer; an IPv6 packet of no protocol has none. */
export function layersOf(draft: Draft, version: Family, whole: Span): build.Layer[] {
  if (draft.icmpName) claim(draft, 'icmp', draft.icmpName);
  if (!draft.protocol && draft.about) return [icmpLayer(draft, version)];
  if (!draft.protocol)
    throw new PacketWordsError('which protocol?', whole, 'begin with tcp, udp, icmp, icmp6, sctp ... or proto NUMBER');
  const { kind, number } = draft.protocol;
  refuseStrangers(draft, version, kind, whole);
  const ports = { sport: draft.sport, dport: draft.dport };
  const data = draft.data ?? draft.length;
  const { badChecksum, seq, ack } = draft;
  switch (kind) {
    case 'tcp':
      return [tcpLayer(draft)];
    case 'udp':
      return [build.udp({ ...ports, data, badChecksum })];
    case 'udplite':
      return [build.udplite({ ...ports, data, badChecksum })];
    case 'sctp':
      return [build.sctp({ ...ports, tag: draft.tag, chunks: draft.chunks, badChecksum })];
    case 'dccp':
      return [build.dccp({ ...ports, type: draft.dccpType ?? draft.type, seq, ack, data: draft.data, badChecksum })];
    case 'icmp':
      return [icmpLayer(draft, version)];
    case 'gre':
      return [
        build.gre({
          key: draft.key,
          seq,
          data: dataBehind(draft, 4 + (draft.key === undefined ? 0 : 4) + (seq === undefined ? 0 : 4)),
        }),
      ];
    case 'esp':
      return [build.esp({ spi: draft.spi, seq, data: dataBehind(draft, 8) })];
    case 'none':
      return [build.raw(numbers.IPPROTO_NONE, draft.data ?? 0)];
    case 'number':
      return [build.raw(number, data ?? 0)];
  }
}

/** The protocol number of the transport layer, for a fragment's next header. */
export const protocolNumber = (draft: Draft, version: Family): number => {
  const number = draft.protocol?.number ?? numbers.IPPROTO_ICMP;
  return number === numbers.IPPROTO_ICMP && version === 6 && draft.protocol?.kind !== 'number'
    ? numbers.IPPROTO_ICMPV6
    : number;
};

function tcpLayer({
  sport,
  dport,
  flags,
  seq,
  ack,
  window,
  urgent,
  options,
  data,
  length,
  badChecksum,
}: Draft): build.Layer {
  const fields = { sport, dport, flags: flags ?? tcp.SYN, seq, ack, window, urgent, badChecksum };
  return build.tcp({ ...fields, options: Uint8Array.from(options), data: data ?? length });
}

function icmpLayer(draft: Draft, version: Family): build.Layer {
  const named = draft.icmpName && icmpByName(draft.icmpName.word, version);
  if (draft.icmpName && !named) {
    throw new PacketWordsError(`ICMP of IPv${version} has no "${draft.icmpName.text}"`, draft.icmpName);
  }
  const { seq, mtu, pointer, badChecksum } = draft;
  const type = named?.type ?? draft.type ?? (draft.about ? (version === 4 ? 3 : 1) : undefined);
  const fields = {
    type,
    code: draft.code ?? named?.code,
    id: draft.ip.id === undefined ? undefined : draft.ip.id & 0xffff,
    seq,
    mtu,
    pointer,
    badChecksum,
  };
  // As tcpdump counts it, the length of an ICMP message has the eight octets of its header in it.
  const data =
    quote(draft, version) ?? draft.data ?? messageData(draft, type, version) ?? Math.max((draft.length ?? 8) - 8, 0);
  return version === 4 ? build.icmp({ ...fields, gateway: draft.gateway, data }) : build.icmp6({ ...fields, data });
}

/** An IPv4 error quotes the header and 8 octets, an IPv6 error all that fits. */
function quote({ about }: Draft, version: Family): Uint8Array | undefined {
  if (!about) return undefined;
  return version === 4 ? about.slice(0, ((about[0] & 0x0f) << 2) + 8) : about.slice(0, 1232);
}

/** What neighbour and listener discovery need behind their first 8 octets. */
function messageData({ target }: Draft, type: number | undefined, version: Family): Uint8Array | undefined {
  if (version === 4 || type === undefined) return undefined;
  const address = parseAddress6(target ?? '::') ?? new Uint8Array(16);
  if (type === 135 || type === 136 || (type >= 130 && type <= 132)) return address;
  if (type === 134) return new Uint8Array(8);
  return type === 137 ? concat(address, new Uint8Array(16)) : undefined;
}

/** The data behind a header of that many octets, when the length of both was said. */
const dataBehind = ({ data, length }: Draft, header: number): build.Data | undefined =>
  data ?? (length === undefined ? undefined : Math.max(length - header, 0));

// Words that mean something to these protocols only; for the others they would be lost without a word.
const PORTS: readonly Protocol[] = ['tcp', 'udp', 'udplite', 'sctp', 'dccp'];
const MEANT_FOR: readonly (readonly [keyof Draft & string, readonly Protocol[]])[] = [
  ['sport', PORTS],
  ['dport', PORTS],
  ['seq', ['tcp', 'dccp', 'icmp', 'gre', 'esp']],
  ['ack', ['tcp', 'dccp']],
  ['type', ['icmp', 'dccp']],
  ['code', ['icmp']],
  ['mtu', ['icmp']],
  ['pointer', ['icmp']],
  ['gateway', ['icmp']],
  ['target', ['icmp']],
  ['about', ['icmp']],
  ['tag', ['sctp']],
  ['key', ['gre']],
  ['spi', ['esp']],
  ['window', ['tcp']],
  ['badChecksum', ['tcp', 'udp', 'udplite', 'sctp', 'dccp', 'icmp']],
  ['length', ['tcp', 'udp', 'udplite', 'icmp', 'gre', 'esp', 'number']],
  ['data', ['tcp', 'udp', 'udplite', 'dccp', 'icmp', 'gre', 'esp', 'none', 'number']],
];

function refuseStrangers(draft: Draft, version: Family, kind: Protocol, whole: Span): void {
  const place = (word: string): Span => draft.places.get(word) ?? whole;
  for (const [field, kinds] of MEANT_FOR) {
    if (draft[field] === undefined || kinds.includes(kind)) continue;
    const name = draft.protocol?.token.text;
    throw new PacketWordsError(
      `"${field}" means nothing with "${name}"`,
      place(field),
      `it goes with ${kinds.join(', ')}`,
    );
  }
  const { id } = draft.ip;
  if (id === undefined) return;
  if (version === 6 && !draft.piece && kind !== 'icmp') {
    throw new PacketWordsError('an IPv6 packet that is no fragment has no id', place('id'));
  }
  if (id > 0xffff && !(version === 6 && draft.piece))
    throw new PacketWordsError(`an id is at most 65535, not ${id}`, place('id'));
}
