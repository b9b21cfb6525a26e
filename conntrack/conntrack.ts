// Connections for programs and tests: listed with filters, made, changed, ended, watched.
//
//   const ct = new Conntrack(firewall.tracker, () => firewall.now);
//   ct.list({ protocol: 'tcp', dst: '10.0.0.0/8', state: 'ESTABLISHED' });
//   const end = ct.listen((event) => console.log(event.type, event.flow.orig));
//
// What it returns is data of its own (FlowJson), as it was at that moment.

import { type Address, parseAddress, prefixMask } from '../packet/address.ts';
import { ConnectionEditor, type Errno, type FlowGiven, type TupleGiven } from './editor.ts';
import { type Flow, FlowPacker, type FlowTuple, isIcmp, readFlow, unpack } from './flow.ts';
import { type MemoryReport, memoryReport } from './memory.ts';
import type { Statistics } from './statistics.ts';
import { IPS_ASSURED, IPS_EXPECTED, IPS_FIXED_TIMEOUT, IPS_SEEN_REPLY } from './status.ts';
import { type FlowJson, flowJson } from './text/json.ts';
import { PROTOCOL_NAMES, STATES, stateName, translationOf } from './text/names.ts';
import type { EventType } from './text/plain.ts';
import type { ConnectionTracker } from './tracker.ts';

/** Every member that is there must hold. Addresses may have a /LENGTH. */
export interface FlowFilter {
  readonly id?: number;
  readonly family?: 4 | 6;
  /** A name ('tcp', 'icmpv6') or a number. */
  readonly protocol?: string | number;
  readonly src?: string;
  readonly dst?: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly replySrc?: string;
  readonly replyDst?: string;
  readonly state?: string;
  /** Bits that are set. */
  readonly status?: readonly StatusWord[];
  readonly replied?: boolean;
  readonly mark?: number;
  /** Bits of the mark that count; all of them where left out. */
  readonly markMask?: number;
  readonly zone?: number;
  readonly translated?: 'source' | 'destination' | 'any' | 'not';
}

const STATUS = {
  EXPECTED: IPS_EXPECTED,
  SEEN_REPLY: IPS_SEEN_REPLY,
  ASSURED: IPS_ASSURED,
  FIXED_TIMEOUT: IPS_FIXED_TIMEOUT,
} as const;
export type StatusWord = keyof typeof STATUS;

/** What a tool may change. */
export interface FlowChange {
  /** Seconds from now. */
  readonly timeout?: number;
  readonly mark?: number;
  /** Bits to set. */
  readonly status?: readonly StatusWord[];
  readonly state?: string;
}

/** A connection to be made. The reply is the mirror image, but for translation. */
export interface NewFlow extends FlowChange {
  readonly protocol: string | number;
  readonly src: string;
  readonly dst: string;
  /** Of ICMP: `id`, `type` and `code` instead. */
  readonly sport?: number;
  readonly dport?: number;
  readonly id?: number;
  readonly type?: number;
  readonly code?: number;
  readonly zone?: number;
  /** Seconds. */
  readonly timeout: number;
  readonly snat?: { readonly address?: string; readonly port?: number };
  readonly dnat?: { readonly address?: string; readonly port?: number };
}

export interface FlowEvent {
  readonly type: EventType;
  /** IPCT_ bits: what happened. */
  readonly bits: number;
  readonly flow: FlowJson;
}

/** The tracker said no, as the kernel would. */
export class ConntrackRefused extends Error {
  readonly errno: Errno;
  constructor(errno: Errno) {
    super(`the connection table says ${errno}`);
    this.errno = errno;
  }
}

export class Conntrack {
  private readonly tracker: ConnectionTracker;
  private readonly editor: ConnectionEditor;
  private readonly clock: () => number;
  private readonly packer = new FlowPacker();

