import { defineMatch, type Predicate } from '../engine/extension.ts';
import type { ListScope, ValueScope } from '../grammar/options.ts';
import { type NumberRange, own, printRange } from '../grammar/values.ts';
import { u16 } from '../packet/bytes.ts';
import { IPPROTO_SCTP } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { listPorts, onlyOne, portRangeTest, STRICT_PORTS } from './shared/ports.ts';
import { within } from './shared/ranges.ts';
import { option, upperHex, words } from './shared/text.ts';

// Common header, RFC 9260 3.1, then chunks until the end of the packet:
//   | sourcePort | destinationPort | tag(32) | checksum(32) |   | type(8) flags(8) length(16) | value, padded to 4 ... |
const LENGTH = 12;
const CHUNK_LENGTH = 4;

const I_DATA = 0x40;
/** In the tool's order: it names a chunk by its place here when its flags are wrong. */
const CHUNKS: readonly (readonly [name: string, type: number])[] = [
  ['DATA', 0],
  ['INIT', 1],
  ['INIT_ACK', 2],
  ['SACK', 3],
  ['HEARTBEAT', 4],
  ['HEARTBEAT_ACK', 5],
  ['ABORT', 6],
  ['SHUTDOWN', 7],
  ['SHUTDOWN_ACK', 8],
  ['ERROR', 9],
  ['COOKIE_ECHO', 10],
  ['COOKIE_ACK', 11],
  ['ECN_ECNE', 12],
  ['ECN_CWR', 13],
  ['SHUTDOWN_COMPLETE', 14],
  ['I_DATA', I_DATA],
  ['RE_CONFIG', 0x82],
  ['PAD', 0x84],
  ['ASCONF', 0xc1],
  ['ASCONF_ACK', 0x80],
  ['FORWARD_TSN', 0xc0],
  ['I_FORWARD_TSN', 0xc2],
];
/** They print in the order of their numbers. */
const BY_TYPE = [...CHUNKS].sort((a, b) => a[1] - b[1]);
/** Flag letters from bit 7 down; a blank is a bit without a letter. */
const LETTERS: Readonly<Record<number, string>> = { 0: '    IUBE', 6: '       T', 14: '       T', 64: '    IUBE' };

const HOW = ['any', 'all', 'only'] as const;
type How = (typeof HOW)[number];

interface ChunkFlags {
  readonly type: number;
  /** Bits that are looked at, and what they must be. */
  readonly mask: number;
  readonly set: number;
}

interface Chunks {
  readonly how: How;
  /** Sorted numbers; all 256 for ALL, none for NONE. */
  readonly types: readonly number[];
  readonly flags: readonly ChunkFlags[];
}

const chunkKind = {
  words: 2 as const,
  metavar: 'all|any|only chunk[:flags][,...]',
  parse([how, list]: readonly string[], scope: ValueScope): Chunks {
    const found = HOW.find((name) => name === how.toLowerCase());
    if (!found) return scope.fail('Match type has to be one of "ALL", "ANY" or "ONLY"', `not "${how}"`);
    return { how: found, ...parseChunks(list, scope) };
  },
  print: (chunks: Chunks): string => chunkText(chunks, (name) => name),
};

function parseChunks(list: string, scope: ValueScope): Omit<Chunks, 'how'> {
  if (list.toUpperCase() === 'ALL') return { types: Array.from({ length: 256 }, (_, type) => type), flags: [] };
  if (list.toUpperCase() === 'NONE') return { types: [], flags: [] };
  const types = new Set<number>();
  const flags = new Map<number, ChunkFlags>();
  // strtok(): empty items vanish.
  for (const item of list.split(',').filter((one) => one !== '')) {
    const colon = item.indexOf(':');
    const name = colon < 0 ? item : item.slice(0, colon);
    const chunk = CHUNKS.find((entry) => entry[0] === name.toUpperCase());
    if (!chunk) {
      const hint = `chunks are ${CHUNKS.map((entry) => entry[0]).join(', ')}`;
      return scope.fail(`Unknown sctp chunk \`${name}'`, hint);
    }
    types.add(chunk[1]);
    if (colon >= 0 && colon + 1 < item.length) {
      flags.set(chunk[1], parseFlags(chunk[1], item.slice(colon + 1), flags.get(chunk[1]), scope));
    }
  }
  flags.delete(I_DATA);
  return { types: [...types].sort((a, b) => a - b), flags: [...flags.values()] };
}

/**
 * An upper-case letter wants the flag set, a lower-case one clear; for a chunk named twice the letters add up, and upper case wins.
 * Those of I_DATA are read and forgotten: the tool files them under another number, where no chunk is, so that they never matter.
 */
function parseFlags(type: number, letters: string, earlier: ChunkFlags | undefined, scope: ValueScope): ChunkFlags {
  const place = CHUNKS.findIndex((entry) => entry[1] === type);
  let { mask, set } = earlier ?? { mask: 0, set: 0 };
  for (const letter of letters) {
    const at = letter === ' ' ? -1 : (LETTERS[type] ?? '').indexOf(letter.toUpperCase());
    if (at < 0) scope.fail(`Invalid flags for chunk type ${place}`, `its flags are "${(LETTERS[type] ?? '').trim()}"`);
    const bit = 0x80 >> at;
    mask |= bit;
    if (letter === letter.toUpperCase()) set |= bit;
  }
  return { type, mask, set };
}

function flagText({ type, mask, set }: ChunkFlags): string {
  const letters = [...(LETTERS[type] ?? '')].map((letter, at) => {
    const bit = 0x80 >> at;
    if (!(mask & bit)) return '';
    return set & bit ? letter : letter.toLowerCase();
  });
  return `:${letters.join('')}`;
}

