// The words behind `create NAME TYPE` and `add NAME ELEMENT`.

import { parseAton } from '../../grammar/addresses.ts';
import type { Names } from '../../grammar/names.ts';
import type { Family } from '../../packet/numbers.ts';
import { familyName, parseHost, parsePort } from './element-text.ts';
import type { MemberOptions } from './extensions.ts';
import { maskWord } from './layout.ts';
import { bigNumberOf, syntax, wholeNumberOf } from './number-text.ts';
import type { AskedHeader, CreateOption, SetHeader, SetType } from './types.ts';
import { SetError } from './types.ts';
import { wrongWords } from './words.ts';

/** The kernel counts milliseconds in 31 bits. */
const MOST_SECONDS = 2_147_483;
const U32 = 0xffff_ffff;
const MOST_MEMBERS = 0x1_0000;

class Words {
  private readonly words: readonly string[];
  private at = 0;
  private readonly seen = new Set<string>();

  constructor(words: readonly string[]) {
    this.words = words;
  }

  next(): string | undefined {
    return this.words[this.at++];
  }

  /** The word behind `option`, which is given once only. */
  value(option: string): string {
    if (this.at >= this.words.length) throw wrongWords(`Missing mandatory argument of option \`${option}'`);
    if (this.seen.has(option)) throw syntax(`${option} already specified`);
    this.seen.add(option);
    return this.words[this.at++];
  }

  unknown(word: string): never {
    throw wrongWords(`Unknown argument: \`${word}'`);
  }
}

type Drafted = { -readonly [K in keyof AskedHeader]: AskedHeader[K] };

const FAMILIES: Readonly<Record<string, Family>> = { inet: 4, ipv4: 4, inet6: 6, ipv6: 6 };

/** Words of old scripts. */
const OLD_NAMES: Readonly<Record<string, CreateOption>> = { network: 'range' };

/** Throws SetError. */
export function parseCreate(type: SetType, given: readonly string[], names: Names): AskedHeader {
  const words = new Words(given);
  const header: Drafted = {
    family: type.families?.[0],
    hashSize: 1024,
    maxElements: 65_536,
    bucketSize: 12,
    initval: undefined,
    markMask: undefined,
    mask: undefined,
    netmask: undefined,
    bitmask: undefined,
    range: undefined,
    size: 8,
    timeout: undefined,
    counters: false,
    comment: false,
    skbinfo: false,
    forceAdd: false,
  };
  // netmask and bitmask are judged by the family wherever it stands.
  header.family = familyIn(given) ?? header.family;
  for (let word = words.next(); word !== undefined; word = words.next()) {
    if ((word === '-4' || word === '-6') && type.create.includes('family')) {
      header.family = word === '-4' ? 4 : 6;
      continue;
    }
    const bare = word.replace(/^--/, '');
    const option = OLD_NAMES[bare] ?? (bare as CreateOption);
    if (!type.create.includes(option)) words.unknown(word);
    takeCreate(option, header, words, type, names);
  }
  if (type.storage === 'bitmap') checkRange(header);
  // A mask of all bits is none.
  if (header.netmask === (header.family === 6 ? 128 : 32)) header.netmask = undefined;
  header.mask = maskOf(header, names);
  if (header.hashSize > LARGEST_HASH) throw new SetError('Kernel error received: Cannot allocate memory');
  return header;
}

/** Buckets, whose pointers the kernel keeps in one piece. ip_set_hash_gen.h htable_size(): its octets are to be an int. */
const LARGEST_HASH = 2 ** 27;

function familyIn(words: readonly string[]): Family | undefined {
  const word = words[words.indexOf('family') + 1];
  if (words.includes('-6')) return 6;
  return words.includes('family') && Object.hasOwn(FAMILIES, word) ? FAMILIES[word] : undefined;
}

