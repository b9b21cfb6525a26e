// What a packet is, by the kernel: which header `-p` compares, what is refused before any hook, which checksums are right.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import { verify } from '../../packet/checksum.ts';
import { describeBytes } from '../../packet/describe.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import type { Scenario, StepResult } from '../../testing/scenario/scenario-format.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const SEED = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const COUNT = Number(process.env.SEKISHO_RUNS ?? 150);

const PROTOCOLS = [6, 17, 47, 50, 58, 59, 99, 132, 135];
// The first rule counts what arrives; one with -p and no target counts and goes on, and drops what has no end of its chain.
const raw = `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -m comment --comment arrived
${PROTOCOLS.map((protocol) => `-A PREROUTING -p ${protocol}`).join('\n')}
-A PREROUTING -m comment --comment through
COMMIT
`;

/** What the rules above should count for one packet. */
function expectedCounts(packet: Uint8Array): { arrived: number; protocol: number | undefined; through: number } {
  const { family, protocol } = Packet.of(packet);
  if (family === 0) return { arrived: 0, protocol: undefined, through: 0 };
  if (protocol === -1) return { arrived: 1, protocol: undefined, through: 0 };
  return { arrived: 1, protocol: PROTOCOLS.includes(protocol) ? protocol : undefined, through: 1 };
}

// No hop-by-hop options: they are looked at before PREROUTING, which is the stack's affair.
const layer = fc.oneof(
  fc.constant(build.destinationOptions()),
  fc.constant(build.routing({ type: 2, segmentsLeft: 0 })),
  fc.constant(build.ah()),
  fc.record({ offset: fc.constantFrom(0, 0, 8, 1480), more: fc.boolean(), id: fc.nat() }).map(build.fragment),
);
const upper = fc
  .tuple(fc.constantFrom(...PROTOCOLS, 0, 43, 44, 51, 60), fc.integer({ min: 0, max: 24 }))
  .map(([protocol, length]) => build.raw(protocol, new Uint8Array(length).fill(protocol)));

/** Chains of headers, some cut short, some with an octet changed. */
const chain = fc
  .tuple(
    fc.array(layer, { maxLength: 4 }),
    upper,
    fc.option(fc.nat(100), { freq: 4 }),
    fc.option(fc.tuple(fc.nat(60), fc.nat(255)), { freq: 4 }),
  )
  .map(([layers, last, cut, change]) => {
    const whole = build.ip6({}, ...layers, last);
    if (change && 40 + change[0] < whole.length) whole[40 + change[0]] = change[1];
    if (cut === null || 40 + cut >= whole.length) return whole;
    const short = whole.slice(0, 40 + cut);
    short[5] = cut;
    return short;
  })
  .filter((packet) => packet[6] !== 0);

