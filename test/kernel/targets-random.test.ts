// Random packets, whole and broken, through targets, here and on the kernel. SEKISHO_SEED=n runs others, SEKISHO_PACKETS=n more of them.
//
// A LOG rule stands in front: the kernel drops some broken packets before FORWARD, and what its log does not show did not get there.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { logLine } from '../../engine/log-line.ts';
import { Registry } from '../../engine/registry.ts';
import { DROP } from '../../engine/verdict.ts';
import { noNames } from '../../grammar/names.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { TableName } from '../../grammar/tables.ts';
import { tcp as tcpMatch } from '../../matches/tcp.ts';
import * as build from '../../packet/build.ts';
import { fromHex, putU16, toHex } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { bareServices, seeded } from '../../testing/bare-services.ts';
import type { StepResult } from '../../testing/scenario/scenario-format.ts';
import { servicesOf } from '../targets/effects/effect.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const SEED = Number(process.env.SEKISHO_SEED ?? 20261123);
const PACKETS = Number(process.env.SEKISHO_PACKETS ?? 300);

/** HMARK's mark shows in a LOG rule behind it. */
const HASHES = [
  '--hmark-tuple src,dst,sport,dport,proto',
  '--hmark-tuple spi,proto --hmark-src-prefix 17 --hmark-dst-prefix 31',
  '--hmark-sport-mask 0xff0f --hmark-dport 0x0101 --hmark-offset 0xfffffff0',
].map((options) => ['mangle', `-j HMARK ${options} --hmark-mod 0xfffffff1 --hmark-rnd 77`] as const);

const RULES: Record<Family, readonly (readonly [TableName, string])[]> = {
  4: [
    ['filter', '-j REJECT'],
    ['filter', '-p tcp -j REJECT --reject-with tcp-reset'],
    ['filter', '-j LOG --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid'],
    ['mangle', '-p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --set-mss 700'],
    ['mangle', '-p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --clamp-mss-to-pmtu'],
    ['mangle', '-p tcp -j TCPOPTSTRIP --strip-options mss,wscale,8,5'],
    ['mangle', '-p tcp -j ECN --ecn-tcp-cwr 1 --ecn-tcp-ece 0 --ecn-ip-ect 1'],
    ['mangle', '-j DSCP --set-dscp 0x15'],
    ['mangle', '-j TOS --set-tos 0x55/0x0f'],
    ['mangle', '-j TTL --ttl-inc 200'],
    ...HASHES,
  ],
  6: [
    ['filter', '-j REJECT'],
    ['filter', '-p tcp -j REJECT --reject-with tcp-reset'],
    ['filter', '-j LOG --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid'],
    ['mangle', '-p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --set-mss 700'],
    ['mangle', '-p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --clamp-mss-to-pmtu'],
    ['mangle', '-p tcp -j TCPOPTSTRIP --strip-options mss,wscale,8,5'],
    ['mangle', '-j DSCP --set-dscp 0x15'],
    ['mangle', '-j TOS --set-tos 0x55/0x0f'],
    ['mangle', '-j HL --hl-dec 30'],
    ...HASHES,
  ],
};

// --- Packets ------------------------------------------------------------------------------------------------------------

type Random = () => number;
const pick = <T>(random: Random, from: readonly T[]): T => from[random() % from.length];

const OPTIONS = [
  '0204 05b4',
  '0101 0101',
  '0303 07',
  '0402',
  '080a 0000 0001 0000 0000',
  '050a 0000 0001 0000 0002',
  '00',
  '01',
  'fd',
  '0200',
];

function tcpOptions(random: Random): Uint8Array {
  const count = random() % 4;
  const hex = Array.from({ length: count }, () => pick(random, OPTIONS)).join('');
  return fromHex(hex)!.slice(0, 40);
}

