// What RFC 6092 asks of the rules of a home's filter, recommendation by recommendation; what it asks of the tracker is in docs/standards.md.

import { build, Coverage, errorAbout, esp, firewall, icmp6, ipProtocol, tcp, udp } from 'sekisho/testing';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import 'sekisho/vitest';

const devices = {
  home: { addresses: ['3fff:a::1/64', 'fe80::1/64'], routes: ['3fff:a::/48'] },
  up: { addresses: ['3fff:f::2/64', 'fe80::2/64'], routes: ['default'] },
};
const sysctls = { 'sekisho.profile': 'rfc6092' };
const fw = firewall({ v6: new URL('rules.v6', import.meta.url), devices, sysctls });
/** A router of ours does not forward multicast; a bridge does. */
const bridge = firewall({ mode: 'bridge', v6: new URL('rules.v6', import.meta.url), devices: ['home', 'up'], sysctls });
const coverage = new Coverage();
const [HOST, WORLD] = ['3fff:a::7', '3fff:b::80'];

beforeEach(() => {
  coverage.add(fw).add(bridge);
  fw.reset();
  bridge.reset();
});

const fromOutside = (packet: Uint8Array) => fw.send(packet, { in: 'up' });
const fromInside = (packet: Uint8Array) => fw.send(packet, { in: 'home' });

describe('addresses', () => {
  test('REC-1: no multicast sources', () => {
    for (const source of ['ff02::5', 'ff0e::5']) {
      expect(bridge.send(udp(source, HOST), { in: 'up' })).toMatchRule('REC-1: nobody speaks from there');
      expect(bridge.send(udp(source, WORLD), { in: 'home' })).toMatchRule('REC-1: nobody speaks from there');
      expect(fromInside(udp(source, WORLD))).not.toBeAccepted();
    }
  });

  test('REC-2: multicast stays within the organization, what is of all the world goes on', () => {
    const toGroup = (group: string) => bridge.send(udp(HOST, group), { in: 'home' });
    for (const scope of [1, 2, 3, 4, 5, 7])
      expect(toGroup(`ff0${scope}::5`)).toMatchRule('REC-2: scopes below that of the organization');
    expect(toGroup('ff08::5')).toMatchRule('REC-2: and its own');
    expect(toGroup('ff38::5')).toMatchRule('REC-2: and its own');
    expect(toGroup('ff0e::5')).toBeAccepted('up');
  });

  test.each([
    ['fec0::9', 'REC-3: site-local'],
    ['::9.9.9.9', 'REC-3: IPv4-compatible'],
    ['::ffff:9.9.9.9', 'REC-3: IPv4-mapped'],
    ['2001:db8::9', 'REC-3: documentation'],
    ['2001:10::9', 'REC-3: ORCHID'],
    ['fd00::9', 'REC-7: unique local'],
  ])('REC-3, REC-7: %s', (address, rule) => {
    expect(fromOutside(tcp(address, HOST))).toMatchRule(rule);
    expect(fromInside(tcp(HOST, address))).toMatchRule(rule);
  });

  test('REC-5, REC-6: our own addresses come from inside, and no others', () => {
    expect(fromInside(tcp(WORLD, '3fff:c::1'))).toMatchRule('REC-5: only our own addresses leave');
    expect(fromOutside(tcp('3fff:a::8', HOST))).toMatchRule('REC-6: our own addresses come from inside');
  });
});

test('REC-4: no routing header of type 0, for whatever is behind it', () => {
  const routed = (type: number) => ({ headers: [build.routing({ type, addresses: [HOST] })] });
  expect(fromOutside(tcp(WORLD, HOST, routed(0)))).toMatchRule('REC-4: source routes');
  expect(fromInside(udp(HOST, WORLD, routed(0)))).toMatchRule('REC-4: source routes');
  expect(fromInside(udp(HOST, WORLD, routed(2)))).toBeAccepted('up');
});