function takeCreate(option: CreateOption, header: Drafted, words: Words, type: SetType, names: Names): void {
  const number = (min: number, max: number): number => wholeNumberOf(words.value(option), min, max);
  switch (option) {
    case 'family': {
      const word = words.value(option);
      if (!Object.hasOwn(FAMILIES, word)) throw syntax(`unknown inet family ${word}`);
      header.family = FAMILIES[word];
      return;
    }
    case 'hashsize':
      header.hashSize = 2 ** Math.ceil(Math.log2(Math.max(64, number(0, U32))));
      return;
    case 'maxelem':
      header.maxElements = number(0, U32);
      return;
    case 'bucketsize':
      header.bucketSize = Math.min(12, Math.max(2, 2 * Math.ceil(number(0, 255) / 2)));
      return;
    case 'initval':
      header.initval = number(0, U32);
      return;
    case 'markmask':
      header.markMask = number(1, U32);
      return;
    case 'netmask':
      header.netmask = netmask(words.value(option), header);
      return;
    case 'bitmask':
      header.bitmask = words.value(option);
      if (header.netmask !== undefined) throw syntax(EXCLUSIVE);
      checkBitmask(header, names);
      return;
    case 'range':
      header.range =
        type.parts[0] === 'ip' ? addressRange(words.value(option), names) : portRange(words.value(option), names);
      return;
    case 'size':
      header.size = Math.max(4, number(0, U32));
      return;
    case 'timeout':
      header.timeout = number(0, MOST_SECONDS);
      return;
    case 'forceadd':
      header.forceAdd = true;
      return;
    default:
      header[option] = true;
  }
}

const EXCLUSIVE = 'bitmask and netmask are mutually exclusive, provide only one';

function netmask(word: string, { family, bitmask }: Drafted): number {
  const bits = family === 6 ? 128 : 32;
  if (bitmask !== undefined) throw syntax(EXCLUSIVE);
  try {
    return wholeNumberOf(word, 1, bits);
  } catch (error) {
    const tried = `Syntax error: netmask is out of the inclusive range of 1-${bits}`;
    throw new SetError(`${(error as SetError).message}\n${tried}`);
  }
}

function checkBitmask({ family, bitmask }: Drafted, names: Names): void {
  let words: Int32Array;
  try {
    words = parseHost(bitmask!, { family, names });
  } catch (error) {
    const tried = `Syntax error: bitmask is not valid for family = ${familyName(family)}`;
    throw new SetError(`${(error as SetError).message}\n${tried}`);
  }
  if (words.every((word) => word === 0)) throw new SetError('The value of the netmask parameter is invalid');
}

function maskOf({ family, netmask: length, bitmask }: Drafted, names: Names): Int32Array | undefined {
  if (bitmask !== undefined) return parseHost(bitmask, { family, names });
  if (length === undefined) return undefined;
  return Int32Array.from({ length: family === 6 ? 4 : 1 }, (_zero, word) => maskWord(length, word));
}

// --- Ranges of bitmaps ------------------------------------------------------------------------------------------------------

type Range = readonly [number, number];

const sorted = (a: number, b: number): Range => (a <= b ? [a, b] : [b, a]);

function addressRange(word: string, names: Names): Range {
  const [from, to, more] = word.split('-');
  const scope = { family: 4, names } as const;
  if (to !== undefined && more === undefined) {
    return sorted(parseHost(from, scope)[0] >>> 0, parseHost(to, scope)[0] >>> 0);
  }
  const [base, length] = word.split('/');
  if (length === undefined || !parseAton(base)) throw syntax(`IP/cidr or IP-IP range must be specified: ${word}`);
  const size = 2 ** (32 - wholeNumberOf(length, 0, 32));
  const first = Math.floor((parseHost(base, scope)[0] >>> 0) / size) * size;
  return [first, first + size - 1];
}

function portRange(word: string, names: Names): Range {
  const dash = word.indexOf('-');
  if (dash < 0) {
    parsePort(word, 'tcp', names);
    throw wrongWords("Mandatory option `to' is missing");
  }
  return sorted(parsePort(word.slice(0, dash), 'tcp', names), parsePort(word.slice(dash + 1), 'tcp', names));
}

/** net/netfilter/ipset/ip_set_bitmap_ip.c bitmap_ip_create() */
function checkRange(header: Drafted): void {
  if (!header.range) throw wrongWords("Mandatory option `range' is missing");
  const { netmask: length = 32 } = header;
  const hosts = 2 ** (32 - length);
  const first = Math.floor(header.range[0] / hosts) * hosts;
  const last = (Math.floor(header.range[1] / hosts) + 1) * hosts - 1;
  const size = last - first + 1;
  const isNetwork = Number.isInteger(Math.log2(size)) && first % size === 0;
  // A network for each bit: more than one of them, and together they are a network.
  if (hosts > 1 && (!isNetwork || size <= hosts)) throw new SetError('Element is out of the range of the set');
  if (size / hosts > MOST_MEMBERS) throw new SetError('The range you specified exceeds the size limit of the set type');
  header.range = [first, last];
}