const machine = probeTwin();
describe.skipIf(!ready('packets by the kernel', machine))('the kernel and we agree', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  /** Counters of raw PREROUTING after each packet, as differences. */
  async function counts(packets: readonly Uint8Array[], family: Family): Promise<ReturnType<typeof expectedCounts>[]> {
    const steps = packets.flatMap((packet) => [{ in: 'A' as const, hex: toHex(packet) }, { counters: true as const }]);
    const result = await twin.run({ [`v${family}rules`]: raw, steps } as Scenario);
    let before = new Map<string, number>();
    return packets.map((_packet, index) => {
      const after = ruleCounts(result.steps[2 * index + 1], family);
      const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
      const protocol = PROTOCOLS.find((number) => grown(`${number}`) > 0);
      const found = { arrived: grown('arrived'), protocol, through: grown('through') };
      before = after;
      return found;
    });
  }

  function ruleCounts(step: StepResult, family: Family): Map<string, number> {
    const rules = (step[`v${family}`] ?? []).filter(
      ({ table, chain: name, rule }) => table === 'raw' && name === 'PREROUTING' && rule !== undefined,
    );
    // In the order of the rules: arrived, the protocols, through.
    const names = ['arrived', ...PROTOCOLS.map(String), 'through'];
    expect(rules.length).toBe(names.length);
    return new Map(rules.map(({ pkts }, index) => [names[index], pkts]));
  }

  test(`on the protocol of random chains of extension headers (seed ${SEED})`, async () => {
    const packets = fc.sample(chain, { numRuns: COUNT, seed: SEED });
    const found = await counts(packets, 6);
    const wrong = packets.flatMap((packet, index) => {
      const expected = expectedCounts(packet);
      const kernel = found[index];
      return JSON.stringify(kernel) === JSON.stringify(expected)
        ? []
        : [{ packet: toHex(packet), line: describeBytes(packet), kernel, ours: expected }];
    });
    expect(wrong).toEqual([]);
  });

  const udp = build.udp({ data: 5 });
  test.each<[string, Family, Uint8Array]>([
    ['as it should be', 4, build.ip4({}, udp)],
    ['padding', 4, build.ip4({ padding: 6 }, udp)],
    ['a short total length', 4, build.ip4({ totalLength: 24 }, udp)],
    ['a long total length', 4, build.ip4({ totalLength: 200 }, udp)],
    ['a total length below the header', 4, build.ip4({ totalLength: 19 }, udp)],
    ['a header length of 16', 4, build.ip4({ headerLength: 16 }, udp)],
    ['as it should be', 6, build.ip6({}, udp)],
    ['padding', 6, build.ip6({ padding: 6 }, udp)],
    ['a short payload length', 6, build.ip6({ payloadLength: 4 }, udp)],
    ['no payload length', 6, build.ip6({ payloadLength: 0 }, udp)],
    ['a long payload length', 6, build.ip6({ payloadLength: 200 }, udp)],
    ['no payload length with hop-by-hop options', 6, build.ip6({ payloadLength: 0 }, build.hopByHop(), udp)],
  ])('on receipt: %s, IPv%i', async (_name, family, packet) => {
    expect(await counts([packet], family)).toEqual([expectedCounts(packet)]);
  });

  const states = (family: Family): string =>
    `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\n-A FORWARD -m conntrack --ctstate INVALID -j DROP -m comment --comment v${family}\nCOMMIT\n`;
  const both = (name: string, made: build.Layer): [string, Family, Uint8Array][] =>
    ([4, 6] as const).map((family) => [name, family, build.ip(family, {}, made)]);

  // UDP-Lite is not here: the kernel sums it with UDP's number (conntrack/l4/udplite.ts).
  test.each<[string, Family, Uint8Array]>([
    ...both('tcp', build.tcp({ data: 'odd' })),
    ...both('tcp, wrong', build.tcp({ badChecksum: true })),
    ...both('udp', build.udp({ data: 200 })),
    ...both('udp, wrong', build.udp({ data: 5, badChecksum: true })),
    ...both('udp, none', build.udp({ data: 5, noChecksum: true })),
    ...both('sctp', build.sctp()),
    ...both('sctp, wrong', build.sctp({ badChecksum: true })),
    ['icmp', 4, build.ip4({}, build.icmp({ data: 7 }))],
    ['icmp, wrong', 4, build.ip4({}, build.icmp({ badChecksum: true }))],
    ['icmp6', 6, build.ip6({}, build.icmp6({ data: 7 }))],
    ['icmp6, wrong', 6, build.ip6({}, build.icmp6({ badChecksum: true }))],
    ['udp behind AH', 6, build.ip6({}, build.ah(), build.udp({ data: 5 }))],
    // nf_ip6_checksum() takes the destination of the IPv6 header, also before a routing header has done its work.
    [
      'udp for the final destination',
      6,
      build.ip6({ dst: 'fd00:b::9', finalDst: 'fd00:b::2' }, build.routing({ type: 2, addresses: ['fd00:b::2'] }), udp),
    ],
  ])('on the checksum of %s, IPv%i', async (_name, family, packet) => {
    const result = await twin.run({
      [`v${family}rules`]: states(family),
      steps: [{ in: 'A', hex: toHex(packet) }, { counters: true }],
    } as Scenario);
    const fresh = (result.steps[1][`v${family}`] ?? []).find(({ rule }) => rule?.includes('NEW'));
    expect(fresh?.pkts).toBe(verify(Packet.of(packet)) ? 1 : 0);
  });
});