  /** `clock` tells monotonic milliseconds: that of the packets. */
  constructor(tracker: ConnectionTracker, clock: () => number) {
    this.tracker = tracker;
    this.editor = new ConnectionEditor(tracker);
    this.clock = clock;
  }

  list(filter: FlowFilter = {}): FlowJson[] {
    return this.find(filter).map((flow) => flowJson(flow));
  }

  /** How many fit. */
  count(filter: FlowFilter = {}): number {
    return this.find(filter).length;
  }

  private find(filter: FlowFilter): Flow[] {
    const { tracker, packer } = this;
    const now = this.clock();
    const wanted = compile(filter);
    const found: Flow[] = [];
    for (const id of tracker.entries(now)) {
      packer.add(tracker, id, now, 0);
      const [flow] = unpack(packer.take(-1));
      if (wanted(flow)) found.push(flow);
    }
    return found;
  }

  /** Throws ConntrackRefused when there is one already, or no room. */
  create(flow: NewFlow): FlowJson {
    const now = this.clock();
    const id = this.editor.create(givenFrom(flow), now);
    if (typeof id === 'string') throw new ConntrackRefused(id);
    return flowJson(readFlow(this.tracker, id, now));
  }

  /** Changes those that fit; how many. Throws ConntrackRefused for a change that the kernel refuses too. */
  update(filter: FlowFilter, { timeout, mark, status, state }: FlowChange): number {
    const now = this.clock();
    const flows = this.find(filter);
    for (const flow of flows) {
      const done = this.editor.update(
        {
          ...named(flow),
          timeout,
          mark,
          status: status && flow.status | bitsOf(status),
          state: state === undefined ? undefined : stateNumber(flow.protocol, state),
        },
        now,
      );
      if (typeof done === 'string') throw new ConntrackRefused(done);
    }
    return flows.length;
  }

  /** Ends those that fit; how many. */
  delete(filter: FlowFilter = {}): number {
    const flows = this.find(filter);
    for (const { id } of flows) this.tracker.kill(id);
    return flows.length;
  }

  get statistics(): Readonly<Statistics> {
    return { ...this.tracker.statistics };
  }

  memory(): MemoryReport {
    return memoryReport(this.tracker);
  }

  /** Tells of births, changes and ends from now on. Returns what ends it. */
  listen(listener: (event: FlowEvent) => void): () => void {
    return this.tracker.events.listen((type, id, bits) => {
      listener({ type, bits, flow: flowJson(readFlow(this.tracker, id, this.clock())) });
    });
  }
}

// --- Filters -----------------------------------------------------------------------------------------------------------

const protocolNumber = (protocol: string | number): number => {
  if (typeof protocol === 'number') return protocol;
  const found = [...PROTOCOL_NAMES].find(([, name]) => name === protocol.toLowerCase());
  if (!found) throw new RangeError(`no protocol that is tracked by a name: ${protocol}`);
  return found[0];
};

function stateNumber(protocol: number, state: string): number {
  const index = STATES.get(protocol)?.indexOf(state) ?? -1;
  if (index < 0) throw new RangeError(`no state of that protocol: ${state}`);
  return index;
}

const bitsOf = (words: readonly StatusWord[]): number => words.reduce((bits, word) => bits | STATUS[word], 0);

/** Whether an address is the one of the text, or in its network. */
function network(text: string): (address: Address, family: 4 | 6) => boolean {
  const [written, length] = text.split('/');
  const family = written.includes(':') ? 6 : 4;
  const wanted = parseAddress(written, family);
  const bits = length === undefined ? (family === 4 ? 32 : 128) : Number(length);
  if (!wanted || !Number.isInteger(bits) || bits < 0 || bits > (family === 4 ? 32 : 128))
    throw new RangeError(`no address or network: ${text}`);
  const mask = prefixMask(bits, family);
  return (address, is) => is === family && address.every((octet, at) => ((octet ^ wanted[at]) & mask[at]) === 0);
}

