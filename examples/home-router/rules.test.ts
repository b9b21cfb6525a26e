// The home router's rules, tested with vitest. The same as test.yaml, and what a table cannot say as well.

import { Coverage, firewall, icmp, tcp, udp } from 'sekisho/testing';
import { afterAll, beforeEach, expect, test } from 'vitest';
import 'sekisho/vitest';

const fw = firewall({
  v4: new URL('rules.v4', import.meta.url),
  devices: {
    lan0: ['192.168.1.1/24'],
    ppp0: { addresses: ['203.0.113.7/32'], routes: ['default'], mtu: 1492 },
  },
});
const coverage = new Coverage();
const [LAPTOP, SERVER, ROUTER, WORLD] = ['192.168.1.30', '192.168.1.20', '203.0.113.7', '198.51.100.9'];

beforeEach(() => {
  coverage.add(fw);
  fw.reset();
});

test('everybody at home goes out by one address, and the answers find back', () => {
  const flow = fw.flow(tcp(LAPTOP, WORLD, { sport: 40_000, dport: 443, options: { mss: 1460 } }));
  expect(flow.open()).toBeRewrittenTo({ src: ROUTER, device: 'ppp0', mss: 1452 });
  expect(flow.connect()).toBeAccepted('ppp0');
  expect(flow.reply(1400)).toBeRewrittenTo({ dst: LAPTOP, dport: 40_000, device: 'lan0' });
  expect(flow.close()).toBeAccepted();
});

test('two laptops with the same source port get different ones', () => {
  const [one, two] = [LAPTOP, '192.168.1.31'].map((src) => fw.send(udp(src, WORLD, { sport: 5000, dport: 53 })).out[0]);
  expect(one).toMatchObject({ src: ROUTER, sport: 5000 });
  expect(two.src).toBe(ROUTER);
  expect(two.sport).not.toBe(5000);
});

test('a forgotten answer does not come in after the connection is gone', () => {
  const flow = fw.flow(udp(LAPTOP, WORLD, { dport: 123 }));
  expect(flow.connect()).toHaveCtstate('ESTABLISHED');
  fw.advance('10m');
  expect(flow.reply(48)).toBeDropped('filter INPUT policy');
});

test('the server is reached from outside, by its port only', () => {
  const visit = fw.flow(tcp(WORLD, ROUTER, { dport: 443 }));
  expect(visit.open()).toBeRewrittenTo({ dst: SERVER, dport: 8443, device: 'lan0' });
  expect(visit.connect()).toMatchRule('answers');
  expect(visit.reply(5000)).toBeRewrittenTo({ src: ROUTER, sport: 443 });
  expect(visit.outOfWindow('reply')).toMatchRule('stray');
  // INVALID packets are not translated: this one is for the router itself.
  expect(visit.outOfWindow()).toBeDropped('filter INPUT policy');
  expect(fw.send(tcp(WORLD, SERVER, { dport: 8443 }))).toBeDropped('filter FORWARD policy');
  expect(fw.send(tcp(WORLD, ROUTER, { dport: 8443 }))).toBeDropped('filter INPUT policy');
});

test('spoofed and infected machines do not get out', () => {
  expect(fw.send(udp('10.9.9.9', WORLD), { in: 'lan0' })).toMatchRule('spoofed');
  expect(fw.send(tcp(LAPTOP, WORLD, { dport: 25 }))).toBeRejectedWith('tcp-reset');
});

test('the router serves the family, and answers a few pings', () => {
  expect(fw.send(udp(LAPTOP, '192.168.1.1', { dport: 53 }))).toBeAccepted();
  const ssh = fw.flow(tcp(LAPTOP, '192.168.1.1', { dport: 22 }));
  expect(ssh.connect()).toMatchRule('answers to the router');
  expect(fw.send(tcp('127.0.0.1', '127.0.0.1', { dport: 22 }))).toBeAccepted();
  expect(fw.send(tcp(WORLD, ROUTER, { dport: 22 }))).toBeDropped();
  for (let id = 1; id <= 5; id++) expect(fw.send(icmp(WORLD, ROUTER, { id }))).toBeAccepted();
  expect(fw.send(icmp(WORLD, ROUTER, { id: 6 }))).toBeDropped();
  fw.advance('1s');
  expect(fw.send(icmp(WORLD, ROUTER, { id: 7 }))).toMatchRule('ping');
});

afterAll(() => {
  expect(coverage.add(fw)).toReachEveryRule();
});
