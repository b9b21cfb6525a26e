// The border of an IPv6 site after RFC 4890, tested with vitest. Section numbers are of that document.

import { build, Coverage, errorAbout, esp, firewall, fragments, icmp6, tcp, udp } from 'sekisho/testing';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import 'sekisho/vitest';

const fw = firewall({
  v6: new URL('rules.v6', import.meta.url),
  devices: {
    site: { addresses: ['2001:db8:a::1/64', 'fe80::1/64'], routes: ['2001:db8:a::/48'] },
    up: ['2001:db8:ff::2/64', 'fe80::2/64', 'default'],
  },
});
const coverage = new Coverage();
const [HOST, WEB, MAIL, WORLD] = ['2001:db8:a::7', '2001:db8:a:80::1', '2001:db8:a::25', '2001:db8:77::80'];

beforeEach(() => {
  coverage.add(fw);
  fw.reset();
});

describe('4.3.1: traffic that must not be dropped', () => {
  test.each(['no-route', 'packet-too-big', 'ttl-zero-during-transit', 'unknown-header-type', 'unknown-option'])(
    '%s about a connection reaches its host',
    (type) => {
      const flow = fw.flow(tcp(HOST, WORLD, { dport: 443 }));
      flow.connect();
      const error = flow.error(type, { from: '2001:db8:5::1' });
      expect(error).toHaveCtstate('RELATED');
      expect(error).toBeRewrittenTo({ device: 'site', type });
    },
  );

  test('pings go both ways', () => {
    expect(fw.flow(icmp6(HOST, WORLD, { id: 1 })).connect()).toBeAccepted('site');
    expect(fw.flow(icmp6(WORLD, HOST, { id: 2 })).connect()).toBeAccepted('up');
  });
});

describe('4.3: what may not pass', () => {
  test('errors about connections that nobody has', () => {
    expect(fw.send(errorAbout(tcp(HOST, WORLD), 'packet-too-big', { mtu: 1280 }))).toMatchRule(
      'about nothing that is known',
    );
  });

  test('neighbour discovery belongs to its link', () => {
    for (const type of ['router-advertisement', 'neighbour-solicitation', 'neighbour-advertisement']) {
      expect(fw.send(icmp6(WORLD, HOST, { type, ttl: 255 }))).toBeDropped('filter icmp-transit rule 5');
    }
  });

  test('echo replies that nobody asked for', () => {
    expect(fw.send(icmp6(WORLD, HOST, { type: 'echo-reply' }))).toBeDropped();
  });

  test('a flood of pings', () => {
    const pings = Array.from({ length: 25 }, (_, id) => fw.send(icmp6(WORLD, HOST, { id })));
    expect(pings.filter(({ verdict }) => verdict === 'accepted')).toHaveLength(20);
  });
});

describe('services', () => {
  test('web and mail are open, the rest is refused', () => {
    expect(fw.flow(tcp(WORLD, WEB, { dport: 443 })).connect()).toBeAccepted('site');
    expect(fw.send(tcp(WORLD, MAIL, { dport: 25 }))).toMatchRule('mail');
    expect(fw.send(tcp(WORLD, HOST, { dport: 25 }))).toBeRejectedWith('tcp-reset');
    expect(fw.send(udp(WORLD, HOST, { dport: 53 }))).toBeDropped('filter FORWARD policy');
    expect(fw.send(esp(WORLD, HOST))).toBeAccepted('site');
    expect(fw.send(tcp(WORLD, WEB, { dport: 443, flags: 'SF' }))).toBeDropped();
  });

  test('fragments pass as what they make together, in any order', () => {
    const pieces = fragments(tcp(WORLD, WEB, { dport: 443, data: 64 }), 32);
    const last = fw.sendAll(pieces.toReversed()).at(-1)!;
    expect(last).toMatchRule('web');
    expect(last.out.map(({ length }) => length)).toEqual(pieces.map(({ length }) => length));
  });

  test('an idle connection is forgotten after five days', () => {
    const flow = fw.flow(tcp(HOST, WORLD, { dport: 22 }));
    flow.connect();
    fw.advance('4d');
    expect(flow.reply(10)).toHaveCtstate('ESTABLISHED');
    fw.advance('6d');
    expect(flow.reply(10)).toBeRejectedWith('tcp-reset');
  });
});

test('sources are what they can be', () => {
  expect(fw.send(tcp(HOST, WEB, { dport: 443 }), { in: 'up' })).toMatchRule('our own addresses come from inside');
  expect(fw.send(udp(WORLD, '2001:db8:66::1'), { in: 'site' })).toMatchRule('only our own addresses leave');
  expect(fw.send(tcp('fd12::1', WEB), { in: 'up' })).toMatchRule('unique local addresses stay at home');
  const routed = tcp(WORLD, WEB, { headers: [build.routing({ type: 0 })] });
  expect(fw.send(routed)).toMatchRule('RFC 5095: source routes');
});

test('the router itself', () => {
  expect(fw.flow(tcp(HOST, '2001:db8:a::1', { dport: 22 })).connect()).toBeAccepted();
  const ssh = fw.flow(tcp(HOST, '2001:db8:a::1', { dport: 22, sport: 4 }));
  ssh.connect();
  expect(ssh.send(10)).toHaveCtstate('ESTABLISHED');
  expect(fw.send(tcp(WORLD, '2001:db8:ff::2', { dport: 22 }))).toBeDropped('filter INPUT policy');
  expect(fw.send(icmp6(WORLD, '2001:db8:ff::2')).replies[0]).toMatchObject({ type: 'echo-reply', device: 'up' });
  for (const type of [
    'router-solicitation',
    'router-advertisement',
    'neighbour-solicitation',
    'neighbour-advertisement',
  ]) {
    expect(fw.send(icmp6('fe80::9', 'fe80::2', { type, ttl: 255 }), { in: 'up' })).toBeAccepted();
    expect(fw.send(icmp6('fe80::9', 'fe80::2', { type, ttl: 64 }), { in: 'up' })).toBeDropped();
  }
  expect(fw.send(icmp6('fe80::9', 'fe80::1', { type: 'mld-listener-query' }), { in: 'site' })).toBeAccepted();
});

afterAll(() => {
  expect(coverage.add(fw)).toReachEveryRule();
});
