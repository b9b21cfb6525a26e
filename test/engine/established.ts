// A TCP connection that is established through a firewall, and its packets: for the count of allocations and for the bench.

import { helpers } from '../../conntrack/helpers/index.ts';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Firewall } from '../../engine/firewall.ts';
import { Registry } from '../../engine/registry.ts';
import { DEFAULT_TOPOLOGY } from '../../engine/stack/index.ts';
import { matches } from '../../matches/index.ts';
import { ip, type TcpOptions, tcp } from '../../packet/build.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { seeded } from '../../testing/bare-services.ts';

const table = (name: string, chains: readonly string[], rules: readonly string[]): string =>
  [`*${name}`, ...chains.map((chain) => `:${chain} ACCEPT [0:0]`), ...rules, 'COMMIT', ''].join('\n');
const filter = (rules: readonly string[]): string => table('filter', ['INPUT', 'FORWARD', 'OUTPUT'], rules);
const ALL_HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

const ESTABLISHED = '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
const stateful: readonly string[] = [
  ESTABLISHED,
  '-A FORWARD -m conntrack --ctstate INVALID -j DROP',
  ...Array.from({ length: 200 }, (_, index) => `-A FORWARD -p tcp -m tcp --dport ${1000 + index} -j DROP`),
  '-A FORWARD -p tcp -m tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT',
  '-A FORWARD -j DROP',
];

/** What the packets pass, as save text by family. */
export const SETUPS = {
  /** The rules that every packet of a connection is through at, and 200 that it never sees. */
  filter: () => filter(stateful),
  /** 1,000 rules that every packet has to be compared with. */
  'filter, 1,000 rules first': () =>
    filter([
      ...Array.from({ length: 1000 }, (_, index) => `-A FORWARD -p tcp -m tcp --dport ${2000 + index} -j DROP`),
      ...stateful,
    ]),
  /** Connections are translated, and marked on the way. */
  'filter, nat and mangle': (family: Family) =>
    [
      filter(stateful),
      table(
        'nat',
        ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
        [`-A POSTROUTING -o tunB -j SNAT --to-source ${family === 6 ? 'fd00:b::77' : '10.0.2.77'}`],
      ),
      table('mangle', ALL_HOOKS, [
        '-A PREROUTING -i tunA -j MARK --set-xmark 0x1/0xff',
        '-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
        '-A POSTROUTING -m mark --mark 0x1/0xff -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff',
      ]),
    ].join(''),
} as const;
export type Setup = keyof typeof SETUPS;

/** As Linux sends them with the first packet of a connection. */
const OF_A_CLIENT: TcpOptions = { mss: 1460, sackPermitted: true, timestamps: [1, 0], nop: 1, windowScale: 7 };

export interface Established {
  /** Time goes on by a millisecond. */
  tick(): void;
  /** One packet of the connection, from the inside. */
  send(): void;
  /** One the other way. */
  answer(): void;
  /** The first packet of a connection that was never there before. */
  open(): void;
  /** Packets that came out on the other side. */
  readonly left: number;
}

export type Mode = 'bridge' | 'router';

/** A firewall with the rules of both families, and its clock. */
export interface Passed {
  readonly firewall: Firewall;
  now: number;
  /** Packets that came out. */
  left: number;
}

/** Opened connections that get no answer end after a second. */
export function passing(mode: Mode, setup: Setup): Passed {
  const registry = new Registry({ matches, targets, helpers });
  const firewall = new Firewall({
    mode:
      mode === 'router' ? { kind: 'router', topology: DEFAULT_TOPOLOGY } : { kind: 'bridge', ports: ['tunA', 'tunB'] },
    registry,
    random: seeded(3),
    sysctls: { 'net.netfilter.nf_conntrack_max': 4_000_000, 'net.netfilter.nf_conntrack_tcp_timeout_syn_sent': 1 },
    transmit: () => {
      passed.left++;
    },
  });
  const passed = { firewall, now: 1, left: 0 };
  for (const family of [4, 6] as const) {
    const ruleset = new Ruleset(family, { lookup: registry, install: (table) => firewall.install([table]) });
    const { diagnostics } = restore(SETUPS[setup](family), ruleset, { program: 'restore' });
    if (diagnostics.length > 0) throw new Error(diagnostics[0].first);
  }
  return passed;
}

export function established(
  mode: Mode,
  family: Family,
  setup: Setup = 'filter',
  by = passing(mode, setup),
): Established {
  const there = family === 6 ? { src: 'fd00:a::2', dst: 'fd00:b::2' } : { src: '10.0.1.2', dst: '10.0.2.2' };
  const translated = setup === 'filter, nat and mangle';
  const back = { src: there.dst, dst: translated ? (family === 6 ? 'fd00:b::77' : '10.0.2.77') : there.src };
  const window = 60_000;
  const pkt = new Packet(2048);
  const receive = (device: string, octets: Uint8Array): void => {
    pkt.bytes.set(octets);
    pkt.load(0, octets.length, by.now);
    pkt.checksumTrusted = true;
    pkt.parse();
    by.firewall.receive(device, pkt);
  };
  receive('tunA', ip(family, there, tcp({ sport: 1024, dport: 80, flags: 'S', seq: 100, window })));
  receive('tunB', ip(family, back, tcp({ sport: 80, dport: 1024, flags: 'SA', seq: 500, ack: 101, window })));
  const data = ip(
    family,
    there,
    tcp({ sport: 1024, dport: 80, flags: 'A', seq: 101, ack: 501, window, data: new Uint8Array(18) }),
  );
  const reply = ip(
    family,
    back,
    tcp({ sport: 80, dport: 1024, flags: 'A', seq: 501, ack: 101, window, data: new Uint8Array(18) }),
  );
  // 10.1.0.0/16 lies behind the inside. The identification goes down as the address goes up: the header checksum stays right.
  const first = ip(
    family,
    family === 6 ? there : { src: '10.1.255.255', dst: there.dst },
    tcp({ sport: 1025, dport: 80, flags: 'S', seq: 1, window, options: OF_A_CLIENT }),
  );
  const [addressAt, portAt] = family === 6 ? [8 + 12, 40] : [12 + 2, 20];
  let opened = 0;
  return {
    tick() {
      by.now++;
    },
    send: () => receive('tunA', data),
    answer: () => receive('tunB', reply),
    open() {
      // Another source port, and another address when the ports are through.
      opened++;
      first[portAt] = (opened >>> 8) & 0xff;
      first[portAt + 1] = opened & 0xff;
      const host = 2 + (opened >>> 16);
      first[addressAt] = host >>> 8;
      first[addressAt + 1] = host & 0xff;
      if (family === 4) {
        first[4] = 0xff - (host >>> 8);
        first[5] = 0xff - (host & 0xff);
      }
      receive('tunA', first);
    },
    get left() {
      return by.left;
    },
  };
}
