// The fluent interface: what a test can send, and what it can ask afterwards.

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { traceText } from '../../engine/trace/trace-text.ts';
import '../../testing/vitest.ts';
import {
  build,
  errorAbout,
  esp,
  firewall,
  fragments,
  gre,
  hex,
  icmp,
  icmp6,
  ipProtocol,
  packet,
  RulesError,
  sctp,
  tcp,
  udp,
} from '../../testing/index.ts';

const filter = (...rules: string[]): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules.join('\n')}\nCOMMIT\n`;

const STATEFUL = filter(
  '-A FORWARD -m conntrack --ctstate INVALID -m comment --comment "stray" -j DROP',
  '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "answers" -j ACCEPT',
  '-A FORWARD -i inside -m conntrack --ctstate NEW -j ACCEPT',
);
const [A4, B4, A6, B6] = ['10.0.1.2', '192.0.2.9', 'fd00:a::2', '2001:db8::9'];

describe('one packet', () => {
  const fw = () => firewall({ v4: STATEFUL, v6: STATEFUL });

  test('what came out, by which device, with every field readable', () => {
    const result = fw().send(tcp(A6, B6, { dport: 443, flags: 'S' }));
    expect(result.verdict).toBe('accepted');
    expect(result.ctstate).toBe('NEW');
    const [out] = result.out;
    expect(out).toMatchObject({ device: 'outside', src: A6, dst: B6, sport: 1024, dport: 443, flags: 'S', ttl: 63 });
    expect(out.bytes).toEqual(tcp(A6, B6, { dport: 443, flags: 'S', ttl: 63 }));
  });

  test('it comes in by the device that its source is behind, or as told', () => {
    expect(fw().send(udp(A4, B4)).observed.device).toBe('inside');
    expect(fw().send(udp('10.1.9.9', B4)).observed.device).toBe('inside');
    expect(fw().send(udp(B4, A4)).observed.device).toBe('outside');
    expect(fw().send(udp('10.0.1.1', B4)).observed.device).toBe('');
    expect(fw().send(udp(A4, B4), { in: 'outside' }).observed.device).toBe('outside');
    expect(() => fw().send(udp(A4, B4), { in: 'eth7' })).toThrow('no device eth7 here: there are inside, outside');
  });

  test('words and octets do as well as builders', () => {
    expect(fw().send(`tcp ${A4} > ${B4} dport 443 syn`)).toBeAccepted('outside');
    expect(packet(`tcp ${A4} > ${B4} dport 443 syn`)).toEqual(tcp(A4, B4, { dport: 443 }));
    expect(fw().send(hex('45'))).toBeDropped('IPv4 header cut short');
  });

  test('the rules that it matched, and a reason where it was dropped', () => {
    const result = fw().send(tcp(B4, A4, { dport: 22 }));
    expect(result.reason).toBe('filter FORWARD policy');
    expect(result.rules).toEqual([]);
    const allowed = fw().send(tcp(A4, B4));
    expect(allowed.rules).toEqual([
      {
        table: 'filter',
        chain: 'FORWARD',
        number: 3,
        text: '-A FORWARD -i inside -m conntrack --ctstate NEW -j ACCEPT',
        file: 'v4',
        line: 7,
      },
    ]);
  });

  test('marks, owners and MAC addresses are what rules see', () => {
    const rules = filter(
      '-A FORWARD -m mark --mark 0x7 -j ACCEPT',
      '-A FORWARD -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT',
      '-A OUTPUT -m owner --uid-owner 33 -j DROP',
      '-A OUTPUT -m mark --mark 0x9 -j DROP',
    );
    const wall = firewall({ v4: rules });
    expect(wall.send(udp(A4, B4))).toBeDropped();
    expect(wall.send(udp(A4, B4), { mark: 7 })).toMatchRule('FORWARD 1');
    expect(wall.send(udp(A4, B4), { mac: '02:00:00:00:00:01' })).toMatchRule('FORWARD 2');
    expect(wall.send(udp('10.0.2.1', B4))).toBeAccepted();
    expect(wall.send(udp('10.0.2.1', B4), { local: true, owner: { uid: 33 } })).toBeDropped('filter OUTPUT rule 1');
    expect(wall.send(udp('10.0.2.1', B4), { local: true, mark: 9 })).toBeDropped('filter OUTPUT rule 2');
  });

  test('the mark that a packet leaves with', () => {
    const wall = firewall({
      v4: `*mangle\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n-A FORWARD -j MARK --set-mark 0x5\nCOMMIT\n`,
    });
    expect(wall.send(udp(A4, B4))).toBeRewrittenTo({ mark: 5, ttl: 63, dst: B4 });
  });

  test('answers of REJECT come as replies', () => {
    const wall = firewall({
      v6: filter('-A FORWARD -p tcp -j REJECT --reject-with tcp-reset', '-A FORWARD -j REJECT'),
    });
    const result = wall.send(tcp(A6, B6));
    expect(result).toBeRejectedWith('tcp-reset');
    expect(result.out).toEqual([]);
    expect(result.replies[0]).toMatchObject({ device: 'inside', src: B6, dst: A6, flags: 'R.' });
    expect(wall.send(udp(A6, B6))).toBeRejectedWith('port-unreach');
  });

  test('log lines of the packet, and of all', () => {
    const wall = firewall({ v4: filter('-A FORWARD -j LOG --log-prefix "fw: "') });
    const result = wall.send(udp(A4, B4));
    expect(result.logs).toHaveLength(1);
    expect(result.logs[0]).toContain('IN=inside OUT=outside');
    expect(result).toBeLoggedWith('fw: IN=');
    wall.send(udp(A4, B4));
    expect(wall.logs).toHaveLength(2);
  });

  test('translation shows in walk and trace', () => {
    const wall = firewall({
      v4: '*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.1.9:8080\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n',
    });
    const result = wall.send(tcp(B4, '10.0.2.1'));
    const said = [
      'destination is now 10.0.1.9.8080 (was 10.0.2.1.80)',
      'source is now 10.0.1.1.1024 (was 192.0.2.9.1024)',
    ];
    for (const what of said) {
      expect(result.walk).toContain(`  ${what}\n`);
      expect(traceText(result.trace, wall.printing)).toContain(`  ${what}\n`);
    }
  });

  test('a bridge passes on what rules let through, unchanged', () => {
    const wall = firewall({ v4: STATEFUL.replace('-i inside', '-i left'), mode: 'bridge', devices: ['left', 'right'] });
    const octets = tcp(A4, B4);
    expect(wall.send(octets).out[0]).toMatchObject({ device: 'right', bytes: octets });
    expect(wall.send(tcp(B4, A4), { in: 'right' })).toBeDropped();
  });

  test('other protocols', () => {
    const wall = fw();
    for (const octets of [
      sctp(A4, B4),
      gre(A6, B6),
      esp(A4, B4),
      ipProtocol(A6, B6, 99, 4),
      icmp(A4, B4),
      icmp6(A6, B6),
    ]) {
      expect(wall.send(octets)).toBeAccepted();
    }
    const odd = udp(A6, B6, { headers: [build.hopByHop(), build.destinationOptions()], tos: 0x20, ttl: 9 });
    expect(wall.send(odd)).toBeRewrittenTo({ ttl: 8, tos: 0x20, dscp: 8, dport: 53 });
  });

  test('builders refuse what cannot be', () => {
    expect(() => tcp(A4, B6)).toThrow('one address is IPv4, the other IPv6');
    expect(() => udp('localhost', B4)).toThrow('not an address: localhost');
    expect(() => icmp(A6, B6)).toThrow('icmp6()');
    expect(() => icmp6(A6, B6, { type: 'ping-me' })).toThrow('no ICMP type of IPv6 is called "ping-me"');
  });

  test('fragments wait for each other and leave as they came', () => {
    const wall = fw();
    for (const [src, dst] of [
      [A4, B4],
      [A6, B6],
    ]) {
      const pieces = fragments(udp(src, dst, { data: 100 }), 48);
      const outcomes = wall.sendAll(pieces);
      expect(outcomes.map(({ verdict }) => verdict)).toEqual(['held', 'held', 'accepted']);
      expect(outcomes[2].out).toHaveLength(3);
    }
  });
});

describe('flows', () => {
  const fw = () => firewall({ v4: STATEFUL, v6: STATEFUL });

  test.each([
    ['IPv4', A4, B4],
    ['IPv6', A6, B6],
  ])('a TCP connection of %s, from its handshake to its end', (_family, src, dst) => {
    const wall = fw();
    const flow = wall.flow(tcp(src, dst, { dport: 22 }));
    expect(flow.connect()).toHaveCtstate('ESTABLISHED');
    expect(wall.connections[0]).toMatchObject({ state: 'ESTABLISHED', flags: ['ASSURED'] });
    expect(flow.send(100)).toBeAccepted('outside');
    expect(flow.reply('hello')).toBeAccepted('inside');
    expect(flow.retransmit()).toHaveCtstate('ESTABLISHED');
    expect(flow.close()).toBeAccepted();
    expect(wall.connections[0].state).toBe('TIME_WAIT');
  });

  test('a reset ends it, a segment out of the window is INVALID', () => {
    const wall = fw();
    const flow = wall.flow(tcp(A4, B4));
    flow.connect();
    expect(flow.outOfWindow()).toBeDropped('filter FORWARD rule 1');
    expect(flow.outOfWindow('reply')).toHaveCtstate('INVALID');
    expect(flow.reset('reply')).toBeAccepted();
    expect(wall.connections[0].state).toBe('CLOSE');
  });

  test('the step that a rule stops is the one that is told', () => {
    const wall = firewall({ v4: filter('-A FORWARD -i inside -p tcp -j ACCEPT') });
    const result = wall.flow(tcp(A4, B4)).connect();
    expect(result).toBeDropped('filter FORWARD policy');
    expect(result.packet.flags).toBe('S.');
  });

  test('time passes only when it is told to', () => {
    const wall = fw();
    const flow = wall.flow(udp(A4, B4, { dport: 53 }));
    expect(flow.connect()).toHaveCtstate('ESTABLISHED');
    wall.advance('29s');
    expect(flow.reply(10)).toHaveCtstate('ESTABLISHED');
    wall.advance('2h');
    expect(wall.now).toBe(7_229_000);
    expect(wall.connections).toEqual([]);
    expect(flow.reply(10)).toBeDropped('policy');
    expect(() => wall.advance('a while')).toThrow('write 300ms, 90s');
  });

  test('a ping, its answer, and an error about a connection', () => {
    const wall = fw();
    expect(wall.flow(icmp6(A6, B6, { id: 5 })).connect()).toHaveCtstate('ESTABLISHED');
    const flow = wall.flow(tcp(A6, B6));
    flow.connect();
    const error = flow.error('packet-too-big', { mtu: 1280, from: '2001:db8:5::1' });
    expect(error).toHaveCtstate('RELATED');
    expect(error.out[0]).toMatchObject({ device: 'inside', type: 'packet-too-big', src: '2001:db8:5::1' });
    expect(wall.send(errorAbout(tcp(A6, '2001:db8::77'), 'port-unreachable'))).toHaveCtstate('INVALID');
  });

  test('the router answers for itself, its programs are played by the flow', () => {
    const rules = filter('-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT', '-A INPUT -p tcp -j DROP');
    const wall = firewall({ v4: rules });
    const ssh = wall.flow(tcp(A4, '10.0.1.1', { dport: 22 }));
    const connected = ssh.connect();
    expect(connected).toBeAccepted();
    expect(connected.delivered).toBe(true);
    expect(ssh.reply(1000).out[0]).toMatchObject({ device: 'inside', sport: 22, dst: A4 });
    expect(wall.send(icmp(A4, '10.0.1.1')).replies[0]).toMatchObject({ type: 'echo-reply', device: 'inside' });
  });

  test('mistakes of a test are told', () => {
    const wall = fw();
    expect(() => wall.flow(tcp(A4, B4)).reply()).toThrow('the far end has heard nothing yet');
    expect(() => wall.flow(tcp(A4, B4)).retransmit()).toThrow('nothing was sent yet');
    expect(() => wall.flow(udp(A4, B4)).close()).toThrow('a flow of udp has no');
    expect(() => wall.flow(sctp(A4, B4))).toThrow('no flows of sctp');
  });
});

describe('the firewall', () => {
  test('begins anew after reset(), and fresh() is another', () => {
    const wall = firewall({ v4: STATEFUL });
    wall.flow(tcp(A4, B4)).connect();
    wall.advance('1h');
    const other = wall.fresh();
    expect(other.connections).toEqual([]);
    expect(wall).toHaveHits('answers', 2);
    wall.reset();
    expect(wall.now).toBe(0);
    expect(wall.connections).toEqual([]);
    expect(wall).toHaveHits('answers', 0);
    expect(wall.send(tcp(A4, B4))).toHaveCtstate('NEW');
  });

  test('rules that cannot be read are told all at once', () => {
    const wrong = filter('-A FORWARD -p tcp --dprt 22 -j ACCEPT', '-A FORWARD -m ttll -j DROP');
    const make = () => firewall({ v4: { text: wrong, name: 'rules.v4' } });
    expect(make).toThrow(RulesError);
    expect(make).toThrow(/rules\.v4: .*\n?.*line: 5[\s\S]*rules\.v4: [\s\S]*6/);
    expect(() => firewall({ v6: 'no/such/file' })).toThrow('no such file');
  });

  test('rules come from files and texts, for one family or both', () => {
    const file = fileURLToPath(new URL('../../examples/border/rules.save', import.meta.url));
    for (const source of [file, { file }, new URL('../../examples/border/rules.save', import.meta.url)]) {
      const wall = firewall({ rules: source, mode: 'bridge' });
      expect(wall.send(tcp('10.77.0.2', '10.77.0.3', { dport: 25 }))).toMatchRule('rules.save:40');
    }
    expect(() => firewall({ rules: file, v4: STATEFUL })).toThrow('either');
  });

  test('devices may be given briefly', () => {
    const wall = firewall({
      v4: filter('-A FORWARD -i lan0 -o ppp0 -j ACCEPT'),
      devices: { lan0: ['192.168.7.1/24', '10.9.0.0/16 via 192.168.7.9'], ppp0: ['198.51.100.2/30', 'default'] },
    });
    expect(wall.send(udp('10.9.3.3', '8.8.8.8'))).toBeAccepted('ppp0');
    expect(() => firewall({ v4: STATEFUL, mode: 'bridge', devices: { one: [] } })).toThrow('a bridge has two devices');
  });

  test('the date is what -m time sees', () => {
    const rules = filter('-A FORWARD -m time --timestart 09:00 --timestop 17:00 -j ACCEPT');
    const wall = firewall({ v4: rules, date: '2026-03-02T08:59:00Z' });
    expect(wall.send(udp(A4, B4))).toBeDropped();
    expect(wall.advance('2m').send(udp(A4, B4))).toBeAccepted();
  });

  test("sysctls are the kernel's", () => {
    const loose = firewall({ v4: STATEFUL });
    const strict = firewall({ v4: STATEFUL, sysctls: { 'net.netfilter.nf_conntrack_tcp_loose': 0 } });
    const middle = tcp(A4, B4, { flags: 'A', ack: 1 });
    expect(loose.send(middle)).toHaveCtstate('NEW');
    expect(strict.send(middle)).toHaveCtstate('INVALID');
  });
});
