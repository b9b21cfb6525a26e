// Matches that ask the routes (addrtype, rpfilter) beside the kernel: every address class of the default topology against every type.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AnyMatch } from '../../engine/extension.ts';
import { Registry } from '../../engine/registry.ts';
import { createRoutes, DEFAULT_TOPOLOGY } from '../../engine/stack/routes.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { addrtype } from '../../matches/addrtype.ts';
import { rpfilter } from '../../matches/rpfilter.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { bareServices } from '../../testing/bare-services.ts';
import type { Scenario } from '../../testing/scenario/scenario-format.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const services = bareServices({ routes: createRoutes(DEFAULT_TOPOLOGY) });
const lookup = new Registry({ matches: [addrtype, rpfilter] });
const BOTH = ['UNSPEC', 'UNICAST', 'LOCAL', 'ANYCAST', 'MULTICAST', 'UNREACHABLE'];
const TYPES: Record<Family, readonly string[]> = {
  4: [...BOTH, 'BROADCAST', 'BLACKHOLE', 'PROHIBIT', 'THROW', 'NAT', 'XRESOLVE'],
  6: [...BOTH, 'LOCAL,UNICAST', 'LOCAL,ANYCAST', 'UNICAST,ANYCAST', 'MULTICAST,UNICAST'],
};
const RULES: Record<Family, readonly string[]> = { 4: rulesFor(4), 6: rulesFor(6) };
/** Addresses as destination; the kernel drops some of them as source before any hook. */
const TO: Record<Family, readonly string[]> = {
  4: [
    '10.0.1.1',
    '10.0.2.1',
    '10.0.1.9',
    '10.0.1.255',
    '10.0.1.0',
    '10.1.5.5',
    '10.1.255.255',
    '192.0.2.1',
    '224.0.0.5',
    '239.1.2.3',
    '255.255.255.255',
  ],
  6: [
    'fd00:a::1',
    'fd00:b::1',
    'fd00:a::9',
    'fd00:a::',
    'fd00:b::',
    'fd00:1::7',
    'fd00:1::',
    '2001:db8::1',
    'ff02::1',
    'ff0e::5',
    'fe80::7',
    '::ffff:1.2.3.4',
  ],
};
const FROM: Record<Family, readonly string[]> = {
  4: ['10.0.1.1', '10.0.2.1', '10.0.1.9', '10.1.5.5', '192.0.2.1', '0.0.0.0'],
  6: ['fd00:a::1', 'fd00:b::1', 'fd00:a::9', 'fd00:a::', 'fd00:1::7', '2001:db8::1', '::'],
};

function rulesFor(family: Family): string[] {
  const types = TYPES[family].flatMap((type) => [`--dst-type ${type}`, `--src-type ${type}`, `! --dst-type ${type}`]);
  return [
    ...types.map((type) => `-m addrtype ${type}`),
    ...['LOCAL', 'UNICAST', 'ANYCAST'].map((type) => `-m addrtype --dst-type ${type} --limit-iface-in`),
    ...['', '--loose', '--accept-local', '--accept-local --loose', '--invert'].map((flags) =>
      `-m rpfilter ${flags}`.trim(),
    ),
  ];
}

function ours(rule: string, octets: Uint8Array, family: Family, device: string): boolean {
  const command = parseCommand(`-A c ${rule}`, { family, lookup });
  if (command.kind !== 'append') throw new Error(command.kind);
  const [{ name, checked }] = command.rules[0].matches;
  const match = lookup.match(name, family) as AnyMatch;
  const predicate = match.compile(checked, {
    family,
    table: 'mangle',
    services,
    state: (make) => make(),
    shared: (_name, make) => make(),
  });
  const pkt = Packet.of(octets);
  pkt.inDevice = device;
  return predicate(pkt);
}

const machine = probeTwin();
describe.skipIf(!ready('matches that ask the routes', machine))('routes', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  for (const family of [4, 6] as const) {
    for (const side of ['A', 'B'] as const) {
      test(`IPv${family} packets that come in by tun${side}`, async () => {
        const make = (src: string, dst: string): Uint8Array =>
          family === 4 ? ip4({ src, dst }, udp()) : ip6({ src, dst }, udp());
        const packets = [
          ...TO[family].map((dst) => make(family === 4 ? '10.1.2.3' : 'fd00:1::3', dst)),
          ...FROM[family].map((src) => make(src, family === 4 ? '10.0.2.9' : 'fd00:b::9')),
        ];
        const rules = RULES[family].map((rule) => `-A PREROUTING ${rule}\n`).join('');
        const text = `*mangle\n${rules}COMMIT\n`;
        const steps: Scenario['steps'] = packets.flatMap((packet) => [
          { in: side, hex: toHex(packet) },
          { counters: true },
        ]);
        const result = await twin.run({ ...(family === 4 ? { v4rules: text } : { v6rules: text }), steps });
        let before = RULES[family].map(() => 0);
        packets.forEach((packet, index) => {
          const counted = (result.steps[2 * index + 1][family === 4 ? 'v4' : 'v6'] ?? []).filter(
            (one) => one.table === 'mangle',
          );
          const after = counted.filter((one) => one.rule !== undefined).map((one) => one.pkts);
          const real = RULES[family].filter((_rule, place) => after[place] > before[place]);
          before = after;
          expect(
            RULES[family].filter((rule) => ours(rule, packet, family, `tun${side}`)),
            toHex(packet),
          ).toEqual(real);
        });
      });
    }
  }
});
