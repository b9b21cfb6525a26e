// A packet from words, for `sekisho trace`, tests and anyone at a prompt:
//   tcp 2001:db8::1 > 2001:db8::2 sport 1024 dport 443 syn
//   10.0.0.1.1024 > 10.0.0.2.80 syn ack mss 1460 ttl 3
//   icmp6 fd00::1 > fd00::2 port-unreachable about udp fd00::2 > fd00::1 sport 53 dport 4000
//   4500001c...                                    hex, as it stands
// Order is free, but for the two addresses around `>` and a number behind its word; `about` takes all that follows. Words and marks
// are those of describe(), so that most lines which that (or tcpdump -n) prints are understood, too. What is left out gets the defaults
// of build.ts. The words themselves are in word-table.ts.

import { parseAnyAddress } from './address.ts';
import * as build from './build.ts';
import { fromHex } from './bytes.ts';
import type { Family } from './numbers.ts';
import { Packet } from './packet.ts';
import { layersOf, protocolNumber } from './word-layers.ts';
import { PacketWordsError, type Span, type Token, WordReader } from './word-reader.ts';
import { type Draft, understand } from './word-table.ts';

export { PacketWordsError } from './word-reader.ts';

/** Octets of the packet that `text` says. Throws PacketWordsError with the place of the word that makes no sense. */
export function packetFromWords(text: string): Uint8Array {
  return hexPacket(text) ?? fromTokens(text, new WordReader(text), 4);
}

/** Hex from the first octet of the IP header on, blanks and colons allowed, `0x` or `hex` before it; undefined: these are words. */
function hexPacket(text: string): Uint8Array | undefined {
  const given = /^\s*(?:hex\s+|0x)?([46][0-9a-f\s:]*)$/i.exec(text);
  const digits = given?.[1].replace(/[\s:]/g, '') ?? '';
  if (digits.length < 8) return undefined;
  const bytes = fromHex(digits);
  if (bytes) return bytes;
  const end = text.trimEnd().length;
  throw new PacketWordsError('half an octet is missing', { start: end - 1, end }, 'hex digits come in pairs');
}

/** `otherwise` is the family of a packet whose words say none; what an error quotes is of the error's own family. */
function fromTokens(text: string, read: WordReader, otherwise: Family): Uint8Array {
  const draft: Draft = { flags: undefined, options: [], before: [], ip: {}, places: new Map() };
  while (!read.atEnd()) {
    const token = read.take();
    if (read.peek()?.text === '>' && parseEndpoint(token)) takeEndpoints(draft, token, read);
    else if (token.word === 'about') {
      draft.about = fromTokens(text, read, draft.family ?? otherwise);
      break;
    } else understand(draft, token, read);
  }
  return assemble(draft, draft.family ?? otherwise, { start: 0, end: text.length });
}

// --- Addresses ------------------------------------------------------------------------------------------------------------

interface Endpoint {
  address: string;
  family: Family;
  port?: number;
}

/** `A`, `A.port` as tcpdump writes it, `[A]:port`, `a.b.c.d:port`; a colon behind is not part of it. */
function parseEndpoint({ text }: Token): Endpoint | undefined {
  return (
    endpoint(text, undefined) ??
    withPort(/^\[(.+)\][:.](\d+):?$/.exec(text)) ??
    withPort(/^(.+)\.(\d+):?$/.exec(text)) ??
    withPort(/^([\d.]+):(\d+):?$/.exec(text)) ??
    (text.endsWith(':') ? endpoint(text.slice(0, -1), undefined) : undefined)
  );
}

const withPort = (found: RegExpExecArray | null): Endpoint | undefined =>
  found && Number(found[2]) <= 65_535 ? endpoint(found[1], Number(found[2])) : undefined;

function endpoint(text: string, port: number | undefined): Endpoint | undefined {
  const found = parseAnyAddress(text);
  return found && { address: text, family: found.family, port };
}

function takeEndpoints(draft: Draft, token: Token, read: WordReader): void {
  const source = parseEndpoint(token) as Endpoint;
  read.take(); // the >
  const second = read.take('an address behind ">"');
  const destination = parseEndpoint(second);
  if (!destination)
    throw new PacketWordsError(`"${second.text}" is no address`, second, 'write an IPv4 or IPv6 address, not a name');
  if (draft.src !== undefined) throw new PacketWordsError('addresses given twice', token);
  if (source.family !== destination.family) {
    throw new PacketWordsError(
      `IPv${source.family} to IPv${destination.family}: both addresses must be of one family`,
      second,
    );
  }
  claimFamily(draft, source.family, token);
  draft.src = source.address;
  draft.dst = destination.address;
  draft.sport ??= source.port;
  draft.dport ??= destination.port;
}

function claimFamily(draft: Draft, family: Family, token: Token): void {
  if (draft.family !== undefined && draft.family !== family) {
    throw new PacketWordsError(`"${token.text}" is IPv${family}, but an earlier word says IPv${draft.family}`, token);
  }
  draft.family = family;
}

// --- Putting it together ----------------------------------------------------------------------------------------------------

function assemble(draft: Draft, family: Family, whole: Span): Uint8Array {
  const around = (...layers: readonly build.Layer[]): Uint8Array => ipAround(draft, family, draft.piece, layers);
  const layers = layersOf(draft, family, whole);
  if (!draft.piece) return ipAround(draft, family, undefined, [...draft.before, ...layers]);
  const { offset, length } = draft.piece;
  if (offset > 0) {
    return around(...draft.before, build.raw(protocolNumber(draft, family), length ?? draft.data ?? draft.length ?? 8));
  }
  // A first piece is the front of a whole datagram, so that its checksum and length fields are those of the whole.
  const datagram = Packet.of(ipAround(draft, family, undefined, layers));
  const octets = datagram.bytes.slice(datagram.l4, length === undefined ? datagram.end : datagram.l4 + length);
  return around(...draft.before, build.raw(protocolNumber(draft, family), octets));
}

/** The IP header and, in IPv6 for a piece, the fragment header behind the headers that were named before it. */
function ipAround(draft: Draft, family: Family, piece: Draft['piece'], layers: readonly build.Layer[]): Uint8Array {
  const { src, dst, ip } = draft;
  if (family === 4) {
    // An `id` belongs to the echo message, where there is one.
    const id = piece?.id ?? (draft.protocol?.kind === 'icmp' && !piece ? undefined : ip.id);
    return build.ip4(
      { src, dst, ttl: ip.ttl, tos: ip.tos, id, df: ip.df, mf: piece?.more, offset: piece?.offset },
      ...layers,
    );
  }
  const fields = { src, dst, hopLimit: ip.ttl, trafficClass: ip.tos, flowLabel: ip.flow };
  if (!piece) return build.ip6(fields, ...layers);
  const last = layers[layers.length - 1];
  return build.ip6(fields, ...layers.slice(0, -1), build.fragment({ ...piece, id: piece.id ?? ip.id }), last);
}
