// Reads a command line of the conntrack tool, word by word, into a Command.

import { type Address, prefixMask } from '../../packet/address.ts';
import { IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_TCP } from '../../packet/numbers.ts';
import { isIcmp } from '../flow.ts';
import { IPS_SEEN_REPLY } from '../status.ts';
import { STATES, STATUS_NAMES } from '../text/names.ts';
import { checkCommand } from './check.ts';
import { type Command, type End, EVENT_BITS, newCommand, OUTPUTS, type OutputWord, STATUS_WORDS } from './command.ts';
import { Words } from './getopt.ts';
import { COMMANDS, type CommandLetter, FORMS, formsOf, PROTOCOLS, type ProtocolOptions, TABLES } from './options.ts';
import { Complaint, number0, number10, parseIp, parseLabelMap, prefixLength, splitPort } from './values.ts';

/** Names that the machine has for numbers. */
export interface ToolNames {
  /** Of /etc/protocols. */
  protocol(name: string): number | undefined;
  /** Text of connlabel.conf; undefined: there is none. */
  labels(): string | undefined;
}

/** Throws a Complaint; what is said besides goes to `warnings`, also then. */
export function parseCommand(argv: readonly string[], names: ToolNames, warnings: string[]): Command {
  return new Parsing(argv, names, warnings).run();
}

type Takers = Readonly<Record<string, (value: string, key: string) => void>>;

class Parsing {
  private readonly words: Words;
  private readonly names: ToolNames;
  private readonly warnings: string[];
  private readonly command: Command;
  /** What is done with the value of each general option. */
  private readonly takers: Takers;
  private letter: CommandLetter | undefined;
  private protocol: ProtocolOptions | undefined;
  /** Options of the protocol that were given. */
  private readonly protocolGiven = new Set<string>();
  private labelMap: ReadonlyMap<string, number> | undefined;

  constructor(argv: readonly string[], names: ToolNames, warnings: string[]) {
    this.words = new Words(argv, 'conntrack');
    this.names = names;
    this.warnings = warnings;
    this.command = newCommand();
    this.takers = this.makeTakers(this.command);
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
    checkCommand(command, this.protocol, this.protocolGiven);
    return command;
  }

  private forms() {
    return this.protocol ? formsOf(this.protocol).all : FORMS;
  }

  private take(key: string, value: string): void {
    if (key[0] === '-') {
      this.takeCommand(key[1] as CommandLetter, value);
    } else if (this.protocol && formsOf(this.protocol).own.has(key)) {
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
    // secmark and zero: that they were given is all.
    this.takers[key]?.(value, key);
  }

  private makeTakers(command: Command): Takers {
    return {
      src: (value, key) => this.takeAddress(command.orig.src, key, value, 'src'),
      dst: (value, key) => this.takeAddress(command.orig.dst, key, value, 'dst'),
      'reply-src': (value, key) => this.takeAddress(command.reply.src, key, value),
      'reply-dst': (value, key) => this.takeAddress(command.reply.dst, key, value),
      'tuple-src': (value, key) => this.takeTupleAddress('src', key, value),
      'tuple-dst': (value, key) => this.takeTupleAddress('dst', key, value),
      'mask-src': (value, key) => this.takeAddress(command.mask.src, key, value),
      'mask-dst': (value, key) => this.takeAddress(command.mask.dst, key, value),
      protonum: (value) => this.takeProtocol(value),
      timeout: (value) => {
        command.timeout = number10(value);
      },
      status: (value) => this.takeStatus(value),
      'event-mask': (value) =>
        this.takeList(value, Object.keys(EVENT_BITS), (word) => {
          for (const what of EVENT_BITS[word]) command.events.add(what);
        }),
      output: (value) => this.takeOutput(value),
      mark: (value) => {
        const [mark, mask] = value.split(/\/(.*)/s);
        command.mark = { value: number0(mark), mask: mask === undefined ? 0xffffffff : number0(mask) };
      },
      id: (value) => {
        command.id = number0(value);
      },
      family: (value) =>
        this.setFamily(value === 'ipv4' ? 4 : value === 'ipv6' ? 6 : undefined, `\`${value}' unsupported protocol`),
      'src-nat': (value, key) => this.takeNat(command.sourceNat, key, value),
      'dst-nat': (value, key) => this.takeNat(command.destinationNat, key, value),
      'any-nat': (value, key) => {
        if (this.takeNat(command.sourceNat, key, value)) Object.assign(command.destinationNat, command.sourceNat);
      },
      'buffer-size': (value) => {
        command.bufferSize = number10(value);
      },
      zone: (value) => {
        command.zone = number0(value) & 0xffff;
      },
      'orig-zone': (value) => {
        command.zoneOrig = number0(value) & 0xffff;
      },
      'reply-zone': (value) => {
        command.zoneReply = number0(value) & 0xffff;
      },
      label: (value) => command.labels.match.push(...this.labelBits(value)),
      'label-add': (value) => command.labels.add.push(...this.labelBits(value)),
      'label-del': (value) => this.takeLabelDel(value),
      'nat-range': () => this.warnings.push('WARNING: ignoring -a, deprecated option.'),
      json: () => command.output.add('json'),
      memory: () => {
        command.memory = true;
      },
    };
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
