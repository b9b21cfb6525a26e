// Fingerprints of TCP SYNs, by which -m osf tells systems apart: the file pf.os as nfnl_osf reads it (iptables, nftables and OpenBSD ship
// it), and the comparison with a packet. net/netfilter/nfnetlink_osf.c; the format is told in the file itself.
//
//   wwww:ttt:D:ss:OOO...:OS:Version:Subtype:Details
//
// A window is a number, `Sn` and `Tn` n times the MSS or the MTU, `%n` a multiple of n; `S*` stands for the window 0, as there.

import type { Packet } from '../../packet/packet.ts';
import * as tcp from '../../packet/tcp.ts';

type WindowKind = 'plain' | 'mss' | 'mtu' | 'modulo';

export interface Fingerprint {
  readonly genre: string;
  readonly version: string;
  readonly subtype: string;
  readonly window: { readonly kind: WindowKind; readonly value: number };
  readonly ttl: number;
  readonly dontFragment: boolean;
  /** Octets of the whole packet. */
  readonly length: number;
  /** Kinds and lengths of the options, in order. */
  readonly options: readonly { readonly kind: number; readonly length: number }[];
}

/** By the letter in the file; others are passed over. */
const OPTIONS: Readonly<Record<string, { kind: number; length: number }>> = {
  E: { kind: tcp.TCPOPT_EOL, length: 1 },
  N: { kind: tcp.TCPOPT_NOP, length: 1 },
  M: { kind: tcp.TCPOPT_MSS, length: 4 },
  W: { kind: tcp.TCPOPT_WINDOW, length: 3 },
  S: { kind: tcp.TCPOPT_SACK_PERM, length: 2 },
  T: { kind: tcp.TCPOPT_TIMESTAMP, length: 10 },
};
const FIELDS = 9;
/** Octets of genre, version and subtype each. MAXGENRELEN */
const LONGEST = 31;

/** The fingerprints of a file; throws a RangeError that names the line that is none. */
export function parseFingerprints(text: string): Fingerprint[] {
  return text.split('\n').flatMap((line, index) => {
    if (line === '' || line[0] === '#' || line[0] === '\r') return [];
    if (line.split(':').length !== FIELDS) throw new RangeError(`line ${index + 1} has not 8 colons: ${line}`);
    return [fingerprint(fieldsOf(line))];
  });
}

/** Blanks behind a colon are no part of the next field, but, colon included, of the one before. */
function fieldsOf(line: string): string[] {
  const fields: string[] = [];
  for (let from = 0; fields.length < FIELDS; ) {
    let colon = line.indexOf(':', from);
    if (colon < 0) colon = line.length;
    while (/\s/.test(line[colon + 1] ?? '')) colon++;
    fields.push(line.slice(from, colon));
    from = colon + 1;
  }
  return fields;
}

function fingerprint([window, ttl, df, length, options, genre, version, subtype]: readonly string[]): Fingerprint {
  return {
    // "@" marks a system known to be used by many, "*" one that is no system.
    genre: (/^[@*]/.test(genre) ? genre.slice(1) : genre).slice(0, LONGEST),
    version: version.slice(0, LONGEST),
    subtype: subtype.slice(0, LONGEST),
    window: windowOf(window),
    ttl: decimal(ttl) & 0xff,
    dontFragment: decimal(df) !== 0,
    length: decimal(length) & 0xffff,
    options: options.split(',').flatMap((option) => OPTIONS[option.trim()[0]] ?? []),
  };
}

/** strtoul(): digits at the beginning, 0 without any. */
const decimal = (text: string): number => Number(/^\s*(\d*)/.exec(text)![1]);

function windowOf(text: string): Fingerprint['window'] {
  if (text[0] === 'S' || text[0] === 'T') {
    const value = decimal(text[1] === '%' ? text.slice(2) : text.slice(1));
    return { kind: text[0] === 'S' ? 'mss' : 'mtu', value };
  }
  return text[0] === '%' ? { kind: 'modulo', value: decimal(text.slice(1)) } : { kind: 'plain', value: decimal(text) };
}

// --- Comparison -----------------------------------------------------------------------------------------------------------

/** Modems that lower the MSS on the way make it one of these. SMART_MSS_1, SMART_MSS_2 */
const SMART_MSS = [1460, 1448] as const;
const HEADERS = 40;

/** Whether `pkt`, an IPv4 SYN whose TCP header is whole, looks like `finger`, its TTL aside. nf_osf_match_one() */
export function looksLike({ bytes, l3, l4, length }: Packet, finger: Fingerprint): boolean {
  if (length !== finger.length || ((bytes[l3 + 6] & 0x40) !== 0) !== finger.dontFragment) return false;
  let at = l4 + tcp.LENGTH;
  const end = l4 + tcp.headerLength(bytes, l4);
  let mss = 0;
  for (const { kind, length: octets } of finger.options) {
    if (at + octets > end || bytes[at] !== kind) return false;
    if (kind === tcp.TCPOPT_MSS) mss = (bytes[at + 2] << 8) | bytes[at + 3];
    at += octets;
  }
  return at === end && fitsWindow(tcp.window(bytes, l4), finger.window, mss);
}

function fitsWindow(window: number, { kind, value }: Fingerprint['window'], mss: number): boolean {
  switch (kind) {
    case 'plain':
      return value === 0 || window === value;
    case 'modulo':
      return window % value === 0;
    default: {
      const more = kind === 'mtu' ? HEADERS : 0;
      return window === value * (mss + more) || SMART_MSS.some((smart) => window === value * (smart + more));
    }
  }
}