function compile(filter: FlowFilter): (flow: Flow) => boolean {
  const { family, state, mark, markMask = 0xffffffff, zone, replied, id } = filter;
  const protocol = filter.protocol === undefined ? undefined : protocolNumber(filter.protocol);
  const status = bitsOf(filter.status ?? []);
  const ends = compileEnds(filter);
  return (flow) =>
    (id === undefined || flow.id === id) &&
    (family === undefined || flow.family === family) &&
    (protocol === undefined || flow.protocol === protocol) &&
    (state === undefined || stateName(flow) === state) &&
    (flow.status & status) === status &&
    (replied === undefined || ((flow.status & IPS_SEEN_REPLY) !== 0) === replied) &&
    (mark === undefined || ((flow.mark ^ mark) & markMask) === 0) &&
    (zone === undefined || flow.zoneOrig === zone || flow.zoneReply === zone) &&
    isTranslated(flow, filter.translated) &&
    ends(flow);
}

function compileEnds({ src, dst, sport, dport, replySrc, replyDst }: FlowFilter): (flow: Flow) => boolean {
  const address = (text: string | undefined) => (text === undefined ? () => true : network(text));
  const [from, to, replyFrom, replyTo] = [src, dst, replySrc, replyDst].map(address);
  return ({ family, orig, reply }) =>
    from(orig.src, family) &&
    to(orig.dst, family) &&
    replyFrom(reply.src, family) &&
    replyTo(reply.dst, family) &&
    (sport === undefined || orig.srcKey === sport) &&
    (dport === undefined || orig.dstKey === dport);
}

function isTranslated(flow: Flow, wanted: FlowFilter['translated']): boolean {
  if (wanted === undefined) return true;
  const is = translationOf(flow);
  const [source, destination] = [is.sourceAddress || is.sourcePort, is.destinationAddress || is.destinationPort];
  if (wanted === 'source') return source;
  if (wanted === 'destination') return destination;
  return (source || destination) === (wanted === 'any');
}

// --- Requests ------------------------------------------------------------------------------------------------------------

const asked = (protocol: number, { src, dst, srcKey, dstKey }: FlowTuple): TupleGiven => ({
  protocol,
  src,
  dst,
  srcKey,
  dstKey,
});

function named({ id, family, protocol, orig, zoneOrig, zoneReply }: Flow): FlowGiven {
  const both = zoneOrig === zoneReply;
  return {
    id,
    family,
    orig: asked(protocol, orig),
    zone: both ? zoneOrig : undefined,
    zoneOrig: !both && zoneReply === 0 ? zoneOrig : undefined,
    zoneReply: !both && zoneReply !== 0 ? zoneReply : undefined,
  };
}

function givenFrom(flow: NewFlow): FlowGiven {
  const protocol = protocolNumber(flow.protocol);
  const family = flow.src.includes(':') ? 6 : 4;
  const address = (text: string): Address => {
    const parsed = parseAddress(text, family);
    if (!parsed) throw new RangeError(`no address of IPv${family}: ${text}`);
    return parsed;
  };
  const nat = (given: NewFlow['snat']): FlowGiven['sourceNat'] =>
    given && { address: given.address === undefined ? undefined : address(given.address), port: given.port };
  const keys = isIcmp(protocol)
    ? { srcKey: flow.id ?? 0, dstKey: ((flow.type ?? (family === 4 ? 8 : 128)) << 8) | (flow.code ?? 0) }
    : { srcKey: flow.sport ?? 0, dstKey: flow.dport ?? 0 };
  return {
    family,
    orig: { protocol, src: address(flow.src), dst: address(flow.dst), ...keys },
    zone: flow.zone,
    timeout: flow.timeout,
    mark: flow.mark,
    status: flow.status && bitsOf(flow.status),
    state: flow.state === undefined ? undefined : stateNumber(protocol, flow.state),
    sourceNat: nat(flow.snat),
    destinationNat: nat(flow.dnat),
  };
}
