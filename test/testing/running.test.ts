// What changes while a firewall runs: sets, rules, packets under way; and packets out of captures.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LINKTYPE_ETHERNET, writePcap } from '../../packet/pcap.ts';
import '../../testing/vitest.ts';
import { CaptureError, capture, firewall, icmpv6, packetsIn, RulesError, tcp, udp } from '../../testing/index.ts';
import { parseSuite } from '../../testing/suite/suite.ts';
import { runSuite } from '../../testing/suite/suite-run.ts';

const filter = (...rules: string[]): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules.join('\n')}\nCOMMIT\n`;
const [A, B] = ['10.0.1.2', '192.0.2.9'];

describe('sets', () => {
  const rules = filter('-A FORWARD -m set --match-set bad dst -j DROP');
  const sets = 'create bad hash:ip timeout 0\nadd bad 192.0.2.66\n';

  test('are there before the rules that name them, and change while it runs', () => {
    const fw = firewall({ v4: rules, sets });
    expect(fw.send(udp(A, '192.0.2.66'))).toBeDropped('FORWARD rule 1');
    expect(fw.send(udp(A, B))).toBeAccepted();
    fw.ipset(`add bad ${B} timeout 60`);
    expect(fw.send(udp(A, B))).toBeDropped();
    fw.advance('61s');
    expect(fw.send(udp(A, B))).toBeAccepted();
    expect(fw.ipset('list bad -output save')).toContain('add bad 192.0.2.66');
  });

  test('are as at first after a reset', () => {
    const fw = firewall({ v4: rules, sets });
    fw.ipset('flush bad');
    expect(fw.send(udp(A, '192.0.2.66'))).toBeAccepted();
    expect(fw.reset().send(udp(A, '192.0.2.66'))).toBeDropped();
  });

  test('say what is wrong with them', () => {
    expect(() => firewall({ v4: rules })).toThrow("Set bad doesn't exist.");
    expect(() => firewall({ v4: rules, sets: 'create bad hash:ip\nadd bad nobody\n' })).toThrow(RulesError);
    expect(() => firewall({ v4: rules, sets }).ipset('add worse 192.0.2.1')).toThrow('ipset add worse');
  });
});

describe('rules that change while it runs', () => {
  test('a command: what is established stays', () => {
    const fw = firewall({ v4: filter('-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT') });
    const flow = fw.flow(tcp(A, B, { dport: 22 }));
    expect(flow.connect()).toBeAccepted();
    fw.iptables('-A FORWARD -p tcp -m tcp --dport 22 -j DROP');
    expect(fw.send(tcp(A, B, { sport: 9, dport: 22 }))).toMatchRule('FORWARD 2');
    expect(flow.send(10)).toBeAccepted();
    expect(fw.iptables('-S FORWARD')).toContain('-A FORWARD -p tcp -m tcp --dport 22 -j DROP');
    expect(() => fw.ip6tables('-A FORWARD -j NOWHERE')).toThrow('ip6tables -A FORWARD -j NOWHERE: ');
    expect(fw.reset().send(tcp(A, B, { dport: 22 }))).toBeAccepted();
  });

  test('a restore', () => {
    const fw = firewall({ v4: filter('-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT') });
    const flow = fw.flow(udp(A, B));
    flow.open();
    fw.load({ v4: filter('-A FORWARD -m conntrack --ctstate NEW -j DROP') });
    expect(flow.reply(9)).toHaveCtstate('ESTABLISHED');
    expect(fw.send(udp(A, B, { sport: 9 }))).toBeDropped('FORWARD rule 1');
  });
});

describe('packets under way', () => {
  const rules = filter('-A FORWARD -m conntrack --ctstate INVALID -j DROP');

  test('overtake each other, get lost, arrive twice', () => {
    const fw = firewall({ v4: rules });
    const flow = fw.flow(tcp(A, B, { dport: 80 }));
    flow.connect();
    const [one, two, three] = [flow.inFlight(100), flow.inFlight(100), flow.inFlight(100)];
    expect(two.arrive()).toBeAccepted();
    expect(one.arrive()).toBeAccepted();
    // The far end has both, and not the third: it says so.
    expect(flow.reply(1).packet.ack).toBe(201);
    expect(three.arrive()).toHaveCtstate('ESTABLISHED');
    expect(three.arrive()).toHaveCtstate('ESTABLISHED');
    expect(flow.reply(1).packet.ack).toBe(301);
  });

  test('cross each other', () => {
    const fw = firewall({ v6: rules });
    const flow = fw.flow(udp('fd00:a::2', '2001:db8::9'));
    flow.open();
    const [there, back] = [flow.inFlight('question'), flow.inFlight('answer', 'reply')];
    expect(back.arrive()).toHaveCtstate('ESTABLISHED');
    expect(there.arrive()).toBeAccepted('outside');
  });
});

test('icmp6() by its other name', () => {
  expect(icmpv6('fd00:a::2', '2001:db8::9')).toHaveLength(48);
});

describe('captures', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sekisho-captures-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const packet = tcp(A, B, { dport: 443 });
  const frame = (octets: Uint8Array, type: number): Uint8Array => {
    const bytes = new Uint8Array(Math.max(60, 14 + octets.length));
    bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, type >>> 8, type & 0xff]);
    bytes.set(octets, 14);
    return bytes;
  };

  test('frames are counted as tcpdump counts them; padding is cut off; times begin at the first', () => {
    const frames = [
      { seconds: 7, nanoseconds: 0, bytes: frame(new Uint8Array(28), 0x0806) },
      { seconds: 7, nanoseconds: 250_000_000, bytes: frame(packet, 0x0800) },
    ];
    const [found, ...others] = packetsIn(writePcap(frames, LINKTYPE_ETHERNET));
    expect(others).toEqual([]);
    expect(found).toMatchObject({ number: 2, at: 250, bytes: packet, missing: 0 });
    expect(found.linkHeader).toHaveLength(14);
  });

  test('what is none, or of a strange kind, says so', () => {
    expect(() => capture(join(folder, 'nothing.pcap'))).toThrow(CaptureError);
    expect(() => [...packetsIn(new TextEncoder().encode('no capture'), 'x.pcap')]).toThrow('x.pcap: not a capture');
    expect(() => [...packetsIn(writePcap([{ bytes: packet }], 147), 'x.pcap')]).toThrow(
      'frame 1 has link type 147, which is not known here',
    );
  });

  test('a row of a test file', () => {
    writeFileSync(join(folder, 'seen.pcap'), writePcap([{ bytes: packet }]));
    const text = `v4: |
  *filter
  :INPUT ACCEPT
  :FORWARD ACCEPT
  :OUTPUT ACCEPT
  -A FORWARD -m set --match-set bad dst -j DROP
  COMMIT
sets: |
  create bad hash:ip
  add bad 192.0.2.66
tests:
  - rows:
      - seen.pcap#1 -> accepted, as dport 443
      - ipset add bad 192.0.2.9
      - seen.pcap#1 -> dropped
      - iptables -F FORWARD
      - "inside: seen.pcap#1 -> accepted"
      - seen.pcap#2 -> accepted
`;
    const file = join(folder, 'test.yaml');
    expect(() => parseSuite(text, file)).toThrow('seen.pcap has no IP packet in frame 2');
    const { rows } = runSuite(parseSuite(text.replace('      - seen.pcap#2 -> accepted\n', ''), file));
    expect(rows.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined]);
  });
});
