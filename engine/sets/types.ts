// The set types: what an element is made of, and which options create takes, in the order in which they print.

import type { Family } from '../../packet/numbers.ts';

/** One part of an element, in the order of src/dst flags. */
export type Part = 'ip' | 'net' | 'port' | 'iface' | 'mac' | 'mark' | 'set';

export type CreateOption =
  | 'family'
  | 'hashsize'
  | 'maxelem'
  | 'markmask'
  | 'netmask'
  | 'bitmask'
  | 'range'
  | 'size'
  | 'timeout'
  | 'counters'
  | 'comment'
  | 'forceadd'
  | 'skbinfo'
  | 'bucketsize'
  | 'initval';

export interface SetType {
  readonly name: string;
  /** The latest that Linux and ipset 7.17 speak, as `ipset list` shows it. */
  readonly revision: number;
  readonly parts: readonly Part[];
  readonly storage: 'hash' | 'bitmap' | 'list';
  /** Undefined: of both families at once. */
  readonly families: readonly Family[] | undefined;
  readonly create: readonly CreateOption[];
  readonly aliases: readonly string[];
  readonly summary: string;
}

const EXTENSIONS = ['timeout', 'counters', 'comment', 'forceadd', 'skbinfo', 'bucketsize', 'initval'] as const;

function hash(name: string, revision: number, summary: string, more: Partial<SetType> = {}): SetType {
  return {
    name,
    revision,
    summary,
    parts: name.slice('hash:'.length).split(',') as Part[],
    storage: 'hash',
    families: [4, 6],
    create: ['family', 'hashsize', 'maxelem', ...EXTENSIONS],
    aliases: [],
    ...more,
  };
}

const MASKED = ['netmask', 'bitmask'] as const;
const PLAIN = EXTENSIONS.filter((option) => !['forceadd', 'bucketsize', 'initval'].includes(option));

export const SET_TYPES: readonly SetType[] = [
  hash('hash:ip', 6, 'addresses, or networks of one size', {
    create: ['family', 'hashsize', 'maxelem', ...MASKED, ...EXTENSIONS],
    aliases: ['iphash'],
  }),
  hash('hash:net', 7, 'networks of any size', { aliases: ['nethash'] }),
  // These two print their mask at the end.
  hash('hash:ip,port', 7, 'addresses with protocol and port', {
    create: ['family', 'hashsize', 'maxelem', ...EXTENSIONS, ...MASKED],
    aliases: ['ipporthash'],
  }),
  hash('hash:net,port', 8, 'networks with protocol and port', { aliases: ['netporthash'] }),
  hash('hash:ip,port,ip', 6, 'address, protocol and port, address', { aliases: ['ipportiphash'] }),
  hash('hash:ip,port,net', 8, 'address, protocol and port, network', { aliases: ['ipportnethash'] }),
  hash('hash:net,iface', 8, 'networks with the device that they are seen on', { aliases: ['netifacehash'] }),
  hash('hash:net,net', 3, 'pairs of networks', { aliases: ['netnethash'] }),
  hash('hash:net,port,net', 3, 'network, protocol and port, network', { aliases: ['netportnethash'] }),
  hash('hash:ip,mark', 3, 'addresses with the mark of the packet', {
    create: ['family', 'hashsize', 'maxelem', 'markmask', ...EXTENSIONS],
    aliases: ['ipmarkhash'],
  }),
  hash('hash:ip,mac', 1, 'addresses with the MAC address that they come from', { aliases: ['ipmachash'] }),
  hash('hash:mac', 1, 'MAC addresses', {
    families: undefined,
    create: ['hashsize', 'maxelem', ...EXTENSIONS.filter((option) => option !== 'forceadd')],
    aliases: ['machash'],
  }),
  {
    name: 'bitmap:ip',
    revision: 3,
    summary: 'addresses, or networks of one size, of a range of up to 65536',
    parts: ['ip'],
    storage: 'bitmap',
    families: [4],
    create: ['range', 'netmask', ...PLAIN],
    aliases: ['ipmap'],
  },
  {
    name: 'bitmap:ip,mac',
    revision: 3,
    summary:
      'addresses of a range with the MAC address that they come from; one without takes that of its first packet',
    parts: ['ip', 'mac'],
    storage: 'bitmap',
    families: [4],
    create: ['range', ...PLAIN],
    aliases: ['macipmap'],
  },
  {
    name: 'bitmap:port',
    revision: 3,
    summary: 'ports of a range',
    parts: ['port'],
    storage: 'bitmap',
    families: undefined,
    create: ['range', ...PLAIN],
    aliases: ['portmap'],
  },
  {
    name: 'list:set',
    revision: 3,
    summary: 'other sets',
    parts: ['set'],
    storage: 'list',
    families: undefined,
    create: ['size', ...PLAIN],
    aliases: ['setlist'],
  },
];

export const setType = (name: string): SetType | undefined =>
  SET_TYPES.find((type) => type.name === name || type.aliases.includes(name));

/** What a set was created with. Numbers as they print: sizes rounded, seconds. */
export interface SetHeader {
  /** Undefined where the type is of both. */
  readonly family: Family | undefined;
  readonly hashSize: number;
  readonly maxElements: number;
  readonly bucketSize: number;
  readonly initval: number;
  readonly markMask: number | undefined;
  /** Mask laid on every address, as words; and how it was said. */
  readonly mask: Int32Array | undefined;
  readonly netmask: number | undefined;
  readonly bitmask: string | undefined;
  /** bitmap: inclusive. */
  readonly range: readonly [first: number, last: number] | undefined;
  /** list:set */
  readonly size: number;
  /** Seconds that a member stays unless it says otherwise; 0: for ever. Undefined: members have no timeout. */
  readonly timeout: number | undefined;
  readonly counters: boolean;
  readonly comment: boolean;
  readonly skbinfo: boolean;
  readonly forceAdd: boolean;
}

/** Without an initval a random one is drawn. */
export type AskedHeader = Omit<SetHeader, 'initval'> & { readonly initval: number | undefined };

/** "No" from the sets: what the tool says behind its name and version. */
export class SetError extends Error {
  /** 1, or 2 for a command line that is wrong in itself. */
  readonly code: number;

  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}
