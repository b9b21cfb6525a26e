// A command line of the conntrack tool, read: what is to be done, and to which connections.

import { type Address, addressAt, parseAddress6 } from '../../packet/address.ts';
import { IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_TCP } from '../../packet/numbers.ts';
import { isIcmp } from '../flow.ts';
import { IPS_SEEN_REPLY } from '../status.ts';
import { STATES, STATUS_NAMES } from '../text/names.ts';
import { Words } from './getopt.ts';
import {
  CHECKED,
  COMMANDS,
  type CommandLetter,
  FORMS,
  formsOf,
  listed,
  PROTOCOLS,
  type ProtocolOptions,
  RULES,
  TABLES,
  type TableName,
} from './options.ts';

/** The tool says so, with its exit code: 2 for words that are wrong, 1 for what could not be done. */
export class Complaint extends Error {
  readonly code: number;
  constructor(message: string, code = 2) {
    super(message);
    this.code = code;
  }
}

/** Names that the machine has for numbers. */
export interface ToolNames {
  /** Of /etc/protocols. */
  protocol(name: string): number | undefined;
  /** Text of connlabel.conf; undefined: there is none. */
  labels(): string | undefined;
}

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
  | 'json';
const OUTPUTS: readonly OutputWord[] = [
  'xml',
  'extended',
  'timestamp',
  'id',
  'ktimestamp',
  'labels',
  'userspace',
  'save',
  'proc',
  'json',
];

const STATUS_WORDS: readonly string[] = [...STATUS_NAMES.map(([name]) => name), 'UNREPLIED', 'SRC_NAT', 'DST_NAT'];

