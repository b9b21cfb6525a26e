// What the matchers and the assert functions say, both ways round.

import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import '../../testing/vitest.ts';
import * as assert from '../../testing/assert.ts';
import { Coverage, firewall, icmp, tcp, udp } from '../../testing/index.ts';

const RULES = `*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1200
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "answers" -j ACCEPT
-A FORWARD -i inside -p tcp -j web
-A FORWARD -p icmp -j REJECT --reject-with icmp-admin-prohibited
-A FORWARD -p udp -m udp --dport 53 -j LOG --log-prefix "dns: "
-A web -p tcp -m tcp --dport 443 -j ACCEPT
-A web -p tcp -m tcp --dport 23 -j REJECT --reject-with tcp-reset
COMMIT
`;
const [A, B] = ['10.0.1.2', '192.0.2.9'];
const wall = () => firewall({ v4: { text: RULES, name: 'border.v4' } });

describe('every claim holds where it should, and says what is wrong where it does not', () => {
  const fw = wall();
  const https = fw.send(tcp(A, B, { dport: 443, options: { mss: 1460 } }));
  const telnet = fw.send(tcp(A, B, { dport: 23 }));
  const ping = fw.send(icmp(A, B));
  const dns = fw.send(udp(A, B, { dport: 53 }));
  const ours = fw.send(tcp(A, '10.0.1.1', { dport: 22 }));

  const rows: [name: string, holds: () => void, fails: () => void, says: string][] = [
    [
      'accepted',
      () => assert.assertAccepted(https),
      () => assert.assertAccepted(dns),
      'to be accepted, but it was dropped: filter FORWARD policy',
    ],
    [
      'accepted by',
      () => assert.assertAccepted(https, 'outside'),
      () => assert.assertAccepted(https, 'inside'),
      'to leave by inside, but it left by outside',
    ],
    [
      'delivered',
      () => assert.assertDelivered(ours),
      () => assert.assertDelivered(https),
      'to be delivered to the router itself, but it left by outside',
    ],
    [
      'dropped',
      () => assert.assertDropped(dns),
      () => assert.assertDropped(https),
      'to be dropped, but it was accepted by filter web rule 1: it left by outside',
    ],
    [
      'dropped is not rejected',
      () => assert.assertDropped(dns, 'policy'),
      () => assert.assertDropped(telnet),
      'to be dropped, but it was rejected: filter web rule 2',
    ],
    [
      'dropped by',
      () => assert.assertDropped(dns, 'FORWARD policy'),
      () => assert.assertDropped(dns, 'rule 9'),
      'a drop by "rule 9", but it was by: filter FORWARD policy',
    ],
    [
      'rejected with',
      () => assert.assertRejectedWith(telnet, 'tcp-reset'),
      () => assert.assertRejectedWith(telnet, 'port-unreach'),
      'rejected with icmp-port-unreachable, but it was rejected by filter web rule 2 and answered with tcp-reset',
    ],
    [
      'rejected',
      () => assert.assertRejectedWith(ping, 'admin-prohib'),
      () => assert.assertRejectedWith(dns),
      'to be rejected, but it was dropped: filter FORWARD policy',
    ],
    [
      'rewritten',
      () => assert.assertRewrittenTo(https, { mss: 1200, ttl: 63, device: 'outside' }),
      () => assert.assertRewrittenTo(https, { mss: 1460, dst: B }),
      'to come out with mss 1460, but it has mss 1200',
    ],
    [
      'logged',
      () => assert.assertLoggedWith(dns, 'dns: '),
      () => assert.assertLoggedWith(dns, 'web: '),
      'to be logged with "web: ", but what was logged is:\n    dns: IN=inside',
    ],
    [
      'not logged',
      () => expect(https).not.toBeLoggedWith(),
      () => assert.assertLoggedWith(https),
      'to be logged, but nothing was',
    ],
    [
      'ctstate',
      () => assert.assertCtstate(https, 'NEW'),
      () => assert.assertCtstate(https, 'ESTABLISHED'),
      'ctstate ESTABLISHED, but it is NEW',
    ],
    [
      'rule by its comment',
      () => assert.assertHits(fw, 'answers', 0),
      () => assert.assertMatchesRule(https, 'answers'),
      '-m conntrack says no: it sees ctstate NEW',
    ],
    [
      'rule by its place',
      () => assert.assertMatchesRule(https, 'web 1'),
      () => assert.assertMatchesRule(https, 'filter web 2'),
      'it was accepted by filter web rule 1: it left by outside, without coming to it',
    ],
    [
      'rule by its line',
      () => assert.assertMatchesRule(https, 'border.v4:18'),
      () => assert.assertMatchesRule(dns, 'border.v4:18'),
      'was dropped: filter FORWARD policy',
    ],
    [
      'rule by its text',
      () => assert.assertMatchesRule(https, '--dport 443'),
      () => assert.assertMatchesRule(https, '--dport 444'),
      'no rule is called "--dport 444"',
    ],
    [
      'hits',
      () => assert.assertHits(fw, 'web 2', 1),
      () => assert.assertHits(fw, 'web 2', 3),
      'expected "web 2" to have counted 3, but it counted 1',
    ],
  ];

  test.each(rows)('%s', (_name, holds, fails, says) => {
    holds();
    expect(fails).toThrow(says);
  });

  test('a failure is an AssertionError that shows the walk, and begins where the test calls', () => {
    try {
      assert.assertAccepted(dns);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(AssertionError);
      const { message, stack } = error as AssertionError;
      expect(message).toContain(
        '    no   -A FORWARD -i inside -p tcp -j web   [border.v4:15]\n         -p says no: it sees protocol 17\n',
      );
      expect(message).toContain('Nearest rule that would accept it:');
      expect(stack?.split('\n').find((line) => line.startsWith('    at '))).toContain('claims.test.ts');
    }
  });

  test('matchers say the same, and turn round with .not', () => {
    expect(https).toBeAccepted('outside');
    expect(https).not.toBeDropped();
    expect(ours).toBeDelivered();
    expect(() => expect(ours).not.toBeDelivered()).toThrow('not to be delivered to the router itself, but it was');
    expect(dns).not.toMatchRule('answers');
    expect(fw).not.toReachEveryRule();
    expect(() => expect(https).not.toBeAccepted()).toThrow(
      'not to be accepted, but it was accepted by filter web rule 1',
    );
    expect(() => expect(telnet).not.toBeRejectedWith('tcp-reset')).toThrow('not to be rejected, but it was');
    expect(() => expect(https).not.toMatchRule('web 1')).toThrow('not to match');
  });

  test('of rules that lack as many conditions, the one that was held longer against the packet is nearer', () => {
    const rules = (...lines: string[]): string => `*filter\n:FORWARD DROP [0:0]\n${lines.join('\n')}\nCOMMIT\n`;
    const [far, near] = [
      '-A FORWARD -p tcp -m tcp --dport 81 -m mark --mark 0x0 -j ACCEPT',
      '-A FORWARD -p tcp -m tcp --dport 80 -m mark --mark 0x1 -j ACCEPT',
    ];
    for (const v4 of [rules(far, near), rules(near, far)]) {
      const outcome = firewall({ v4 }).send(tcp(A, B, { dport: 80 }));
      expect(() => assert.assertAccepted(outcome)).toThrow(`Nearest rule that would accept it:\n    ${near}`);
    }
  });

  test('a group that the router of tests is no member of', () => {
    const inside = firewall({ v6: RULES.replaceAll(/^.*(icmp|TCPMSS).*\n/gm, '') });
    const asked = inside.send('icmp6 fe80::2 > ff02::1:ff00:1 neighbour-solicitation target fe80::1', { in: 'inside' });
    expect(() => assert.assertDelivered(asked)).toThrow(
      /Note: the router of tests is a member of no group but ff02::1/,
    );
  });

  test('console.log() shows a line', () => {
    expect(inspect(https)).toBe(
      `Outcome { IP ${A}.1024 > ${B}.443: Flags [S], seq 0, win 65535, options [mss 1460], length 0, in by inside: accepted, ` +
        `to outside: IP ${A}.1024 > ${B}.443: Flags [S], seq 0, win 65535, options [mss 1200], length 0 }`,
    );
    expect(inspect(dns)).toContain('dropped, filter FORWARD policy }');
    expect(inspect(wall())).toBe(
      'TestFirewall { router of inside, outside; rules: border.v4; 0 connections; at 0 ms }',
    );
  });

  test('said of the wrong thing', () => {
    expect(() => expect(fw).toBeAccepted()).toThrow('what fw.send() or a step of a flow returned');
    expect(() => expect(https).toReachEveryRule()).toThrow('this is said of a firewall');
    expect(() => expect(telnet).toBeRejectedWith('go-away')).toThrow(
      '"go-away" is no type of REJECT: tcp-reset, icmp-net',
    );
    expect(() => expect(https).toMatchRule('anwsers')).toThrow('no rule is called "anwsers"; did you mean "answers"?');
  });
});

