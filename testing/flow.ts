// A conversation through the firewall: both ends played, sequence numbers kept, addresses as each end sees them. What the far end
// answers to is what reached it, so a flow goes on through address translation without being told.
//
//   const ssh = fw.flow(tcp('10.0.1.2', '192.0.2.1', { dport: 22 }));
//   ssh.connect(); ssh.send(100); ssh.reply(2000); fw.advance('6d'); ssh.send(1);
//
// Every step gives the Outcome of the packet that decided it: the first that did not come through, else the last.

import { concat } from '../packet/bytes.ts';
import type { PacketFields } from './fields.ts';
import { fieldsOf } from './fields.ts';
import type { TestFirewall } from './firewall.ts';
import type { Outcome } from './outcome.ts';
import { errorAbout, type IpFields, icmp, icmp6, tcp, udp } from './packets.ts';
import type { SendOptions } from './setup.ts';

export interface FlowOptions extends SendOptions {
  /** How the far end's packets come in, where that is not how the first packet left. */
  readonly reply?: SendOptions;
}

type Side = 'original' | 'reply';

/** What one end has sent and heard. */
interface End {
  seq: number;
  /** The next octet expected from the other end. */
  ack: number;
  /** What came before what it is to follow: where it begins and ends. */
  early: { from: number; to: number }[];
}

/** A packet that has left its end and has not arrived: it may be overtaken, lost, or arrive twice. */
export interface InFlight {
  readonly octets: Uint8Array;
  /** It comes to the firewall now. */
  arrive(): Outcome;
}

export class Flow {
  private readonly fw: TestFirewall;
  private readonly options: FlowOptions;
  private readonly first: Uint8Array;
  private readonly opener: PacketFields;
  /** The first packet as it reached the far end, and how. */
  private far: { fields: PacketFields; octets: Uint8Array; options: SendOptions } | undefined = undefined;
  private readonly ends: Record<Side, End>;
  private latest: { octets: Uint8Array; side: Side } | undefined = undefined;
  private opened = false;

  constructor(fw: TestFirewall, first: Uint8Array, options: FlowOptions) {
    this.fw = fw;
    this.first = first;
    this.options = options;
    this.opener = fieldsOf(first);
    const { protocol, seq = 0 } = this.opener;
    if (protocol === 'sctp' || protocol === 'dccp') {
      throw new Error(`no flows of ${protocol}: send its packets one by one`);
    }
    this.ends = { original: { seq, ack: 0, early: [] }, reply: { seq: 7_000, ack: 0, early: [] } };
  }

  /** TCP: the three packets of the handshake. Others: the first packet and an answer. */
  connect(): Outcome {
    const begun = this.opened ? undefined : this.open();
    if (begun && begun.verdict !== 'accepted') return begun;
    const answer = this.opener.protocol === 'tcp' ? this.segment('reply', 'SA', 0) : this.datagram('reply', 0);
    if (this.opener.protocol !== 'tcp' || answer.verdict !== 'accepted') return answer;
    return this.segment('original', 'A', 0);
  }

  /** The first packet only; connect() then goes on from there. */
  open(): Outcome {
    const { protocol, flags } = this.opener;
    const outcome = this.put('original', this.first);
    if (outcome.verdict !== 'accepted' || this.opened) return outcome;
    this.opened = true;
    if (protocol === 'tcp') {
      const length = this.opener.payload.length + (flags?.includes('S') ? 1 : 0) + (flags?.includes('F') ? 1 : 0);
      this.heard('original', length);
    }
    return outcome;
  }

  /** `data` from the end that opened: octets, text, or a number of octets. */
  send(data: Uint8Array | string | number = 1): Outcome {
    if (!this.opened && this.opener.protocol !== 'tcp') return this.open();
    return this.carry('original', data);
  }

  /** `data` from the far end. */
  reply(data: Uint8Array | string | number = 1): Outcome {
    return this.carry('reply', data);
  }

  /** `data` from one end, under way: several may be, and arrive in any order, or never. The sender goes on as if they had. */
  inFlight(data: Uint8Array | string | number = 1, from: Side = 'original'): InFlight {
    const isTcp = this.opener.protocol === 'tcp';
    const { seq, ack } = this.ends[from];
    const octets = this.build(from, isTcp ? { flags: 'PA', seq, ack, data } : { data });
    const to = (seq + (typeof data === 'number' ? data : data.length)) >>> 0;
    if (isTcp) this.ends[from].seq = to;
    return {
      octets,
      arrive: () => {
        const outcome = this.put(from, octets);
        if (isTcp && outcome.verdict === 'accepted') this.arrived(other(from), seq, to);
        return outcome;
      },
    };
  }

  /** An end has octets from `from` up to `to`: what it acknowledges goes as far as they follow on each other. */
  private arrived(at: Side, from: number, to: number): void {
    const end = this.ends[at];
    end.early.push({ from, to });
    for (let next = end.early.find((one) => one.from === end.ack); next; ) {
      end.ack = next.to;
      end.early = end.early.filter((one) => one.from !== next?.from);
      next = end.early.find((one) => one.from === end.ack);
    }
  }

  /** TCP: FIN from the end that opened, FIN of the other, and the last ACK. `first` says which end begins. */
  close(first: Side = 'original'): Outcome {
    for (const side of [first, other(first)]) {
      const outcome = this.segment(side, 'FA', 0);
      if (outcome.verdict !== 'accepted') return outcome;
    }
    return this.segment(first, 'A', 0);
  }