const EVENT_BITS: Readonly<Record<string, readonly ('new' | 'update' | 'destroy')[]>> = {
  ALL: ['new', 'update', 'destroy'],
  NEW: ['new'],
  UPDATES: ['update'],
  DESTROY: ['destroy'],
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

/** Throws a Complaint; what is said besides goes to `warnings`, also then. */
export function parseCommand(argv: readonly string[], names: ToolNames, warnings: string[]): Command {
  return new Parsing(argv, names, warnings).run();
}

/** strtoul(3) of base 0 into 32 bits: what is no number is 0. */
export function number0(text: string): number {
  const found = /^\s*([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)/i.exec(text);
  if (!found) return 0;
  const [, sign, digits] = found;
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const most = 2n ** 64n - 1n;
  return Number(BigInt.asUintN(32, value > most ? most : sign === '-' ? -value : value));
}

/** atoi(3), in 32 bits. */
export const number10 = (text: string): number => {
  const found = /^\s*([+-]?\d+)/.exec(text);
  return found ? Number(BigInt.asUintN(32, BigInt(found[1].replace('+', '')))) : 0;
};

/** inet_aton(3): one to four parts, decimal, octal or hexadecimal, of which the last takes what is left. */
function inetAton(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length > 4 || !parts.every((part) => /^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.test(part))) return undefined;
  const values = parts.map((part) => Number(/^0\d/.test(part) ? `0o${part}` : part));
  const last = values.pop() as number;
  if (values.some((value) => value > 255) || last >= 2 ** (8 * (4 - values.length))) return undefined;
  const rest = Array.from(
    { length: 4 - values.length },
    (_, at) => Math.floor(last / 2 ** (8 * (3 - values.length - at))) & 0xff,
  );
  return addressAt(Uint8Array.of(...values, ...rest), 0, 4);
}

export function parseIp(text: string): { family: 4 | 6; address: Address } | undefined {
  const four = inetAton(text);
  if (four) return { family: 4, address: four };
  const six = parseAddress6(text);
  return six && { family: 6, address: six };
}

/** Octets of a mask of so many bits, behind which mapped IPv4 addresses stand. */
export function prefixMask(length: number, family: 4 | 6): Address {
  const mask = new Uint8Array(16);
  const bits = family === 4 ? 96 + length : length;
  for (let bit = 0; bit < bits; bit++) mask[bit >>> 3] |= 0x80 >>> (bit & 7);
  return mask;
}

class Parsing {
  private readonly words: Words;
  private readonly names: ToolNames;
  private readonly warnings: string[];
  private readonly command: Command;
  private letter: CommandLetter | undefined;
  private protocol: ProtocolOptions | undefined;
  /** Options of the protocol that were given. */
  private readonly protocolGiven = new Set<string>();
  private labelMap: ReadonlyMap<string, number> | undefined;

  constructor(argv: readonly string[], names: ToolNames, warnings: string[]) {
    this.words = new Words(argv, 'conntrack');
    this.names = names;
    this.warnings = warnings;
    this.command = {
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
    };
  }

  run(): Command {
    const { words, command } = this;
    for (let given = words.next(this.forms()); given; given = words.next(this.forms())) {
      if (given.problem === 'argument') throw new Complaint(`option \`${given.word}' requires an argument`);
      if (given.problem) throw new Complaint(`unknown option \`${given.word}'`);
      this.take(given.key, given.value);
    }
    command.letter = this.letter ?? 'h';
    if (command.memory && !this.letter) command.letter = 'L';
    this.check();
    return command;
  }

  private forms() {
    return this.protocol ? [...FORMS, ...formsOf(this.protocol)] : FORMS;
  }

  private take(key: string, value: string): void {
    if (key[0] === '-') {
      this.takeCommand(key[1] as CommandLetter, value);
    } else if (this.protocol && formsOf(this.protocol).some((form) => form.key === key)) {
      this.protocolGiven.add(key);
      this.takeProtocolOption(this.protocol, key, value);
    } else {
      if (key !== 'nat-range') this.command.given.add(key);
      this.takeOption(key, value);
    }
  }

  // --- Commands --------------------------------------------------------------------------------------------------------

  private takeCommand(letter: CommandLetter, glued: string): void {
    if (letter !== 'h') {
      const { command } = this;
      const word = glued === '' ? this.words.peek() : undefined;
      if (word !== undefined) {
        const table = TABLES.find((name) => name.startsWith(word));
        if (!table) throw new Complaint(`unknown type \`${word}'`);
        command.table = table;
      }
      if ((command.table === 'dying' || command.table === 'unconfirmed') && letter !== 'L')
        throw new Complaint("Can't do that command with tables `dying' and `unconfirmed'");
      if (command.table === 'expect' && (letter === 'A' || letter === 'U'))
        throw new Complaint(`Can't do --${COMMANDS[letter]} on expectations`);
    }
    if (this.letter) throw new Complaint('Invalid commands combination');
    this.letter = letter;
  }

  // --- General options -------------------------------------------------------------------------------------------------

  private takeOption(key: string, value: string): void {
    const { command } = this;
    const options: Readonly<Record<string, () => void>> = {
      src: () => this.takeAddress(command.orig.src, key, value, 'src'),
      dst: () => this.takeAddress(command.orig.dst, key, value, 'dst'),
      'reply-src': () => this.takeAddress(command.reply.src, key, value),
      'reply-dst': () => this.takeAddress(command.reply.dst, key, value),
      'tuple-src': () => this.takeTupleAddress('src', key, value),
      'tuple-dst': () => this.takeTupleAddress('dst', key, value),
      'mask-src': () => this.takeAddress(command.mask.src, key, value),
      'mask-dst': () => this.takeAddress(command.mask.dst, key, value),
      protonum: () => this.takeProtocol(value),
      timeout: () => {
        command.timeout = number10(value);
      },
      status: () => this.takeStatus(value),
      'event-mask': () =>
        this.takeList(value, Object.keys(EVENT_BITS), (word) => {
          for (const what of EVENT_BITS[word]) command.events.add(what);
        }),
      output: () => this.takeOutput(value),
      mark: () => {
        const [mark, mask] = value.split(/\/(.*)/s);
        command.mark = { value: number0(mark), mask: mask === undefined ? 0xffffffff : number0(mask) };
      },
      id: () => {
        command.id = number0(value);
      },
      family: () =>
        this.setFamily(value === 'ipv4' ? 4 : value === 'ipv6' ? 6 : undefined, `\`${value}' unsupported protocol`),
      'src-nat': () => this.takeNat(command.sourceNat, key, value),
      'dst-nat': () => this.takeNat(command.destinationNat, key, value),
      'any-nat': () => {
        if (this.takeNat(command.sourceNat, key, value)) Object.assign(command.destinationNat, command.sourceNat);
      },
      'buffer-size': () => {
        command.bufferSize = number10(value);
      },
      zone: () => {
        command.zone = number0(value) & 0xffff;
      },
      'orig-zone': () => {
        command.zoneOrig = number0(value) & 0xffff;
      },
      'reply-zone': () => {
        command.zoneReply = number0(value) & 0xffff;
      },
      label: () => command.labels.match.push(...this.labelBits(value)),
      'label-add': () => command.labels.add.push(...this.labelBits(value)),
      'label-del': () => this.takeLabelDel(value),
      'nat-range': () => this.warnings.push('WARNING: ignoring -a, deprecated option.'),
      json: () => command.output.add('json'),
      memory: () => {
        command.memory = true;
      },
    };
    // secmark and zero: that they were given is all.
    options[key]?.();
  }

  private setFamily(family: 4 | 6 | undefined, complaint: string): void {
    const { command } = this;
    if (family === undefined) throw new Complaint(complaint);
    if (command.family !== undefined && command.family !== family) throw new Complaint('mismatched address family');
    command.family = family;
  }

  private takeAddress(end: End, key: string, value: string, network?: 'src' | 'dst'): void {
    const { address, length } = this.readAddress(key, value, network !== undefined);
    end.address = address;
    if (network === undefined) return;
    delete this.command.networks[network];
    if (length === undefined) return;
    this.command.networks[network] = { address, mask: prefixMask(length, this.command.family as 4 | 6) };
    this.command.given.add(`mask-${network}`);
  }

  private takeTupleAddress(name: 'src' | 'dst', key: string, value: string): void {
    const { address, length } = this.readAddress(key, value, true);
    this.command.tuple[name].address = address;
    if (length === undefined) return;
    this.command.mask[name].address = prefixMask(length, this.command.family as 4 | 6);
    this.command.given.add(`mask-${name}`);
  }

  private readAddress(key: string, value: string, networks: boolean): { address: Address; length?: number } {
    const [text, bits] = value.split(/\/(.*)/s) as [string, string | undefined];
    const found = parseIp(text);
    if (!found) throw new Complaint(`Invalid IP address \`${text}'`);
    this.setFamily(found.family, '');
    const length = bits === undefined ? undefined : prefixLength(bits, found.family);
    // One of full length is none.
    const whole = length === (found.family === 4 ? 32 : 128);
    if (length !== undefined && !networks) throw new Complaint(`CIDR notation unavailable for \`--${key}'`);
    return { address: found.address, length: whole ? undefined : length };
  }

  private takeProtocol(value: string): void {
    const { command } = this;
    this.protocol = PROTOCOLS.find(({ name, protocol }) => name === value.toLowerCase() || String(protocol) === value);
    const number = this.protocol?.protocol ?? this.protocolNumber(value);
    if (number === undefined) throw new Complaint(`\`${value}' unsupported protocol`);
    this.protocol ??= PROTOCOLS.find(({ protocol }) => protocol === number);
    command.protocol = number;
    command.orig.protocol = number;
    // Those without options of their own have both directions at once.
    if (!this.protocol) command.reply.protocol = number;
  }

  private protocolNumber(value: string): number | undefined {
    const named = this.names.protocol(value);
    if (named !== undefined) return named;
    if (!/^\s*[+]?(0x[0-9a-f]+|\d+)$/i.test(value)) return undefined;
    const number = number0(value);
    return number <= 255 ? number : undefined;
  }

  /** Several -u add up; only the first one says which bits count, unless UNREPLIED does. */
  private takeStatus(value: string): void {
    const { status, mark } = this.command;
    this.takeList(value, STATUS_WORDS, (name) => {
      if (name === 'SRC_NAT' || name === 'DST_NAT')
        this.warnings.push(`WARNING: ignoring ${name}, use --${name.toLowerCase().replace('_', '-')} instead`);
      else if (name === 'UNREPLIED') status.mask |= IPS_SEEN_REPLY;
      else status.value |= STATUS_NAMES.find(([one]) => one === name)?.[1] ?? 0;
    });
    status.mask ||= status.value;
    // A slip of the real tool: what is set there as the mark's value are the status bits.
    mark.value = status.value;
  }

  /** Words with commas between them, in any case, and shortened from the end. */
  private takeList(value: string, known: readonly string[], take: (name: string) => void): void {
    let rest = value;
    for (;;) {
      // A comma in front belongs to the word behind it.
      const comma = rest.indexOf(',');
      const word = comma > 0 ? rest.slice(0, comma) : rest;
      const name = word === '' ? undefined : known.find((one) => one.toLowerCase().startsWith(word.toLowerCase()));
      if (name === undefined) throw new Complaint(`Bad parameter \`${word}'`);
      take(name);
      if (comma <= 0) return;
      rest = rest.slice(comma + 1);
    }
  }

  private takeOutput(value: string): void {
    const { command } = this;
    this.takeList(value, OUTPUTS, (word) => command.output.add(word as OutputWord));
    if (command.output.has('save') && command.output.size > 1)
      throw new Complaint('cannot combine save output with any other output type, use -o save only', 1);
    if (command.output.has('labels')) this.readLabels();
  }

  /** ADDRESS, ADDRESS:PORT, [ADDRESS6]:PORT. Whether there is one. */
  private takeNat(into: { address?: Address; port?: number }, key: string, glued: string): boolean {
    const text = glued === '' ? this.words.peek() : undefined;
    if (text === undefined) return false;
    const { address, port } = splitPort(text);
    into.address = this.readAddress(key, address, false).address;
    if (port !== undefined) into.port = port;
    return true;
  }

  // --- Labels ----------------------------------------------------------------------------------------------------------

  private readLabels(): ReadonlyMap<string, number> {
    if (this.labelMap) return this.labelMap;
    const text = this.names.labels();
    if (text === undefined) this.warnings.push('nfct_labelmap_new: No such file or directory');
    const map = parseLabelMap(text ?? '');
    this.labelMap = map;
    this.command.labelNames = new Map([...map].map(([name, bit]) => [bit, name]));
    return map;
  }

  private labelBits(value: string): number[] {
    const map = this.readLabels();
    return value.split(',').map((name) => {
      const bit = map.get(name);
      if (bit === undefined) throw new Complaint(`unknown label '${name}'`);
      return bit;
    });
  }

  private takeLabelDel(glued: string): void {
    const { labels, given } = this.command;
    const value = glued === '' ? this.words.peek() : undefined;
    if (given.has('label-add')) throw new Complaint('cannot use --label-add and --label-del at the same time', 1);
    if (value === undefined) labels.remove = 'all';
    else if (labels.remove !== 'all') labels.remove.push(...this.labelBits(value));
  }

  // --- Options of a protocol -------------------------------------------------------------------------------------------

  private takeProtocolOption({ protocol }: ProtocolOptions, key: string, value: string): void {
    const { orig, reply, mask, tuple, icmp, tags } = this.command;
    if (isIcmp(protocol)) {
      icmp[key.slice(key.indexOf('-') + 1) as 'type' | 'code' | 'id'] =
        number10(value) & (key.endsWith('-id') ? 0xffff : 0xff);
      return;
    }
    if (key === 'state') this.command.state = stateNumber(protocol, value);
    else if (key === 'role') roleNumber(value);
    else if (key === 'orig-vtag') tags.orig = number10(value);
    else if (key === 'reply-vtag') tags.reply = number10(value);
    else {
      const side = key.startsWith('reply')
        ? reply
        : key.startsWith('mask')
          ? mask
          : key.startsWith('tuple')
            ? tuple
            : orig;
      const end = /^s|src/.test(key) && !key.endsWith('dst') ? side.src : side.dst;
      end.key = (key.includes('key') ? number0(value) : number10(value)) & 0xffff;
      side.protocol = protocol;
    }
  }

  // --- What goes with what ---------------------------------------------------------------------------------------------

  private check(): void {
    const { command, protocol } = this;
    const { given, letter, table } = command;
    if (given.has('label-add') && given.has('label-del'))
      throw new Complaint('cannot use --label-add and --label-del at the same time', 1);
    if (given.has('any-nat') && (given.has('src-nat') || given.has('dst-nat')))
      throw new Complaint("cannot specify `--src-nat' or `--dst-nat' with `--any-nat'");
    const rules = RULES[table === 'expect' ? 'expect' : 'conntrack'][letter] ?? {};
    checkOptions(CHECKED, given, rules.required, rules.optional);
    if (rules.pair) {
      checkPairs(
        given,
        [
          ['src', 'dst'],
          ['reply-src', 'reply-dst'],
        ],
        ["you have to specify `--src' and `--dst'", "you have to specify `--reply-src' and `--reply-dst'"],
      );
    }
    if (!protocol || letter === 'h') return;
    const own = protocol.rules[table === 'expect' ? `${letter} expect` : letter];
    // A command that does not look at connections does not look at these options either.
    if (!own && !(table === 'expect' && 'IDG'.includes(letter))) return;
    checkOptions(
      protocol.options.map(([name]) => name),
      this.protocolGiven,
      own?.required,
      own?.optional,
    );
    if (own?.pair && protocol.pairs) checkPairs(this.protocolGiven, protocol.pairs.keys, protocol.pairs.complaints);
  }
}

function checkOptions(all: readonly string[], given: ReadonlySet<string>, required?: string, optional?: string): void {
  const [needed, allowed] = [listed(required), listed(optional)];
  for (const name of all) {
    if (needed.has(name) && !given.has(name))
      throw new Complaint(`You need to supply the \`--${name}' option for this command`);
    if (given.has(name) && !needed.has(name) && !allowed.has(name))
      throw new Complaint(`Illegal option \`--${name}' with this command`);
  }
}

/** One of the pairs is whole; else the first of which a half is there is complained of, or the first of all. */
function checkPairs(
  given: ReadonlySet<string>,
  pairs: readonly (readonly [string, string])[],
  complaints: readonly string[],
): void {
  if (pairs.some((pair) => pair.every((name) => given.has(name)))) return;
  const half = pairs.findIndex((pair) => pair.some((name) => given.has(name)));
  throw new Complaint(complaints[Math.max(0, half)]);
}

function prefixLength(text: string, family: 4 | 6): number {
  const length = text === '' ? 0 : /^\s*\+?\d+$/.test(text) ? Number(text) : -1;
  if (length < 0 || length > (family === 4 ? 32 : 128)) throw new Complaint('Invalid netmask');
  return length;
}

function splitPort(text: string): { address: string; port?: number } {
  let rest = text;
  let address: string | undefined;
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0) throw new Complaint("No closing ']' around IPv6 address");
    address = text.slice(1, end);
    if (address === '') throw new Complaint('No IPv6 address specified');
    rest = text.slice(end + 1);
  }
  const colon = rest.indexOf(':');
  // More colons than one are those of an IPv6 address.
  if (colon < 0 || (address === undefined && rest.indexOf(':', colon + 1) >= 0)) return { address: address ?? rest };
  const port = rest.slice(colon + 1);
  if (port === '') throw new Complaint("No port specified after `:'");
  if (!/^\d+$/.test(port) || Number(port) > 65_535) throw new Complaint(`Invalid port \`${port}'`);
  return { address: address ?? rest.slice(0, colon), port: Number(port) };
}

function stateNumber(protocol: number, value: string): number {
  const names = STATES.get(protocol) ?? [];
  // Its old name.
  const wanted = protocol === IPPROTO_TCP && value === 'LISTEN' ? 'SYN_SENT2' : value;
  const state = names.indexOf(wanted);
  if (state >= 0) return state;
  if (protocol === IPPROTO_DCCP) throw new Complaint(`Unknown DCCP state \`${value}'`);
  throw new Complaint(`unknown ${protocol === IPPROTO_SCTP ? 'SCTP' : 'TCP'} state \`${value}'`);
}

/** Checked; DCCP's roles are not kept apart from the directions. */
function roleNumber(value: string): void {
  if (value !== 'client' && value !== 'server') throw new Complaint(`Unknown DCCP role \`${value}'`);
}

/** Lines of a bit and a name; `#` begins a comment. */
export function parseLabelMap(text: string): ReadonlyMap<string, number> {
  const map = new Map<string, number>();
  for (const line of text.split('\n')) {
    const found = /^\s*(\d+)\s+(\S+)/.exec(line);
    if (found && Number(found[1]) < 128 && !map.has(found[2])) map.set(found[2], Number(found[1]));
  }
  return map;
}