function transport(random: Random, family: Family, quotes: boolean): build.Layer {
  const badChecksum = random() % 6 === 0;
  const data = random() % 3 === 0 ? random() % 700 : random() % 12;
  switch (random() % 10) {
    case 0:
    case 1:
    case 2:
    case 3:
      return build.tcp({
        flags: random() % 3 === 0 ? random() & 0xff : pick(random, ['S', 'SA', 'A', 'R', 'F']),
        seq: random(),
        ack: random(),
        window: random() & 0xffff,
        reserved: random() % 8 === 0 ? random() & 15 : 0,
        options: tcpOptions(random),
        data: random() % 2 ? data : 0,
        badChecksum,
        headerLength: random() % 10 === 0 ? (random() % 16) * 4 : undefined,
      });
    case 4:
    case 5:
      return build.udp({
        data,
        badChecksum,
        noChecksum: random() % 8 === 0,
        length: random() % 8 === 0 ? random() & 0x3f : undefined,
      });
    case 6:
    case 7: {
      const quote = quotes && random() % 2 ? anyPacket(random, family, false).slice(0, 8 + (random() % 90)) : data;
      const fields = { code: random() % 6, rest: random(), data: quote, badChecksum };
      return family === 4
        ? build.icmp({ type: pick(random, [0, 3, 3, 4, 5, 8, 9, 11, 12, 13, 15, 17, 18, 42]), ...fields })
        : build.icmp6({ type: pick(random, [1, 1, 2, 3, 4, 5, 100, 127, 128, 129, 135, 255]), ...fields });
    }
    case 8:
      return build.sctp({ badChecksum });
    default:
      return pick(random, [
        build.gre(),
        build.esp({}),
        build.udplite({ data, badChecksum }),
        build.raw(random() & 0xff, data),
        build.raw(253, 0),
      ]);
  }
}

function headers(random: Random): build.Layer[] {
  return Array.from({ length: random() % 4 === 0 ? 1 + (random() % 3) : 0 }, () =>
    pick(random, [
      build.destinationOptions(),
      build.routing({ type: 4 }),
      build.ah({ spi: random() }),
      build.fragment({ id: random(), offset: random() % 3 === 0 ? (random() % 50) * 8 : 0, more: random() % 3 === 0 }),
    ]),
  );
}

/** A packet between the two sides, more or less right. */
function anyPacket(random: Random, family: Family, broken = true): Uint8Array {
  const layer = transport(random, family, broken);
  if (family === 6) {
    const packet = build.ip6(
      { trafficClass: random() & 0xff, flowLabel: random() & 0xfffff },
      ...headers(random),
      layer,
    );
    return broken ? damage6(random, packet) : packet;
  }
  const fragment = random() % 8 === 0 ? { mf: random() % 2 === 0, offset: (random() % 40) * 8 } : {};
  const options =
    random() % 8 === 0 ? fromHex(pick(random, ['01010101', '94040000', '820401ff', '01010100']))! : undefined;
  const packet = build.ip4(
    { tos: random() & 0xff, id: random() & 0xffff, df: random() % 2 === 0, ...fragment, options },
    layer,
  );
  return broken ? damage4(random, packet) : packet;
}

/** Cut short, or an octet behind the header changed. The lengths and the header checksum are put right: the kernel looks first. */
function damage4(random: Random, packet: Uint8Array): Uint8Array {
  const length = ipv4.headerLength(packet, 0);
  const damaged = damage(random, packet, length);
  putU16(damaged, 2, damaged.length);
  ipv4.fillChecksum(damaged, 0);
  return damaged;
}

function damage6(random: Random, packet: Uint8Array): Uint8Array {
  const damaged = damage(random, packet, ipv6.LENGTH);
  ipv6.setPayloadLength(damaged, 0, damaged.length - ipv6.LENGTH);
  return damaged;
}

function damage(random: Random, packet: Uint8Array, header: number): Uint8Array {
  const kind = random() % 8;
  if (kind === 0 && packet.length > header) return packet.slice(0, header + (random() % (packet.length - header)));
  const damaged = packet.slice();
  if (kind === 1 && packet.length > header)
    damaged[header + (random() % Math.min(24, packet.length - header))] = random();
  return damaged;
}

// --- Both sides -----------------------------------------------------------------------------------------------------------

interface Seen {
  sent: string[];
  passed: string[];
  logged: string[];
}

