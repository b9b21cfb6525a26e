// What RFC 4787 (UDP), 5382 (TCP), 5508 (ICMP), 7857 and 5597 (DCCP) ask of an IPv4 translator, with rules as one would write them.
// docs/standards.md is the page to it; timers are in standards.test.ts. Names have the number of the requirement.

import { describe, expect, test } from 'vitest';
import { toHex, u16 } from '../../packet/bytes.ts';
import { verify } from '../../packet/checksum.ts';
import { Packet } from '../../packet/packet.ts';
import { build, errorAbout, type FirewallSetup, firewall, fragments, icmp, tcp, udp } from '../../testing/index.ts';

const HOST = '10.0.1.2';
const OTHER = '10.1.0.9';
const PUBLIC = '10.0.2.1';
const SERVERS = ['192.0.2.1', '192.0.2.2', '198.51.100.7'];
const [SERVER] = SERVERS;

const MASQUERADE = '*nat\n-A POSTROUTING -o outside -j MASQUERADE\nCOMMIT\n';
/** A service of HOST's, for all the world and for those beside it. */
const HAIRPIN = `*nat
-A PREROUTING -d ${PUBLIC} -p udp --dport 5000 -j DNAT --to-destination ${HOST}:5000
-A PREROUTING -d ${PUBLIC} -p icmp -j DNAT --to-destination ${HOST}
-A POSTROUTING -s 10.0.0.0/8 -j SNAT --to-source ${PUBLIC}
COMMIT
`;

const translator = (rules = MASQUERADE, setup: Partial<FirewallSetup> = {}) =>
  firewall({ v4: rules, sysctls: { 'sekisho.profile': 'rfc6092' }, ...setup });

/** What leaves when it comes in; fails if nothing does. */
function translated(fw: ReturnType<typeof translator>, octets: Uint8Array) {
  const outcome = fw.send(octets);
  expect(outcome.verdict).toBe('accepted');
  return outcome.out[0];
}

/** A connection as the outside sees it: address:port. */
const mappingOf = (fw: ReturnType<typeof translator>, octets: Uint8Array): string => {
  const out = translated(fw, octets);
  return `${out.src}:${out.sport ?? out.id}`;
};