describe('the router itself', () => {
  const ROUTER = '3fff:f::2';

  test('REC-8, REC-9: names and addresses are served to the inside', () => {
    expect(fromOutside(udp(WORLD, ROUTER, { dport: 53 }))).toBeDropped();
    expect(fromOutside(udp('fe80::9', 'fe80::2', { dport: 547 }))).toBeDropped();
    expect(fromInside(udp(HOST, '3fff:a::1', { dport: 53 }))).toMatchRule('REC-50: served from the inside only');
  });

  test('what it asks itself is answered', () => {
    fw.send(udp(ROUTER, WORLD, { sport: 4_000 }));
    expect(fromOutside(udp(WORLD, ROUTER, { sport: 53, dport: 4_000 }))).toBeAccepted();
  });

  test('REC-50: nothing is served to the outside', () => {
    for (const dport of [22, 80, 443]) expect(fromOutside(tcp(WORLD, ROUTER, { dport }))).toBeDropped();
    expect(fromOutside(icmp6(WORLD, ROUTER))).toBeAccepted();
  });
});

test('REC-10: errors about what nobody sent', () => {
  const error = errorAbout(udp(HOST, WORLD), 'packet-too-big', { mtu: 1280 });
  expect(fromOutside(error)).toMatchRule('REC-10: about nothing that is known');
  fromInside(udp(HOST, WORLD));
  expect(fromOutside(error)).toBeAccepted('home');
});

describe('what must not be forbidden', () => {
  const ah = { headers: [build.ah()] };

  test.each([
    ['REC-21: AH', tcp(WORLD, HOST, ah)],
    ['REC-22: ESP', esp(WORLD, HOST)],
    ['REC-24: IKE', udp(WORLD, HOST, { sport: 500, dport: 500 })],
    ['REC-26: HIP', ipProtocol(WORLD, HOST, 139, 40)],
  ])('%s comes in unasked', (_, packet) => {
    expect(fromOutside(packet)).toBeAccepted('home');
  });

  test('REC-27: to a host abroad, by a type 2 routing header', () => {
    const home = build.destinationOptions({ options: [{ type: 201, data: 16 }] });
    fromInside(tcp(HOST, WORLD, { sport: 4_000, headers: [home] }));
    const answer = tcp(WORLD, HOST, {
      sport: 80,
      dport: 4_000,
      flags: 'SA',
      ack: 1,
      headers: [build.routing({ type: 2, addresses: ['3fff:d::1'] })],
    });
    expect(fromOutside(answer)).toBeAccepted('home');
  });
});

describe('who starts', () => {
  test('everything from inside, with its answers', () => {
    expect(fw.flow(tcp(HOST, WORLD, { dport: 443 })).connect()).toBeAccepted();
    expect(fw.flow(udp(HOST, WORLD)).connect()).toBeAccepted();
    expect(fw.flow(icmp6(HOST, WORLD)).connect()).toBeAccepted();
  });

  test('nothing from outside; both at once works', () => {
    expect(fromOutside(udp(WORLD, HOST))).toBeDropped('filter FORWARD policy');
    const theirs = tcp(WORLD, HOST, { sport: 80, dport: 4_000, seq: 700 });
    expect(fromOutside(theirs)).toBeDropped('filter FORWARD policy');
    expect(fromInside(tcp(HOST, WORLD, { sport: 4_000, dport: 80, seq: 100 }))).toBeAccepted('up');
    expect(fromOutside(theirs)).toBeAccepted('home');
  });
});

test('REC-49: no rules let everything through', () => {
  const transparent = firewall({ v6: '*filter\nCOMMIT\n', devices });
  expect(transparent.send(tcp(WORLD, HOST))).toBeAccepted('home');
  expect(transparent.send(udp(HOST, WORLD))).toBeAccepted('up');
});

afterAll(() => {
  expect(coverage.add(fw).add(bridge)).toReachEveryRule();
});