// --- Members --------------------------------------------------------------------------------------------------------------

export interface MemberWords {
  readonly options: MemberOptions;
  readonly wildcard: boolean;
  readonly place: { readonly side: 'before' | 'after'; readonly name: string } | undefined;
}

/** Throws SetError. */
export function parseMemberWords(type: SetType, verb: 'add' | 'del' | 'test', given: readonly string[]): MemberWords {
  const words = new Words(given);
  const options: { -readonly [K in keyof MemberOptions]: MemberOptions[K] } = {};
  let wildcard = false;
  let place: MemberWords['place'];
  for (let word = words.next(); word !== undefined; word = words.next()) {
    const name = word.replace(/^--/, '');
    if (type.storage === 'list' && (name === 'before' || name === 'after')) {
      const value = words.value(name);
      if (place) throw syntax(`${name} already specified`);
      place = { side: name, name: value };
    } else if (name === 'nomatch' && type.parts.includes('net') && verb !== 'del') options.nomatch = true;
    else if (name === 'wildcard' && type.parts.includes('iface') && verb === 'add') wildcard = true;
    else if (verb !== 'add' || !takeOption(name, options, words)) words.unknown(word);
  }
  return { options, wildcard, place };
}

function takeOption(
  name: string,
  options: { -readonly [K in keyof MemberOptions]: MemberOptions[K] },
  words: Words,
): boolean {
  switch (name) {
    case 'timeout':
      options.timeout = wholeNumberOf(words.value(name), 0, MOST_SECONDS);
      return true;
    case 'packets':
    case 'bytes':
      options[name] = bigNumberOf(words.value(name), 0n, 0xffff_ffff_ffff_fffen);
      return true;
    case 'comment':
      options.comment = comment(words.value(name));
      return true;
    case 'skbmark':
      Object.assign(options, skbMark(words.value(name)));
      return true;
    case 'skbprio':
      options.skbPriority = skbPriority(words.value(name));
      return true;
    case 'skbqueue':
      options.skbQueue = wholeNumberOf(words.value(name), 0, 0xffff);
      return true;
    default:
      return false;
  }
}

function comment(word: string): string {
  if (word.includes('"')) throw syntax('" character is not permitted in comments');
  // Differs: the real tool takes it, and cannot restore what it then saves.
  if (word.includes('\n')) throw syntax('line breaks are not permitted in comments');
  if (word.length > 255) throw syntax('Comment is longer than the maximum allowed 255 characters');
  return word;
}

function skbMark(word: string): Pick<MemberOptions, 'skbMark' | 'skbMask'> {
  const found = /^0x([0-9a-f]+)(?:\/0x([0-9a-f]+))?$/i.exec(word);
  if (!found) throw syntax('Invalid skbmark format, it should be:  MARK/MASK or MARK (see manpage)');
  const low = (hex: string): number => Number.parseInt(hex.slice(-8), 16);
  return { skbMark: low(found[1]), skbMask: found[2] === undefined ? U32 : low(found[2]) };
}

function skbPriority(word: string): number {
  const found = /^([0-9a-f]+):([0-9a-f]+)$/i.exec(word);
  if (!found) throw syntax('Invalid skbprio format, it should be:MAJOR:MINOR (see manpage)');
  const [major, minor] = found.slice(1).map((hex) => Number.parseInt(hex.slice(-4), 16));
  return ((major << 16) | minor) >>> 0;
}

/** What a set was not made for is refused before its members are looked at. */
export function checkOptions(options: MemberOptions, header: SetHeader): void {
  if (options.timeout !== undefined && header.timeout === undefined) {
    throw new SetError('Timeout cannot be used: set was created without timeout support');
  }
  if ((options.packets ?? options.bytes) !== undefined && !header.counters) {
    throw new SetError('Packet/byte counters cannot be used: set was created without counter support');
  }
  if (options.comment !== undefined && !header.comment) {
    throw new SetError('Comment cannot be used: set was created without comment support');
  }
  if ((options.skbMark ?? options.skbPriority ?? options.skbQueue) !== undefined && !header.skbinfo) {
    throw new SetError('Skbinfo mapping cannot be used: set was created without skbinfo support');
  }
}