describe('mappings', () => {
  test.each([
    ['4787 REQ-1', udp],
    ['5382 REQ-1', tcp],
  ] as const)('%s: one outside port for a source, whomever it speaks to', (_, make) => {
    const fw = translator();
    // Somebody else has the port already, so that another one must be drawn.
    fw.send(make(OTHER, SERVER, { sport: 4_000, dport: 80 }));
    const mappings = SERVERS.map((server) => mappingOf(fw, make(HOST, server, { sport: 4_000, dport: 80 })));
    expect(new Set(mappings).size).toBe(1);
  });

  test('5508 REQ-1: queries from inside and their answers; one outside id whomever they ask', () => {
    const fw = translator();
    fw.send(icmp(OTHER, SERVER, { id: 7 }));
    const mappings = SERVERS.map((server) => mappingOf(fw, icmp(HOST, server, { id: 7 })));
    expect(new Set(mappings).size).toBe(1);
    const id = Number(mappings[0].split(':')[1]);
    expect(translated(fw, icmp(SERVER, PUBLIC, { type: 'echo-reply', id }))).toMatchObject({ dst: HOST, id: 7 });
  });

  test('4787 REQ-2, 7857 4: one outside address for a host, and no other when its ports are used up', () => {
    const pool = '-j SNAT --to-source 10.0.2.10-10.0.2.19:7000-7001 --persistent';
    const fw = translator(`*nat
-A POSTROUTING -p udp ${pool}
-A POSTROUTING -p tcp ${pool}
COMMIT
`);
    // Towards one server, so that two ports are two connections.
    const outcomes = [1, 2, 3].map((sport) => fw.send(udp(HOST, SERVER, { sport })));
    expect(outcomes.map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted', 'dropped']);
    const sources = [...outcomes.slice(0, 2), fw.send(tcp(HOST, SERVERS[1]))].map(({ out }) => out[0].src);
    expect(new Set(sources).size).toBe(1);
  });

  test('4787 REQ-3, 5382 REQ-7 with 7857 3: two hosts have one port only towards different servers', () => {
    const fw = translator();
    const towards = (host: string, server: string) => mappingOf(fw, udp(host, server, { sport: 4_000 }));
    expect(towards(HOST, SERVER)).toBe(`${PUBLIC}:4000`);
    expect(towards(OTHER, SERVER)).not.toBe(`${PUBLIC}:4000`);
    expect(towards('10.1.0.10', SERVERS[1])).toBe(`${PUBLIC}:4000`);
  });

  test('4787 REQ-3a: a port of the same range', () => {
    const fw = translator();
    const ports = (sport: number) =>
      [HOST, OTHER, '10.1.0.10'].map((host) => translated(fw, udp(host, SERVER, { sport })).sport as number);
    expect(Math.max(...ports(40))).toBeLessThan(1_024);
    expect(Math.min(...ports(4_000))).toBeGreaterThanOrEqual(1_024);
  });

  test('7857 5: what is drawn for UDP binds TCP to nothing', () => {
    const fw = translator();
    fw.send(udp(OTHER, SERVER, { sport: 4_000 }));
    fw.send(udp(HOST, SERVER, { sport: 4_000 }));
    expect(mappingOf(fw, tcp(HOST, SERVER, { sport: 4_000 }))).toBe(`${PUBLIC}:4000`);
  });

  test('7857 9: a port that must change is drawn, not counted', () => {
    const drawn = (seed: number) => {
      const fw = translator(MASQUERADE, { seed });
      return [HOST, OTHER, '10.1.0.10'].map((host) => translated(fw, udp(host, SERVER, { sport: 4_000 })).sport);
    };
    expect(drawn(1).slice(1)).not.toEqual(drawn(2).slice(1));
  });
});

describe('ICMP errors', () => {
  const opened = () => {
    const fw = translator();
    const sent = translated(fw, udp(HOST, SERVER, { sport: 4_000, data: 30 })).bytes;
    return { fw, sent };
  };

  test.each([
    ['4787 REQ-12b: unreachable', 'port-unreachable'],
    ['5382 REQ-9: fragmentation needed', 'fragmentation-needed'],
    ['5508 REQ-10: time exceeded', 'ttl-zero-during-transit'],
    ['5508 REQ-10: parameter problem', 'ip-header-bad'],
  ])('%s goes back to the host, type and code as they were (5508 REQ-4)', (_, type) => {
    const { fw, sent } = opened();
    const back = translated(fw, errorAbout(sent, type));
    expect(back).toMatchObject({ dst: HOST, type });
    // What it quotes is what the host sent, but for the TTL and its sum.
    const quoted = back.bytes.subarray(28);
    expect(toHex(quoted.subarray(12, 24))).toBe(toHex(udp(HOST, SERVER, { sport: 4_000 }).subarray(12, 24)));
    expect(verify(Packet.of(back.bytes))).toBe(true);
  });

  test('4787 REQ-12a: from any router on the way', () => {
    const { fw, sent } = opened();
    expect(translated(fw, errorAbout(sent, 'host-unreachable', { from: '203.0.113.9' }))).toMatchObject({ dst: HOST });
  });

  test('4787 REQ-12, 5382 REQ-10, 5508 REQ-6: none ends or prolongs', () => {
    const fw = translator();
    const sent = [udp(HOST, SERVER), tcp(HOST, SERVER), icmp(HOST, SERVER)].map((one) => translated(fw, one).bytes);
    const before = fw.connections.map(({ timeout }) => timeout);
    fw.advance('10s');
    for (const one of sent) for (const type of ['host-unreachable', 'source-quench']) fw.send(errorAbout(one, type));
    expect(fw.connections.map(({ timeout }) => timeout)).toEqual(before.map((timeout) => Number(timeout) - 10));
  });

  test('5508 REQ-3: with a wrong checksum it is INVALID', () => {
    const { fw, sent } = opened();
    expect(fw.send(build.icmpErrorAbout(sent, { badChecksum: true })).ctstate).toBe('INVALID');
  });

  test('5508 REQ-3a: the sum of the quoted IP header is not looked at', () => {
    const { fw, sent } = opened();
    const quoted = sent.slice();
    quoted[10] ^= 0xff;
    expect(fw.send(errorAbout(quoted, 'port-unreachable')).ctstate).toBe('RELATED');
  });

  test('5508 REQ-3b: behind options of the quoted header', () => {
    const fw = translator();
    const options = Uint8Array.of(1, 1, 1, 1);
    const sent = build.ip4({ src: HOST, dst: SERVER, options }, build.udp({ sport: 4_000, dport: 53 }));
    const back = translated(fw, errorAbout(translated(fw, sent).bytes, 'port-unreachable'));
    expect(back).toMatchObject({ dst: HOST });
    expect(u16(back.bytes, 28 + 24)).toBe(4_000);
  });

  test('5508 REQ-3c, REQ-3d: quoted transport sums are not looked at, nor what stands behind the quote', () => {
    const { fw, sent } = opened();
    const data = new Uint8Array(140);
    data.set(sent);
    // RFC 4884: padded to 128 octets, then an extension.
    data.set([0x20, 0, 0, 0, 0, 8, 1, 1, 0x12, 0x34, 0x56, 0x7f], 128);
    const error = build.ip4({ src: SERVER, dst: PUBLIC }, build.icmp({ type: 11, code: 0, data }));
    const back = translated(fw, error);
    expect(back).toMatchObject({ dst: HOST });
    expect(toHex(back.bytes.subarray(28 + 128))).toBe(toHex(data.subarray(128)));
    expect(verify(Packet.of(back.bytes))).toBe(true);
  });

  test('5508 REQ-4, REQ-5: about nothing that is known, from either side, it is INVALID', () => {
    const fw = translator();
    expect(fw.send(errorAbout(udp(PUBLIC, SERVER), 'port-unreachable')).ctstate).toBe('INVALID');
    expect(fw.send(errorAbout(udp(SERVER, HOST), 'port-unreachable')).ctstate).toBe('INVALID');
  });

  test('5508 REQ-5: from inside it leaves with the outside address, about what the server sent', () => {
    const { fw } = opened();
    const answer = translated(fw, udp(SERVER, PUBLIC, { sport: 53, dport: 4_000 })).bytes;
    for (const from of [HOST, OTHER]) {
      const error = translated(fw, errorAbout(answer, 'port-unreachable', { from }));
      expect(error).toMatchObject({ src: PUBLIC, dst: SERVER });
      expect(u16(error.bytes, 28 + 22)).toBe(4_000);
    }
  });
});

describe('hairpins', () => {
  test('4787 REQ-9: a host reaches its neighbour by the outside address, and is seen by its own', () => {
    const fw = translator(HAIRPIN);
    const there = translated(fw, udp(OTHER, PUBLIC, { sport: 4_000, dport: 5_000 }));
    expect(there).toMatchObject({ src: PUBLIC, sport: 4_000, dst: HOST, dport: 5_000 });
    expect(translated(fw, udp(HOST, PUBLIC, { sport: 5_000, dport: 4_000 }))).toMatchObject({
      src: PUBLIC,
      dst: OTHER,
    });
  });

  test('5508 REQ-7: queries, and errors about what went so', () => {
    const fw = translator(HAIRPIN);
    expect(translated(fw, icmp(OTHER, PUBLIC, { id: 9 }))).toMatchObject({ src: PUBLIC, dst: HOST });
    const there = translated(fw, udp(OTHER, PUBLIC, { sport: 4_000, dport: 5_000 }));
    const error = translated(fw, errorAbout(there.bytes, 'port-unreachable'));
    expect(error).toMatchObject({ src: PUBLIC, dst: OTHER });
  });
});

describe('fragments', () => {
  const small = {
    devices: {
      inside: ['10.0.1.1/24', '10.1.0.0/16'],
      outside: { addresses: ['10.0.2.1/24'], routes: ['default'], mtu: 600 },
    },
  };

  test('4787 REQ-13: what may not be cut is answered, what may is cut, in order', () => {
    const fw = translator(MASQUERADE, small);
    expect(fw.send(udp(HOST, SERVER, { data: 1_000, df: true })).replies[0]).toMatchObject({
      type: 'fragmentation-needed',
    });
    const offsets = fw.send(udp(HOST, SERVER, { data: 1_000 })).out.map(({ fragment }) => fragment?.offset);
    expect(offsets).toEqual([0, 576]);
  });

  test('4787 REQ-14: in any order', () => {
    const fw = translator();
    const pieces = fragments(udp(HOST, SERVER, { sport: 4_000, data: 90 }), 32).toReversed();
    const out = fw.sendAll(pieces).flatMap(({ out }) => out);
    expect(out.map(({ src }) => src)).toEqual(pieces.map(() => PUBLIC));
  });
});

describe('connections', () => {
  test('5382 REQ-2: both at once, while an unsolicited SYN is not answered (REQ-4)', () => {
    const fw = translator(`${MASQUERADE}*filter\n-A INPUT -i outside -m conntrack --ctstate NEW -j DROP\nCOMMIT\n`);
    const theirs = tcp(SERVER, PUBLIC, { sport: 80, dport: 4_000, seq: 9 });
    expect(fw.send(theirs)).toMatchObject({ verdict: 'dropped', replies: [] });
    fw.advance('10s');
    fw.send(tcp(HOST, SERVER, { sport: 4_000, dport: 80, seq: 100 }));
    expect(translated(fw, theirs)).toMatchObject({ dst: HOST, dport: 4_000 });
  });

  test('7857 2.2: a reset is translated, and four minutes are waited', () => {
    const fw = translator();
    fw.flow(tcp(HOST, SERVER, { sport: 4_000, dport: 80 })).connect();
    const flow = fw.flow(tcp(HOST, SERVER, { sport: 4_001, dport: 80 }));
    flow.connect();
    const reset = flow.reset();
    expect(reset.out[0]).toMatchObject({ src: PUBLIC, flags: 'R.' });
    expect(fw.connections.find(({ state }) => state === 'CLOSE')?.timeout).toBe(240);
  });

  test('7857 7: what comes from strangers to a mapping prolongs nothing', () => {
    const fw = translator(`${MASQUERADE}*filter\n-A INPUT -i outside -m conntrack --ctstate NEW -j DROP\nCOMMIT\n`);
    fw.send(udp(HOST, SERVER, { sport: 4_000 }));
    fw.advance('100s');
    expect(fw.send(udp(SERVERS[1], PUBLIC, { sport: 53, dport: 4_000 })).verdict).toBe('dropped');
    expect(fw.connections.map(({ timeout }) => timeout)).toEqual([200]);
  });

  test('4787 REQ-11: no port is left: dropped, and nobody else is moved', () => {
    const fw = translator('*nat\n-A POSTROUTING -p udp -j SNAT --to-source 10.0.2.9:7000-7001\nCOMMIT\n');
    const hosts = [HOST, OTHER, '10.1.0.10'];
    const verdicts = hosts.map((host) => fw.send(udp(host, SERVER, { sport: 9 })).verdict);
    expect(verdicts).toEqual(['accepted', 'accepted', 'dropped']);
    expect(fw.send(udp(HOST, SERVER, { sport: 9 })).out).toHaveLength(1);
  });

  test('5597 REQ-11, 12 and 13: DCCP: sum, coverage and service code', () => {
    const fw = translator();
    const fields = { sport: 4_000, dport: 80, type: 0, seq: 1, service: 0x41424344, coverage: 2, data: 20 };
    const sent = build.ip4({ src: HOST, dst: SERVER }, build.dccp(fields));
    const back = translated(fw, sent);
    const right = build.ip4({ src: PUBLIC, dst: SERVER, ttl: 63 }, build.dccp(fields));
    expect(back.text.replace(/ id \d+/, '')).toContain(PUBLIC);
    expect(toHex(back.bytes.subarray(20))).toBe(toHex(right.subarray(20)));
  });
});
