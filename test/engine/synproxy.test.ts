// SYNPROXY: talks of two ends, and what came out of them when the kernel was between (test/data/synproxy.json; test/kernel/synproxy.test.ts
// asks it again); the cookies by themselves; and the same across a bridge.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SynCookies } from '../../engine/synproxy/cookies.ts';
import { ip4, ip6, tcp } from '../../packet/build.ts';
import { u32 } from '../../packet/bytes.ts';
import { Packet } from '../../packet/packet.ts';
import { seeded } from '../../testing/bare-services.ts';
import { firewall } from '../../testing/firewall.ts';
import { play } from '../../testing/scenario/scenario.ts';
import { rules, told } from './synproxy.rig.ts';
import { talks } from './synproxy.talks.ts';

const asKernel = JSON.parse(readFileSync(new URL('../data/synproxy.json', import.meta.url), 'utf8'));

describe('as the kernel did', () => {
  test.each(talks.map((one) => [one.name as string, one] as const))('%s', (name, scenario) => {
    expect(told(play(scenario))).toEqual(asKernel[name]);
    expect(told(play(scenario, { interpreted: true }))).toEqual(asKernel[name]);
  });
});

describe('cookies', () => {
  const ends = { src: '10.1.0.1', dst: '10.9.0.1' };
  const cookies = new SynCookies(seeded(1));
  const at = (packet: Uint8Array, now: number): Packet => {
    const pkt = Packet.of(packet);
    pkt.now = now;
    return pkt;
  };
  const ack = (cookie: number, seq = 1): Uint8Array => ip4(ends, tcp({ flags: 'A', seq, ack: (cookie + 1) >>> 0 }));
  const syn = ip4(ends, tcp({ flags: 'S', seq: 0 }));

  test.each([
    [0, 536],
    [1299, 536],
    [1300, 1300],
    [1459, 1440],
    [65_535, 1460],
  ])('an MSS of %i comes back as %i', (mss, back) => {
    expect(cookies.check(at(ack(cookies.make(at(syn, 0), mss)), 1_000))).toBe(back);
  });

  test('IPv6 has a table of its own', () => {
    const ends6 = { src: 'fd00::1', dst: 'fd00::2' };
    const cookie = cookies.make(at(ip6(ends6, tcp({ flags: 'S', seq: 9 })), 0), 9_000);
    const answer = ip6(ends6, tcp({ flags: 'A', seq: 10, ack: (cookie + 1) >>> 0 }));
    expect(cookies.check(at(answer, 0))).toBe(8_940);
  });

  test('one is good for the minute that it was made in and the next', () => {
    const cookie = cookies.make(at(syn, 59_000), 1460);
    expect(cookies.check(at(ack(cookie), 60_000))).toBe(1460);
    expect(cookies.check(at(ack(cookie), 119_999))).toBe(1460);
    expect(cookies.check(at(ack(cookie), 120_000))).toBe(0);
  });

  test('one of another flow, of other numbers or of another start is none', () => {
    const cookie = cookies.make(at(syn, 0), 1460);
    expect(cookies.check(at(ip4({ ...ends, src: '10.1.0.2' }, tcp({ flags: 'A', seq: 1, ack: cookie + 1 })), 0))).toBe(
      0,
    );
    expect(cookies.check(at(ack(cookie, 1_000_000), 0))).toBe(0);
    expect(new SynCookies(seeded(2)).check(at(ack(cookie), 0))).toBe(0);
  });
});

test('across a bridge: answers leave by the port that their end is at', () => {
  const fw = firewall({
    mode: 'bridge',
    v4: rules('--mss 1400').replaceAll('-i tunA', '-i inside'),
    sysctls: { 'net.netfilter.nf_conntrack_tcp_loose': 0 },
  });
  const ends = { src: '10.1.0.1', dst: '10.9.0.1' };
  const back = { src: '10.9.0.1', dst: '10.1.0.1' };
  const ports = { sport: 4000, dport: 80 };
  const sent: string[] = [];
  const send = (device: string, octets: Uint8Array): Packet[] => {
    const { out, replies } = fw.send(octets, { in: device });
    return [...out, ...replies].map((emitted) => {
      const pkt = Packet.of(emitted.bytes);
      sent.push(`${emitted.device} ${pkt.bytes[pkt.l4 + 13]}`);
      return pkt;
    });
  };
  const [answer] = send('inside', ip4(ends, tcp({ ...ports, flags: 'S', seq: 1000 })));
  const cookie = u32(answer.bytes, answer.l4 + 4);
  send('inside', ip4(ends, tcp({ ...ports, flags: 'A', seq: 1001, ack: (cookie + 1) >>> 0 })));
  send('outside', ip4(back, tcp({ sport: 80, dport: 4000, flags: 'SA', seq: 5, ack: 1001 })));
  send('outside', ip4(back, tcp({ sport: 80, dport: 4000, flags: 'PA', seq: 6, ack: 1001, data: 'hello' })));
  expect(sent).toEqual(['inside 18', 'outside 2', 'outside 16', 'inside 16', 'inside 24']);
});