const registry = new Registry({ matches: [tcpMatch], targets });

/** What our target makes of `octets`, if the packet meets the rule's own `-p` and matches. */
function ours(family: Family, table: TableName, rule: string, octets: Uint8Array): Seen {
  const parsed = parseCommand(`-A FORWARD ${rule}`, { family, lookup: registry, names: noNames, table });
  if (parsed.kind !== 'append') throw new Error(rule);
  const [spec] = parsed.rules;
  const services = bareServices(servicesOf());
  const context = {
    family,
    table,
    services,
    state: <T>(make: () => T) => make(),
    shared: <T>(_name: string, make: () => T) => make(),
  };
  const pkt = Packet.of(octets);
  pkt.inDevice = 'tunA';
  pkt.outDevice = 'tunB';
  const meets = spec.protocol === undefined || pkt.protocol === spec.protocol.number;
  const matches = () =>
    spec.matches.every((one) => registry.match(one.name, family)!.compile(one.checked, context)(pkt));
  if (spec.target?.kind !== 'extension') throw new Error(rule);
  const { name, checked } = spec.target;
  const verdict = meets && matches() ? registry.target(name, family)!.compile(checked, context)(pkt) : undefined;
  // A chain of headers that runs out of the packet drops it at a rule with -p.
  const gone = pkt.hotDropped || verdict === DROP || (spec.protocol !== undefined && pkt.protocol < 0);
  return {
    sent: services.sent.map((one) => withoutChance(one.octets)),
    passed: gone ? [] : [toHex(pkt.view())],
    logged: name === 'HMARK' ? [logLine(pkt, '', 0)] : services.logged.map(({ text }) => text),
  };
}

function withoutChance(packet: Uint8Array): string {
  const plain = packet.slice();
  if (plain[0] >>> 4 === 4) plain.fill(0, 4, 6).fill(0, 10, 12);
  else ipv6.setFlowLabel(plain, 0, 0);
  return toHex(plain);
}

const theirs = ({ out = [], log = [] }: StepResult): Seen => ({
  sent: out.filter((one) => one.out === 'A').map(({ hex }) => withoutChance(fromHex(hex)!)),
  passed: out.filter((one) => one.out === 'B').map(({ hex }) => hex),
  logged: log.slice(1).map(({ msg }) => msg),
});

const before = (packet: Uint8Array): Uint8Array => {
  const earlier = packet.slice();
  if (earlier[0] >>> 4 === 4) ipv4.setTtl(earlier, 0, 65);
  else ipv6.setHopLimit(earlier, 0, 65);
  return earlier;
};

const machine = probeTwin();
describe.skipIf(!ready('random packets through targets', machine))('random packets, here and on the kernel', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  for (const family of [4, 6] as const) {
    test.each(RULES[family].map(([table, rule]) => ({ table, rule })))(
      `IPv${family} ${PACKETS} packets, seed ${SEED}: $table $rule`,
      async ({ table, rule }) => {
        const random = seeded(
          SEED + [...rule].reduce<number>((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), family),
        );
        const spun: Random = () => (random() >>> 7) ^ (random() >>> 16);
        const packets = Array.from({ length: PACKETS }, () => anyPacket(spun, family));
        const { steps } = await twin.run({
          [family === 4 ? 'v4rules' : 'v6rules']:
            `*${table}\n-A FORWARD -j LOG\n-A FORWARD ${rule}\n${rule.includes('HMARK') ? '-A FORWARD -j LOG\n' : ''}COMMIT\n`,
          log: true,
          steps: packets.map((packet) => ({ in: 'A' as const, hex: toHex(before(packet)) })),
        });
        let reached = 0;
        for (const [index, packet] of packets.entries()) {
          if ((steps[index].log ?? []).length === 0) continue;
          reached++;
          expect({ packet: toHex(packet), ...theirs(steps[index]) }).toEqual({
            packet: toHex(packet),
            ...ours(family, table, rule, packet),
          });
        }
        expect(reached).toBeGreaterThan(PACKETS / 2);
      },
    );
  }
});
