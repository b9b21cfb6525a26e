// A web server's rules, tested with vitest: both families in one firewall, as on the machine.

import { build, Coverage, errorAbout, firewall, icmp, icmp6, tcp, udp } from 'sekisho/testing';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import 'sekisho/vitest';

const fw = firewall({
  v4: new URL('rules.v4', import.meta.url),
  v6: new URL('rules.v6', import.meta.url),
  devices: { eth0: ['192.0.2.10/24', '2001:db8:1::10/64', 'fe80::10/64', 'default'] },
});
const coverage = new Coverage();
const [SERVER4, SERVER6, VISITOR4, VISITOR6] = ['192.0.2.10', '2001:db8:1::10', '198.51.100.7', '2001:db8:77::7'];

beforeEach(() => {
  coverage.add(fw);
  fw.reset();
});

describe.each([
  ['IPv4', VISITOR4, SERVER4],
  ['IPv6', VISITOR6, SERVER6],
])('%s', (_family, visitor, server) => {
  test.each([80, 443])('visitors reach port %i', (dport) => {
    const visit = fw.flow(tcp(visitor, server, { dport }));
    expect(visit.connect()).toHaveCtstate('ESTABLISHED');
    expect(visit.send(400)).toBeAccepted();
    expect(visit.reply(1400)).toBeAccepted('eth0');
    expect(visit.close()).toBeAccepted();
  });

  test.each([21, 3306, 5432, 9100])('port %i is closed to them, and the attempt is logged', (dport) => {
    const attempt = fw.send(tcp(visitor, server, { dport }));
    expect(attempt).toBeDropped('filter INPUT policy');
    expect(attempt).toBeLoggedWith('[UFW BLOCK] IN=eth0');
  });

  test('the log is not flooded', () => {
    const attempts = Array.from({ length: 50 }, (_, index) => fw.send(udp(visitor, server, { dport: 1000 + index })));
    expect(attempts.filter(({ logs }) => logs.length > 0)).toHaveLength(10);
  });

  test('a segment of no connection is dropped', () => {
    expect(fw.send(tcp(visitor, server, { dport: 443, flags: 'SF' }))).toHaveCtstate('INVALID');
    expect(fw.send(tcp(visitor, server, { dport: 443, flags: 'SF' }))).toMatchRule('--ctstate INVALID');
  });

  test('programs of the server speak to each other', () => {
    const self = server === SERVER4 ? '127.0.0.1' : '::1';
    expect(fw.flow(tcp(self, self, { dport: 5432 })).open()).toMatchRule('-i lo -j ACCEPT');
  });
});

test('ssh of IPv4: three at once, six a minute, then refused', () => {
  const attempt = (sport: number) => fw.send(tcp(VISITOR4, SERVER4, { sport, dport: 22 }));
  for (const sport of [1, 2, 3]) expect(attempt(sport)).toBeAccepted();
  expect(attempt(4)).toBeRejectedWith('icmp-port-unreachable');
  expect(attempt(5)).not.toBeAccepted();
  fw.advance('10s');
  expect(attempt(6)).toMatchRule('ufw-user-limit-accept 1');
});

test('ssh of IPv6, from the office only', () => {
  expect(fw.send(tcp('2001:db8:40::5', SERVER6, { dport: 22 }))).toMatchRule('ssh from the office');
  expect(fw.send(tcp(VISITOR6, SERVER6, { dport: 22 }))).toBeDropped();
});

test('the monitor, and nobody else', () => {
  expect(fw.send(tcp('198.51.100.40', SERVER4, { dport: 9100 }))).toMatchRule('monitor');
  expect(fw.send(tcp('198.51.100.41', SERVER4, { dport: 9100 }))).toBeDropped();
});

test('what IPv6 needs on its link comes from the link alone', () => {
  for (const type of ['router-advertisement', 'neighbour-solicitation', 'neighbour-advertisement']) {
    expect(fw.send(icmp6('fe80::1', 'fe80::10', { type, ttl: 255 }), { in: 'eth0' })).toBeAccepted();
    expect(fw.send(icmp6(VISITOR6, SERVER6, { type, ttl: 254 }))).toBeDropped();
  }
});

test('pings, errors, broadcasts', () => {
  expect(fw.send(icmp(VISITOR4, SERVER4, { id: 1 }))).toBeAccepted();
  expect(fw.send(icmp6(VISITOR6, SERVER6)).replies[0]).toMatchObject({ type: 'echo-reply' });
  const tooBig = errorAbout(tcp(SERVER6, VISITOR6, { sport: 443 }), 'packet-too-big', { mtu: 1280 });
  expect(fw.send(tooBig)).toMatchRule('--icmpv6-type 2');
  for (const to of ['192.0.2.255', '224.0.0.1']) expect(fw.send(udp(VISITOR4, to, { dport: 137 }))).toBeDropped();
  const routed = tcp(VISITOR6, SERVER6, { dport: 443, headers: [build.routing({ type: 0 })] });
  expect(fw.send(routed)).toMatchRule('source routes');
});

afterAll(() => {
  expect(coverage.add(fw)).toReachEveryRule();
});
