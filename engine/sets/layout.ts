// Keys of members as 32-bit words: addresses (1 or 4 words each), then port, protocol and prefix lengths, MAC, mark, and the device last,
// which is not hashed: members for one network on several devices are met one after the other.
//
//   | address ... | [address ...] | port(16) protocol(8) length(8) | [second length] | [MAC MAC] | [mark] | [device] |

import { type Part, SetError, type SetHeader, type SetType } from './types.ts';

export interface Layout {
  readonly parts: readonly Part[];
  /** Words of an address. */
  readonly width: 1 | 4;
  /** By part: where its words begin; a port or bitmap part is in `tail`. */
  readonly at: readonly number[];
  /** Where port and first prefix length are, -1: neither. */
  readonly tail: number;
  /** Where the length of each network is: words, and which parts they are of. */
  readonly nets: readonly { readonly part: number; readonly word: number }[];
  readonly hashed: number;
  readonly words: number;
  readonly iface: number;
}

export function layoutOf({ parts }: SetType, { family }: SetHeader): Layout {
  const width = family === 6 ? 4 : 1;
  let next = 0;
  const take = (words: number): number => {
    next += words;
    return next - words;
  };
  const isAddress = (part: Part): boolean => part === 'ip' || part === 'net';
  const at = parts.map((part) => (isAddress(part) ? take(width) : -1));
  const netParts = [...parts.keys()].filter((index) => parts[index] === 'net');
  const tail = netParts.length > 0 || parts.includes('port') ? take(1) : -1;
  const nets = netParts.map((part, index) => ({ part, word: index === 0 ? tail : take(1) }));
  for (const [index, part] of parts.entries()) {
    if (part === 'mac') at[index] = take(2);
    if (part === 'mark') at[index] = take(1);
  }
  const hashed = next;
  const iface = parts.includes('iface') ? take(1) : -1;
  return { parts, width, at, tail, nets, hashed, words: next, iface };
}

/** In the word of a device, beside its number. */
export const PHYSDEV = 1 << 31;
export const WILDCARD = 1 << 30;

/** An element as text says it, each part one value. */
export interface Element {
  /** By part; empty where the part is no address. */
  readonly addresses: readonly Int32Array[];
  /** By part: prefix length; a whole address where none was said. */
  readonly lengths: readonly number[];
  /** port << 8 | protocol */
  readonly port: number;
  readonly iface: string;
  readonly physdev: boolean;
  readonly wildcard: boolean;
  /** Undefined: none was said, which bitmap:ip,mac allows. */
  readonly mac: readonly [number, number] | undefined;
  readonly mark: number;
}

export const maskWord = (length: number, word: number): number => {
  const bits = length - 32 * word;
  return bits >= 32 ? -1 : bits <= 0 ? 0 : -1 << (32 - bits);
};

const NO_MAC: readonly [number, number] = [0, 0];

/** Lays an element's words into `key`, without the device. Throws SetError for an address that no set of the type holds. */
export function writeKey(element: Element, layout: Layout, type: SetType, header: SetHeader, key: Int32Array): void {
  const { parts, width, at, tail, nets } = layout;
  key.fill(0, 0, layout.words);
  if (tail >= 0) key[tail] = element.port << 8;
  for (const [index, part] of parts.entries()) {
    if (part === 'ip' || part === 'net') {
      for (let word = 0; word < width; word++) {
        const mask = part === 'net' ? maskWord(element.lengths[index], word) : (header.mask?.[word] ?? -1);
        key[at[index] + word] = element.addresses[index][word] & mask;
      }
    } else if (part === 'mac') key.set(element.mac ?? NO_MAC, at[index]);
    else if (part === 'mark') key[at[index]] = element.mark & (header.markMask ?? -1);
  }
  for (const { part, word } of nets) key[word] |= element.lengths[part];
  refuseNull(type, layout, key);
}

/** The element whose words these are, its device among them. */
export function readKey(words: Int32Array, layout: Layout, devices: readonly string[]): Element {
  const { parts, width, at, tail, nets, iface } = layout;
  const lengthOf = (part: number): number => {
    const net = nets.find((one) => one.part === part);
    return net ? words[net.word] & 0xff : 32 * width;
  };
  const macAt = at[parts.indexOf('mac')] ?? -1;
  const device = iface < 0 ? 0 : words[iface];
  return {
    addresses: parts.map((part, index) =>
      part === 'ip' || part === 'net' ? words.slice(at[index], at[index] + width) : new Int32Array(0),
    ),
    lengths: parts.map((_part, index) => lengthOf(index)),
    port: tail < 0 ? 0 : words[tail] >>> 8,
    iface: iface < 0 ? '' : devices[device & ~(PHYSDEV | WILDCARD)],
    physdev: (device & PHYSDEV) !== 0,
    wildcard: (device & WILDCARD) !== 0,
    mac: macAt < 0 ? [0, 0] : [words[macAt], words[macAt + 1]],
    mark: parts.includes('mark') ? words[at[parts.indexOf('mark')]] >>> 0 : 0,
  };
}

/** The all-zero address is how the kernel's tables say "no address". net/netfilter/ipset/ip_set_hash_ip.c, ip_set_hash_ipport.c */
export function isNull({ width }: Layout, key: Int32Array): boolean {
  for (let word = 0; word < width; word++) if (key[word] !== 0) return false;
  return true;
}

function refuseNull(type: SetType, layout: Layout, key: Int32Array): void {
  if (type.name === 'hash:mac') {
    if ((key[0] | key[1]) === 0) throw new SetError(NULL_VALUED);
  } else if (type.name === 'hash:ip' && isNull(layout, key)) throw new SetError(NULL_VALUED);
  else if (type.name === 'hash:ip,port' && isNull(layout, key)) {
    throw new SetError('Kernel error received: Invalid argument');
  }
}

const NULL_VALUED = 'Null-valued element, cannot be stored in a hash type of set';
