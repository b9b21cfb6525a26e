// Recorded traffic through a firewall under test: a verdict for every packet, the flows that they make, and what would be different with
// other rules. Time is the capture's; connections live and die by it.

import { verify } from '../../packet/checksum.ts';
import { Packet } from '../../packet/packet.ts';
import { Coverage } from '../coverage/coverage.ts';
import { firewall, type TestFirewall } from '../firewall.ts';
import type { Outcome, Verdict } from '../outcome.ts';
import type { FirewallSetup, SendOptions } from '../setup.ts';
import { type CapturedPacket, packetsIn } from './captures.ts';

export interface ReplayOptions {
  /** Device that every packet comes in by; left out: the one that its source is behind. */
  readonly in?: string;
  /** Devices by the interface names of the capture (pcapng): { eth0: 'inside' }. */
  readonly devices?: Readonly<Record<string, string>>;
  /** Number of the last frame that is sent. */
  readonly until?: number;
  /** Something that happens behind a frame: a change of the rules. */
  readonly change?: { readonly behind: number; make(fw: TestFirewall): void };
  /** Wrong transport checksums are no reason for INVALID: of captures on the sending host, whose device fills them in. */
  readonly ignoreChecksums?: boolean;
  /** Told of each packet that went through. */
  readonly onPacket?: () => void;
}

export interface ReplayedPacket {
  /** Of the frame, from 1. */
  readonly number: number;
  /** Milliseconds since the first frame. */
  readonly at: number;
  /** '': the router's own. */
  readonly device: string;
  /** As tcpdump prints it. */
  readonly text: string;
  readonly length: number;
  readonly verdict: Verdict;
  readonly reason: string;
  readonly ctstate: string | undefined;
  /** Devices that it left by; empty for one that was delivered. */
  readonly out: readonly { readonly device: string; readonly bytes: Uint8Array }[];
  /** The rule that decided: 'filter FORWARD rule 3'; a policy, or ''. */
  readonly by: string;
  /** Number of its flow, from 1. */
  readonly flow: number;
}

export interface ReplayedFlow {
  readonly number: number;
  /** Its first packet's: 'tcp 10.0.1.2.40000 > 192.0.2.9.443'. */
  readonly text: string;
  packets: number;
  octets: number;
  accepted: number;
  /** Dropped, rejected, stolen, or held for ever. */
  stopped: number;
  /** What decided, with how often. */
  readonly by: Map<string, number>;
}

export interface ReplayResult {
  readonly packets: readonly ReplayedPacket[];
  readonly flows: readonly ReplayedFlow[];
  /** Rules and policies with what they counted. */
  readonly coverage: Coverage;
  /** The firewall as the last packet left it. */
  readonly firewall: TestFirewall;
  /** Packets that the capture cut short: what is missing was taken for zeros, and checksums were not looked at. */
  readonly cutShort: number;
  /** Packets whose transport checksum is wrong; not counted where that is to be ignored. */
  readonly badChecksums: number;
}

/** Sends a capture (the octets of a file, or packets) through. Throws CaptureError, RulesError. */
export function replay(
  capture: Uint8Array | Iterable<CapturedPacket>,
  setup: FirewallSetup,
  options: ReplayOptions = {},
): ReplayResult {
  const packets = [...(capture instanceof Uint8Array ? packetsIn(capture) : capture)];
  const cutShort = packets.filter(({ missing }) => missing > 0).length;
  const unchecked = cutShort > 0 || options.ignoreChecksums;
  const sysctls = { ...setup.sysctls, ...(unchecked && { 'net.netfilter.nf_conntrack_checksum': 0 }) };
  const fw = firewall({ ...setup, sysctls });
  const run = new Run(fw, options);
  for (const packet of packets) {
    if (options.until !== undefined && packet.number > options.until) break;
    run.send(packet);
    options.onPacket?.();
  }
  run.end();
  const { rows, flows, badChecksums } = run;
  return { packets: rows, flows, coverage: new Coverage().add(fw), firewall: fw, cutShort, badChecksums };
}

class Run {
  readonly rows: ReplayedPacket[] = [];
  readonly flows: ReplayedFlow[] = [];
  badChecksums = 0;
  private readonly byKey = new Map<string, ReplayedFlow>();
  private readonly fw: TestFirewall;
  private readonly options: ReplayOptions;
  private changed = false;

  constructor(fw: TestFirewall, options: ReplayOptions) {
    this.fw = fw;
    this.options = options;
  }

