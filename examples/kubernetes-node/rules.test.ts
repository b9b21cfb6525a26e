// A Kubernetes node's rules, tested with vitest: services, node ports, hairpins, and what a network policy keeps out.

import { Coverage, firewall, tcp, udp } from 'sekisho/testing';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import 'sekisho/vitest';

const fw = firewall({
  v4: new URL('rules.v4', import.meta.url),
  devices: {
    eth0: { addresses: ['192.0.2.20/24'], routes: ['10.244.0.0/16', 'default'] },
    cni0: ['10.244.1.1/24'],
  },
});
const coverage = new Coverage();
const [NODE, GATEWAY, POD, DNS, WEB, WEB_ELSEWHERE] = [
  '192.0.2.20',
  '10.244.1.1',
  '10.244.1.9',
  '10.244.1.2',
  '10.244.1.3',
  '10.244.2.3',
];
const SERVICE = { dns: '10.96.0.10', web: '10.96.7.7', metrics: '10.96.9.9' };
const WORLD = '198.51.100.7';

beforeEach(() => {
  coverage.add(fw);
  fw.reset();
});

describe('a service', () => {
  test('is one of its endpoints, and answers by its own address', () => {
    const ask = fw.flow(udp(POD, SERVICE.dns, { sport: 5000, dport: 53 }));
    expect(ask.open()).toBeRewrittenTo({ src: POD, dst: DNS, device: 'cni0' });
    expect(ask.reply(90)).toBeRewrittenTo({ src: SERVICE.dns, sport: 53, dst: POD });
  });

  test('gives each endpoint its turn', () => {
    const visits = [1, 2, 3, 4].map((sport) => fw.send(tcp(POD, SERVICE.web, { sport, dport: 80 })).out[0].dst);
    expect(visits).toEqual([WEB, WEB_ELSEWHERE, WEB, WEB_ELSEWHERE]);
  });

  test.each([
    ['dns', udp(DNS, SERVICE.dns, { dport: 53 }), DNS],
    ['web', tcp(WEB, SERVICE.web, { dport: 80 }), WEB],
  ])('%s asks itself by the node’s address, or the answer would not come back this way', (_name, packet, endpoint) => {
    expect(fw.send(packet)).toBeRewrittenTo({ src: GATEWAY, dst: endpoint, mark: 0 });
  });

  test('is there for the node, too', () => {
    expect(fw.send(udp(NODE, SERVICE.dns, { dport: 53 }))).toBeRewrittenTo({ src: GATEWAY, dst: DNS });
  });

  test('without endpoints refuses at once', () => {
    expect(fw.send(tcp(POD, SERVICE.metrics, { dport: 443 }))).toBeRejectedWith('icmp-port-unreachable');
    expect(fw.send(tcp(NODE, SERVICE.metrics, { dport: 443 }))).toMatchRule('metrics has no endpoints');
  });
});

test('a node port leads to the same endpoints, and answers come back by it', () => {
  const visit = fw.flow(tcp(WORLD, NODE, { sport: 50_000, dport: 30080 }));
  expect(visit.open()).toBeRewrittenTo({ src: GATEWAY, dst: WEB, dport: 8080 });
  expect(visit.connect()).toBeAccepted('cni0');
  expect(visit.reply(900)).toBeRewrittenTo({ src: NODE, sport: 30080, dst: WORLD });
});

test('pods go out as the node, and to each other as themselves', () => {
  expect(fw.send(tcp(POD, WORLD, { dport: 443 }))).toBeRewrittenTo({ src: NODE, device: 'eth0' });
  expect(fw.send(tcp(POD, '10.244.2.9'))).toBeRewrittenTo({ src: POD, device: 'eth0' });
  const ask = fw.flow(udp(POD, WORLD, { dport: 123 }));
  ask.open();
  expect(ask.error('port-unreachable')).toHaveCtstate('RELATED');
  expect(fw.send(tcp(POD, WORLD, { flags: 'SF' }))).toMatchRule('--ctstate INVALID');
});

test('the network policy: pods may call web, and nobody else', () => {
  expect(fw.send(tcp(POD, WEB, { dport: 8080 }))).toBeAccepted('cni0');
  expect(fw.send(tcp(POD, WEB, { dport: 22 }))).toBeRejectedWith('icmp-admin-prohibited');
  expect(fw.send(tcp(WORLD, WEB, { dport: 8080 }))).toBeRejectedWith('icmp-admin-prohibited');
  expect(fw.send(tcp(WORLD, POD))).toBeDropped('filter FORWARD policy');
});

test('the node itself', () => {
  expect(fw.send(tcp('192.0.2.5', NODE, { dport: 10250 }))).toBeAccepted();
  expect(fw.send(tcp('192.0.2.6', NODE, { dport: 10250 }))).toBeDropped('filter INPUT policy');
  expect(fw.send(tcp('127.0.0.1', '127.0.0.1', { dport: 10248 }))).toMatchRule('INPUT 1');
  expect(fw.send(udp(NODE, '127.0.0.1'), { local: true })).toMatchRule('block incoming localnet connections');
  const time = fw.flow(udp(NODE, WORLD, { dport: 123 }));
  expect(time.connect()).toMatchRule('answers to the node');
  expect(time.error('port-unreachable')).toHaveCtstate('RELATED');
});

afterAll(() => {
  expect(coverage.add(fw)).toCover({ rules: 100, policies: 100, states: 100 });
});
