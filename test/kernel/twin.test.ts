// The twin itself: a wrong oracle would be worse than none. Expected bytes here are worked out by hand from the packets that go in.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { icmp, icmp6, ip4, ip6, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Scenario, StepResult } from '../../testing/scenario/scenario-format.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';
import { parseCtLine } from './twin-dumps.ts';

const hex = toHex;
const A6 = 'fd00:a::2';
const B6 = 'fd00:b::2';
const A4 = '10.0.1.2';
const B4 = '10.0.2.2';
const filter = (rules: string, policy = 'DROP') =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ${policy} [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules}\nCOMMIT\n`;

test('a line of the connection table becomes an entry', () => {
  const line =
    'ipv6     10 tcp      6 431999 ESTABLISHED src=fd00:000a:0000:0000:0000:0000:0000:0002 dst=fd00:000b::2 sport=1 dport=80 ' +
    'src=fd00:000b:0000:0000:0000:0000:0000:0002 dst=fd00:000a:0000:0000:0000:0000:0000:0002 sport=80 dport=1 [ASSURED] mark=7 zone=0 use=2';
  expect(parseCtLine(line)).toEqual({
    family: 'ipv6',
    proto: 6,
    timeout: 431999,
    state: 'ESTABLISHED',
    flags: ['ASSURED'],
    orig: { src: A6, dst: B6, sport: 1, dport: 80 },
    reply: { src: B6, dst: A6, sport: 80, dport: 1 },
    mark: 7,
    zone: 0,
  });
});

const machine = probeTwin();
describe.skipIf(!ready('kernel twin', machine))('the kernel between two TUN devices', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  const steps = async (scenario: Scenario): Promise<StepResult[]> => (await twin.run(scenario)).steps;

  test('forwards with one hop less, and nothing else comes out', async () => {
    const result = await twin.run({
      steps: [
        { in: 'A', hex: hex(ip6({ src: A6, dst: B6, hopLimit: 64 }, udp({ data: 'x' }))) },
        { in: 'B', hex: hex(ip4({ src: B4, dst: A4, ttl: 9 }, udp({ data: 'x' }))) },
      ],
    });
    expect(result.steps).toEqual([
      { out: [{ out: 'B', hex: hex(ip6({ src: A6, dst: B6, hopLimit: 63 }, udp({ data: 'x' }))) }] },
      { out: [{ out: 'A', hex: hex(ip4({ src: B4, dst: A4, ttl: 8 }, udp({ data: 'x' }))) }] },
    ]);
    expect([result.stray, result.late]).toEqual([undefined, []]);
  });

  test('answers an echo request to its own address', async () => {
    const [six, four] = await steps({
      steps: [
        { in: 'A', hex: hex(ip6({ src: A6, dst: 'fd00:a::1' }, icmp6({ type: 128, id: 1, seq: 2, data: 'ab' }))) },
        { in: 'A', hex: hex(ip4({ src: A4, dst: '10.0.1.1' }, icmp({ type: 8, id: 1, seq: 2, data: 'ab' }))) },
      ],
    });
    // The flow label of what the kernel makes itself is a hash of the flow and a secret.
    const reply = hex(ip6({ src: 'fd00:a::1', dst: A6 }, icmp6({ type: 129, id: 1, seq: 2, data: 'ab' })));
    expect(six.out?.map((packet) => packet.hex.slice(8))).toEqual([reply.slice(8)]);
    expect(four.out?.[0].hex.slice(40)).toBe(
      hex(icmp({ type: 0, id: 1, seq: 2, data: 'ab' }).emit(0, new Uint8Array(0), () => 0)),
    );
  });

  test('rules decide, count, and see connections', async () => {
    const rules = filter(
      '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -i tunA -p tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT',
    );
    const syn = ip6({ src: A6, dst: B6 }, tcp({ sport: 1000, dport: 80, flags: 'S', seq: 1 }));
    const synAck = ip6({ src: B6, dst: A6 }, tcp({ sport: 80, dport: 1000, flags: 'SA', seq: 9, ack: 2 }));
    const stranger = ip6({ src: B6, dst: A6 }, tcp({ sport: 80, dport: 1001, flags: 'SA', seq: 9, ack: 2 }));
    const seen = await steps({
      v6rules: rules,
      steps: [
        { in: 'A', hex: hex(syn) },
        { in: 'B', hex: [hex(synAck), hex(stranger)] },
        { ct: true },
        { counters: true },
      ],
    });
    expect(seen[0].out?.length).toBe(1);
    expect(seen[1].out?.length).toBe(1);
    expect(seen[2].ct).toMatchObject([
      { family: 'ipv6', proto: 6, state: 'SYN_RECV', orig: { src: A6, dst: B6, sport: 1000, dport: 80 }, flags: [] },
    ]);
    expect(seen[3].v6?.map(({ chain, pkts }) => [chain, pkts])).toEqual([
      ['INPUT', 0],
      ['FORWARD', 1],
      ['OUTPUT', 0],
      ['FORWARD', 1],
      ['FORWARD', 1],
    ]);
    expect(seen[3].v4).toEqual([]);
  });

  test('a scenario leaves nothing behind for the next one', async () => {
    const packet = { in: 'A' as const, hex: hex(ip6({ src: A6, dst: B6 }, udp())) };
    const [dropped] = await steps({ v6rules: filter(''), steps: [packet] });
    const [passed, tracked] = await steps({ steps: [packet, { ct: true }] });
    expect([dropped.out?.length, passed.out?.length, tracked.ct]).toEqual([0, 1, []]);
  });

  test('rules that the real tool refuses are refused in its words', async () => {
    await expect(twin.run({ v6rules: '*filter\n-A FORWARD -j NOWHERE\nCOMMIT\n', steps: [] })).rejects.toThrow(
      'restore v6: ',
    );
    const [refused] = await steps({ steps: [{ rules: { v4: 'nonsense' } }] });
    expect(refused.err).toContain('restore v4: ');
  });

  test('reloading keeps connections and empties the tables that are left out', async () => {
    const packet = { in: 'A' as const, hex: hex(ip6({ src: A6, dst: B6 }, udp())) };
    const seen = await steps({
      v6rules: filter('-A FORWARD -m conntrack --ctstate NEW -j ACCEPT'),
      steps: [
        packet,
        { rules: { v6: '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n' } },
        { ct: true },
        packet,
        { flush_ct: true },
        { ct: true },
      ],
    });
    expect(seen[0].out?.length).toBe(1);
    expect(seen[2].ct?.length).toBe(1);
    expect(seen[3].out?.length).toBe(1);
    expect(seen[5].ct).toEqual([]);
  });

  test('local packets go through OUTPUT, LOG is read from the kernel log, time passes', async () => {
    const seen = await steps({
      log: true,
      v4rules:
        '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j LOG --log-prefix "out: " --log-level 5\nCOMMIT\n',
      steps: [
        { local: hex(ip4({ src: '10.0.1.1', dst: A4 }, udp({ data: 'x' }))) },
        { sleep_ms: 3 },
        { exec: ['echo', 'hi'] },
      ],
    });
    expect(seen[0].out?.length).toBe(1);
    expect(seen[0].log).toMatchObject([{ level: 5 }]);
    expect(seen[0].log?.[0].msg).toContain('out: IN= OUT=tunA SRC=10.0.1.1 DST=10.0.1.2 ');
    expect(seen[1]).toEqual({ out: [] });
    expect(seen[2]).toEqual({ rc: 0, stdout: 'hi\n', stderr: '' });
  });

  test('topology and sysctls are as asked', async () => {
    const big = hex(ip6({ src: A6, dst: B6 }, udp({ data: 1400 })));
    const [tooBig, ttl] = await steps({
      topology: { B: { mtu: 1280 } },
      sysctls: { 'net.ipv4.ip_default_ttl': 33 },
      steps: [{ in: 'A', hex: big }, { read: '/proc/sys/net/ipv4/ip_default_ttl' }],
    });
    expect(tooBig.out?.[0].out).toBe('A');
    expect(tooBig.out?.[0].hex.slice(80, 84)).toBe('0200'); // ICMPv6 packet too big
    expect(ttl.text).toBe('33\n');
  });

  test('it is quick enough to be asked often', async () => {
    const scenario = { v6rules: filter(''), v4rules: filter(''), steps: [] };
    const started = performance.now();
    for (let count = 0; count < 20; count++) await twin.run(scenario);
    console.info(`kernel twin: ${Math.round(20_000 / (performance.now() - started))} scenarios a second`);
  });
});