  send(captured: CapturedPacket): void {
    const { fw, options } = this;
    if (options.change && captured.number > options.change.behind) this.change();
    if (captured.at > fw.now) fw.advance(captured.at - fw.now);
    const octets = filledUp(captured);
    if (captured.missing === 0 && !options.ignoreChecksums && hasWrongSum(octets)) this.badChecksums++;
    this.note(captured, fw.send(octets, this.wayIn(captured)));
  }

  /** A change behind the last frame is made, too: it must load. */
  end(): void {
    if (this.options.change) this.change();
  }

  private change(): void {
    if (this.changed) return;
    this.changed = true;
    this.options.change?.make(this.fw);
  }

  private wayIn({ device, linkHeader }: CapturedPacket): SendOptions {
    const { in: all, devices = {} } = this.options;
    const named = all ?? devices[device];
    return { ...(named !== undefined && { in: named }), ...(linkHeader && { linkHeader }) };
  }

  private note({ number, at }: CapturedPacket, outcome: Outcome): void {
    const { text, length } = outcome.packet;
    const flow = this.flowOf(outcome);
    const by = decider(outcome);
    const { verdict, reason, ctstate, observed } = outcome;
    const out = outcome.out.map(({ device, bytes }) => ({ device, bytes }));
    this.rows.push({
      number,
      at,
      device: observed.device,
      text,
      length,
      verdict,
      reason,
      ctstate,
      out,
      by,
      flow: flow.number,
    });
    flow.packets++;
    flow.octets += length;
    if (verdict === 'accepted') flow.accepted++;
    else flow.stopped++;
    if (by !== '') flow.by.set(by, (flow.by.get(by) ?? 0) + 1);
  }

  private flowOf({ packet: { src, dst, sport, dport, protocol, id, family, text } }: Outcome): ReplayedFlow {
    const ends = [
      [src, sport ?? id ?? ''],
      [dst, dport ?? id ?? ''],
    ].map((end) => end.join('.'));
    const key = family === 0 ? 'none' : `${protocol} ${[...ends].sort().join(' ')}`;
    let flow = this.byKey.get(key);
    if (!flow) {
      const name = family === 0 ? text : `${protocol} ${ends.map((end) => end.replace(/\.$/, '')).join(' > ')}`;
      const number = this.flows.length + 1;
      flow = { number, text: name, packets: 0, octets: 0, accepted: 0, stopped: 0, by: new Map() };
      this.byKey.set(key, flow);
      this.flows.push(flow);
    }
    return flow;
  }
}

/** Zeros for what the capture left out, as long as the header says the packet is. */
function filledUp({ bytes, missing }: CapturedPacket): Uint8Array {
  if (missing === 0) return bytes;
  const whole = new Uint8Array(bytes.length + missing);
  whole.set(bytes);
  return whole;
}

function hasWrongSum(octets: Uint8Array): boolean {
  const pkt = Packet.of(octets);
  return pkt.family !== 0 && pkt.fragmentOffset === 0 && !pkt.moreFragments && !verify(pkt);
}

/** What dropped it, or the last rule or policy of the filter that let it pass. */
function decider({ verdict, reason, trace }: Outcome): string {
  if (verdict !== 'accepted') return reason;
  for (const step of trace.steps.toReversed()) {
    if (step.packet !== 0) continue;
    if (step.kind === 'policy' && step.table === 'filter') return `filter ${step.chain} policy`;
    if (step.kind === 'rule' && step.table === 'filter' && step.verdict === 'ACCEPT') {
      return `filter ${step.chain} rule ${step.number}`;
    }
  }
  return '';
}

// --- Two runs ---------------------------------------------------------------------------------------------------------------

/** A packet that fared otherwise. */
export interface Flip {
  readonly before: ReplayedPacket;
  readonly after: ReplayedPacket;
  /** `verdict`: passed and does not, or the other way round; `way`: it left by another device, or looked different. */
  readonly what: 'verdict' | 'way';
}

/** Packets that fare otherwise in the second of two runs of one capture. */
export function flips(before: ReplayResult, after: ReplayResult): Flip[] {
  const others = new Map(after.packets.map((one) => [one.number, one]));
  return before.packets.flatMap((one): Flip[] => {
    const other = others.get(one.number);
    if (!other) return [];
    if (one.verdict !== other.verdict) return [{ before: one, after: other, what: 'verdict' }];
    return sameOut(one, other) ? [] : [{ before: one, after: other, what: 'way' }];
  });
}

const sameOut = (a: ReplayedPacket, b: ReplayedPacket): boolean =>
  a.out.length === b.out.length &&
  a.out.every(({ device, bytes }, index) => device === b.out[index].device && sameOctets(bytes, b.out[index].bytes));

const sameOctets = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, at) => octet === b[at]);
