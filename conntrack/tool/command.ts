// What a command line of the conntrack tool says: what is to be done, and to which connections. parse.ts reads it.

import type { Address } from '../../packet/address.ts';
import { STATUS_NAMES } from '../text/names.ts';
import { type CommandLetter, PROTOCOLS, type TableName } from './options.ts';

export interface End {
  address?: Address;
  key?: number;
}

/** A direction as far as it was given. */
export interface Side {
  src: End;
  dst: End;
  /** The reply's is there only with a key of its own. */
  protocol?: number;
}

const newSide = (): Side => ({ src: {}, dst: {} });

export interface Network {
  address: Address;
  mask: Address;
}

export type OutputWord =
  | 'xml'
  | 'extended'
  | 'timestamp'
  | 'id'
  | 'ktimestamp'
  | 'labels'
  | 'userspace'
  | 'save'
  | 'proc'
  | 'ip_conntrack'
  | 'json';
export const OUTPUTS: readonly OutputWord[] = [
  'xml',
  'extended',
  'timestamp',
  'id',
  'ktimestamp',
  'labels',
  'userspace',
  'save',
  'proc',
  'ip_conntrack',
  'json',
];

export const STATUS_WORDS: readonly string[] = [
  ...STATUS_NAMES.map(([name]) => name),
  'UNREPLIED',
  'SRC_NAT',
  'DST_NAT',
];

export const EVENT_BITS: Readonly<Record<string, readonly ('new' | 'update' | 'destroy')[]>> = {
  ALL: ['new', 'update', 'destroy'],
  NEW: ['new'],
  UPDATES: ['update'],
  DESTROY: ['destroy'],
};

/** The words that an option takes, by its key; several with commas between them, save for the last three. */
export const VALUE_WORDS: Readonly<Record<string, readonly string[]>> = {
  output: OUTPUTS,
  status: STATUS_WORDS,
  'event-mask': Object.keys(EVENT_BITS),
  family: ['ipv4', 'ipv6'],
  protonum: PROTOCOLS.map(({ name }) => name),
  role: ['client', 'server'],
};

export interface Command {
  letter: CommandLetter;
  table: TableName;
  /** Names of the options that were given. */
  given: Set<string>;
  /** Undefined: none was named, nor does an address tell. */
  family: 4 | 6 | undefined;
  protocol: number | undefined;
  orig: Side;
  reply: Side;
  /** ICMP's type, code and id, of the original direction. */
  icmp: { type?: number; code?: number; id?: number };
  networks: { src?: Network; dst?: Network };
  mask: Side;
  tuple: Side;
  timeout?: number;
  status: { value: number; mask: number };
  mark: { value: number; mask: number };
  zone?: number;
  zoneOrig?: number;
  zoneReply?: number;
  id?: number;
  labels: { match: number[]; add: number[]; remove: number[] | 'all' };
  sourceNat: { address?: Address; port?: number };
  destinationNat: { address?: Address; port?: number };
  state?: number;
  tags: { orig?: number; reply?: number };
  output: Set<OutputWord>;
  events: Set<'new' | 'update' | 'destroy'>;
  bufferSize?: number;
  memory: boolean;
  labelNames: ReadonlyMap<number, string>;
}

/** Before any word is read. */
export const newCommand = (): Command => ({
  letter: 'h',
  table: 'conntrack',
  given: new Set(),
  family: undefined,
  protocol: undefined,
  orig: newSide(),
  reply: newSide(),
  icmp: {},
  networks: {},
  mask: newSide(),
  tuple: newSide(),
  status: { value: 0, mask: 0 },
  mark: { value: 0, mask: 0xffffffff },
  labels: { match: [], add: [], remove: [] },
  sourceNat: {},
  destinationNat: {},
  tags: {},
  output: new Set(),
  events: new Set(),
  memory: false,
  labelNames: new Map(),
});