describe('coverage', () => {
  test('names what no packet matched, until one does', () => {
    const fw = wall();
    fw.flow(tcp(A, B, { dport: 443 })).connect();
    fw.send(icmp(A, B));
    fw.send(udp(A, B, { dport: 53 }));
    expect(() => expect(fw).toReachEveryRule()).toThrow(
      'no packet matched 1 of 7:\n\n    filter  -A web -p tcp -m tcp --dport 23 -j REJECT --reject-with tcp-reset   [border.v4:19]\n',
    );
    const other = fw.fresh();
    other.send(tcp(A, B, { dport: 23 }));
    expect([fw, other]).toReachEveryRule();
    assert.assertReachesEveryRule(new Coverage().add(fw).add(other));
  });

  test('as a table and as lcov', () => {
    const fw = wall();
    fw.send(tcp(A, B, { dport: 443 }));
    const coverage = new Coverage().add(fw);
    expect(coverage.percent).toBeCloseTo(100 * (3 / 7));
    expect(coverage.toText()).toContain(
      '!       0  -A FORWARD -p icmp -j REJECT --reject-with icmp-admin-prohibited  border.v4:16\n',
    );
    expect(coverage.toText()).toContain('        1  -A web -p tcp -m tcp --dport 443 -j ACCEPT  border.v4:18\n');
    expect(coverage.toText()).toContain('        0  -P FORWARD DROP  border.v4:11\n');
    expect(coverage.toText()).toMatch(/3 of 7 rules reached \(42\.9 %\)\n$/);
    const lcov = coverage.toLcov();
    expect(lcov).toMatch(/^TN:\nSF:border\.v4\n/);
    expect(lcov).toContain('\nDA:2,1\n');
    expect(lcov).toContain('DA:18,1\nDA:19,0\nLF:15\nLH:');
  });
});
