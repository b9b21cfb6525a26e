// Conversations for the rows of helpers: what both ends of a control connection say, through a router with the rules of the row. In memory
// here; test/kernel/helpers.test.ts has the same ones with the real kernel, and wants the same packets, connections and expectations.

import { ip, type Layer, tcp, udp } from '../../../packet/build.ts';
import { toHex } from '../../../packet/bytes.ts';
import type { Scenario, Step } from '../../../testing/scenario/scenario-format.ts';

export type Family = 4 | 6;

/** A host behind A, one behind B, and a third one there. */
export const HOSTS = {
  client: { 4: '10.1.0.5', 6: 'fd00:1::5', side: 'A' },
  server: { 4: '192.0.2.9', 6: '2001:db8::9', side: 'B' },
  stranger: { 4: '198.51.100.7', 6: '2001:db8:7::7', side: 'B' },
  /** The router's own on either side. */
  inside: { 4: '10.0.1.1', 6: 'fd00:a::1', side: 'A' },
  outside: { 4: '10.0.2.1', 6: 'fd00:b::1', side: 'B' },
} as const;
export type Host = keyof typeof HOSTS;

/** A TCP connection between two ends, as its ends count: what either of them sees is its own business. */
export class Talk {
  readonly steps: Step[] = [];
  private readonly family: Family;
  private readonly ends: readonly [End, End];

  constructor(family: Family, client: End, server: End) {
    this.family = family;
    this.ends = [
      { ...client, seq: client.seq ?? 1_000 },
      { ...server, seq: server.seq ?? 5_000 },
    ];
  }

  /** Three segments; the first step shows the connection too. */
  open(): this {
    return this.raw(0, { flags: 'S' }, 1).raw(1, { flags: 'SA' }, 1).raw(0, { flags: 'A' });
  }

  /** What the client says. */
  client(data: string | Uint8Array): this {
    return this.say(0, data);
  }

  server(data: string | Uint8Array): this {
    return this.say(1, data);
  }

  private say(who: 0 | 1, data: string | Uint8Array): this {
    return this.raw(who, { flags: 'PA', data }, data.length).raw(who === 0 ? 1 : 0, { flags: 'A' });
  }

  /** One segment; `takes` octets of sequence space. Numbers as the receiver expects them are not known here: what NAT shifts is acknowledged as sent. */
  raw(who: 0 | 1, fields: NonNullable<Parameters<typeof tcp>[0]>, takes = 0): this {
    const [from, to] = who === 0 ? this.ends : [this.ends[1], this.ends[0]];
    const seen = from.sees ?? to;
    const ack = fields.flags === 'S' ? 0 : to.seq! + (from.shift ?? 0);
    const layer = tcp({ sport: from.port, dport: seen.port, seq: from.seq, ack, window: 8_000, ...fields });
    this.steps.push({ in: from.side, hex: this.packet(from.address, seen.address, layer) });
    from.seq = (from.seq! + takes) >>> 0;
    return this;
  }

  /** The other end's numbers are seen shifted by so many octets more by this end. */
  shifted(who: 0 | 1, octets: number): this {
    this.ends[who].shift = (this.ends[who].shift ?? 0) + octets;
    return this;
  }

  table(): this {
    this.steps.push({ ct: true });
    return this;
  }

  also(...steps: Step[]): this {
    this.steps.push(...steps);
    return this;
  }

  private packet(src: string, dst: string, layer: Layer): string {
    return toHex(ip(this.family, { src, dst }, layer));
  }
}

export interface End {
  readonly address: string;
  readonly port: number;
  readonly side: 'A' | 'B';
  seq?: number;
  shift?: number;
  /** Whom it believes to speak to, where addresses are translated. */
  readonly sees?: { readonly address: string; readonly port: number };
}

export const end = (host: Host, family: Family, port: number, sees?: End['sees']): End => ({
  address: HOSTS[host][family],
  port,
  side: HOSTS[host].side,
  sees,
});

/** One packet of a flow. */
export function packet(
  family: Family,
  from: End,
  to: { address: string; port: number },
  layer: 'syn' | Uint8Array | string,
): Step {
  const made =
    layer === 'syn'
      ? tcp({ sport: from.port, dport: to.port, flags: 'S', seq: 77 })
      : udp({ sport: from.port, dport: to.port, data: layer });
  return { in: from.side, hex: toHex(ip(family, { src: from.address, dst: to.address }, made)) };
}

/** Rules that give the helper its connections, and show in DSCP what each packet is: 1 NEW, 2 ESTABLISHED, 3 RELATED, 4 INVALID. */
export function rules(helper: string, protocol: 'tcp' | 'udp', port: number, more = ''): string {
  const states = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID'];
  return `*raw
-A PREROUTING -p ${protocol} --dport ${port} -j CT --helper ${helper}
-A OUTPUT -p ${protocol} --dport ${port} -j CT --helper ${helper}
COMMIT
*mangle
${states.map((state, index) => `-A POSTROUTING -m conntrack --ctstate ${state} -j DSCP --set-dscp ${index + 1}`).join('\n')}
COMMIT
${more}`;
}

export interface HelperRow {
  readonly name: string;
  readonly scenario: Scenario;
  /** Commands that bring the twin's namespace to what our router is anyway. */
  readonly kernelSetup?: string[][];
  /** Why the kernel does something else. */
  readonly differs?: string;
  /** Lines of /proc/net/nf_conntrack_expect at the last look at the table, without the time left. */
  readonly expects: readonly string[];
}