  /** TCP: RST from one end. */
  reset(from: Side = 'original'): Outcome {
    return this.segment(from, 'RA', 0);
  }

  /** The last packet of the flow once more, octet for octet. */
  retransmit(): Outcome {
    if (!this.latest) throw new Error('nothing was sent yet that could be sent again');
    return this.put(this.latest.side, this.latest.octets);
  }

  /** TCP: a segment far outside what the other end has room for. The tracker takes it for INVALID. */
  outOfWindow(from: Side = 'original'): Outcome {
    const { seq, ack } = this.ends[from];
    return this.put(from, this.build(from, { flags: 'A', seq: (seq + 0x4000_0000) >>> 0, ack, data: 1 }));
  }

  /** An ICMP error about the first packet, as it reached the far end: from there, or from a router on the way. */
  error(type: string | number, fields: { from?: string; mtu?: number; pointer?: number } = {}): Outcome {
    const { octets, options } = this.reached();
    return this.fw.send(errorAbout(octets, type, fields), options);
  }

  /** Address of the far end as it has it itself: another one than was sent to, where that is translated. */
  get farAddress(): string | undefined {
    return this.far?.fields.dst;
  }

  // --- The packets ---------------------------------------------------------------------------------------------------

  private carry(side: Side, data: Uint8Array | string | number): Outcome {
    return this.opener.protocol === 'tcp' ? this.segment(side, 'PA', data) : this.datagram(side, data);
  }

  private segment(side: Side, flags: string, data: Uint8Array | string | number): Outcome {
    if (this.opener.protocol !== 'tcp') throw new Error(`a flow of ${this.opener.protocol} has no ${flags} packets`);
    const { seq, ack } = this.ends[side];
    const octets = this.build(side, { flags, seq, ack, data });
    const outcome = this.put(side, octets);
    const length = typeof data === 'number' ? data : data.length;
    // What did not come through is sent again by a real end: its numbers stay.
    if (outcome.verdict === 'accepted') {
      this.heard(side, length + (/[SF]/.test(flags) ? 1 : 0));
      this.shiftedBy(side, outcome);
    }
    return outcome;
  }

  /** Where the payload was rewritten on the way, the other end counts what arrived. */
  private shiftedBy(side: Side, { out, packet }: Outcome): void {
    const [arrived] = out;
    if (out.length !== 1 || arrived.protocol !== 'tcp' || arrived.flags !== packet.flags) return;
    const { seq = 0, payload } = arrived;
    this.ends[other(side)].ack = (seq + payload.length + (/[SF]/.test(arrived.flags ?? '') ? 1 : 0)) >>> 0;
  }

  private datagram(side: Side, data: Uint8Array | string | number): Outcome {
    return this.put(side, this.build(side, { data }));
  }

  private heard(side: Side, length: number): void {
    this.ends[side].seq = (this.ends[side].seq + length) >>> 0;
    this.ends[other(side)].ack = this.ends[side].seq;
  }

  private build(
    side: Side,
    fields: { flags?: string; seq?: number; ack?: number; data?: Uint8Array | string | number },
  ): Uint8Array {
    const seen = side === 'original' ? this.opener : this.reached().fields;
    const { src, dst, sport = 0, dport = 0, protocol, id = 0 } = side === 'original' ? seen : turned(seen);
    const ip: IpFields = { ttl: 64 };
    if (protocol === 'tcp') return tcp(src, dst, { ...fields, sport, dport, ...ip });
    if (protocol === 'udp') return udp(src, dst, { data: fields.data, sport, dport, ...ip });
    if (protocol === 'icmp' || protocol === 'icmp6') {
      const make = protocol === 'icmp' ? icmp : icmp6;
      const type = side === 'original' ? 'echo-request' : 'echo-reply';
      return make(src, dst, { type, id, data: fields.data, ...ip });
    }
    return side === 'original' ? this.first : addressesTurned(this.reached().octets);
  }

  private put(side: Side, octets: Uint8Array): Outcome {
    const options = side === 'original' ? this.options : this.reached().options;
    const outcome = this.fw.send(octets, options);
    outcome.observed.answer = side === 'reply';
    this.latest = { octets, side };
    if (side === 'original' && outcome.verdict === 'accepted') this.far ??= this.farEnd(outcome);
    return outcome;
  }

  private farEnd(outcome: Outcome): { fields: PacketFields; octets: Uint8Array; options: SendOptions } {
    const { reply } = this.options;
    const [sent] = outcome.out;
    if (sent) return { fields: sent, octets: sent.bytes, options: reply ?? { in: sent.device } };
    return { fields: outcome.last, octets: this.first, options: reply ?? { local: true } };
  }

  private reached(): { fields: PacketFields; octets: Uint8Array; options: SendOptions } {
    if (!this.far)
      throw new Error('the far end has heard nothing yet: its answer would be the first packet of the flow');
    return this.far;
  }
}

const other = (side: Side): Side => (side === 'original' ? 'reply' : 'original');

const turned = (fields: PacketFields): PacketFields => ({
  ...fields,
  src: fields.dst,
  dst: fields.src,
  sport: fields.dport,
  dport: fields.sport,
});

/** Source and destination change places; sums over both stay as they are. */
function addressesTurned(octets: Uint8Array): Uint8Array {
  const [at, length] = octets[0] >>> 4 === 4 ? [12, 4] : [8, 16];
  const [source, destination] = [octets.subarray(at, at + length), octets.subarray(at + length, at + 2 * length)];
  return concat(octets.subarray(0, at), destination, source, octets.subarray(at + 2 * length));
}