function chunkText({ how, types, flags }: Chunks, print: (name: string, type: number) => string): string {
  if (types.length === 256) return `${how} ALL`;
  if (types.length === 0) return `${how} NONE`;
  const items = BY_TYPE.filter(([, type]) => types.includes(type)).map(([name, type]) => {
    const own = flags.find((entry) => entry.type === type);
    return print(name, type) + (own ? flagText(own) : '');
  });
  return `${how} ${items.join(',')}`;
}

interface Ports {
  readonly range: NumberRange;
  readonly inverted: boolean;
}

interface Checked {
  readonly source?: Ports;
  readonly destination?: Ports;
  readonly chunks?: Chunks & { readonly inverted: boolean };
}

const savePort = (name: string, ports: Ports | undefined): string | undefined =>
  ports && option(name, printRange(ports.range), ports.inverted);
const listPort = (name: string, ports: Ports | undefined, scope: ListScope): string | undefined =>
  ports && listPorts(name, ports.range, ports.inverted, scope, 'sctp');

export const sctp = defineMatch({
  name: 'sctp',
  families: [4, 6],
  summary: 'Ports and chunks of an SCTP packet.',
  kernel: 'net/netfilter/xt_sctp.c sctp_mt()',
  placement: { protocols: [IPPROTO_SCTP] },
  effect: 'pure',
  options: {
    ...STRICT_PORTS,
    'chunk-types': own(chunkKind, {
      help: 'chunks that are there',
      invert: true,
      twice: onlyOne('chunk-types'),
      missing: '--chunk-types requires two args',
    }),
  },
  check(given): Checked {
    const source = given['source-port'];
    const destination = given['destination-port'];
    const chunks = given['chunk-types'];
    return {
      ...(source && { source: { range: source.value, inverted: source.inverted } }),
      ...(destination && { destination: { range: destination.value, inverted: destination.inverted } }),
      ...(chunks && { chunks: { ...chunks.value, inverted: chunks.inverted } }),
    };
  },
  save: ({ source, destination, chunks }) =>
    words(
      savePort('sport', source),
      savePort('dport', destination),
      chunks && option('chunk-types', chunkKind.print(chunks), chunks.inverted),
    ),
  list({ source, destination, chunks }, scope) {
    const print = (name: string, type: number): string => (scope.numeric ? `0x00${upperHex(type)}` : name);
    return words(
      'sctp',
      listPort('spt', source, scope),
      listPort('dpt', destination, scope),
      chunks && `${chunks.inverted ? '! ' : ''}${chunkText(chunks, print)}`,
    );
  },
  compile({ source, destination, chunks }) {
    const from = source && portRangeTest(source.range, source.inverted);
    const to = destination && portRangeTest(destination.range, destination.inverted);
    const inside = chunks && chunkMatch(chunks);
    const inverted = chunks?.inverted ?? false;
    return (pkt) => {
      if (pkt.fragmentOffset !== 0) return false;
      const { bytes, l4 } = pkt;
      if (l4 + LENGTH > pkt.end) return pkt.hotDrop('SCTP header cut short');
      if (from && !from(u16(bytes, l4))) return false;
      if (to && !to(u16(bytes, l4 + 2))) return false;
      return !inside || inside(pkt) !== inverted;
    };
  },
  constrain: ({ source, destination, chunks }) =>
    chunks
      ? undefined
      : {
          ...(source && { sourcePort: within(source.range, source.inverted, 0xffff) }),
          ...(destination && { destinationPort: within(destination.range, destination.inverted, 0xffff) }),
        },
  saw(_checked, pkt) {
    if (pkt.fragmentOffset !== 0) return 'later fragment';
    if (pkt.l4 + LENGTH > pkt.end) return 'header cut short';
    const first = pkt.bytes[pkt.l4 + LENGTH];
    const chunk = CHUNKS.find((entry) => entry[1] === first)?.[0] ?? `chunk ${first}`;
    return `sport ${u16(pkt.bytes, pkt.l4)} dport ${u16(pkt.bytes, pkt.l4 + 2)} ${chunk}`;
  },
});

/** match_packet(): a chunk header that is cut short or claims no length drops the packet. */
function chunkMatch({ how, types, flags }: Chunks): Predicate {
  const wanted = new Uint8Array(256);
  for (const type of types) wanted[type] = 1;
  const mask = new Uint8Array(256);
  const set = new Uint8Array(256);
  for (const one of flags) {
    mask[one.type] = one.mask;
    set[one.type] = one.set;
  }
  // For `all`: which packet last showed the type. A new number for each packet saves clearing the array.
  const shown = new Float64Array(256);
  let turn = 0;
  return (pkt: Packet) => {
    const { bytes, end } = pkt;
    turn++;
    let missing = types.length;
    for (let at = pkt.l4 + LENGTH; ; ) {
      const length = at + CHUNK_LENGTH <= end ? u16(bytes, at + 2) : 0;
      if (length === 0) return pkt.hotDrop('SCTP chunk cut short');
      const type = bytes[at];
      const hit = wanted[type] === 1 && (bytes[at + 1] & mask[type]) === set[type];
      if (how === 'only') {
        if (!hit) return false;
      } else if (hit) {
        if (how === 'any') return true;
        if (shown[type] !== turn) missing--;
        shown[type] = turn;
      }
      at += (length + 3) & ~3;
      if (at >= end) break;
    }
    return how === 'only' || (how === 'all' && missing === 0);
  };
}
