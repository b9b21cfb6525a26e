// CLUSTERIP between nodes that see the same packets. Kernels have no CLUSTERIP any more (6.3 dropped it), so the rows are from its source.

import { expect, test } from 'vitest';
import { firewall, icmp, tcp, udp } from '../../testing/index.ts';

const NODES = [1, 2, 3];
const cluster = (node: number, mode = 'sourceip') =>
  `-j CLUSTERIP --new --hashmode ${mode} --clustermac 01:00:5e:00:00:20 --total-nodes ${NODES.length} --local-node ${node}`;
const rules = (...lines: readonly string[]): string =>
  `*filter\n${lines.map((line) => `-A INPUT ${line}\n`).join('')}-A INPUT -j ACCEPT\nCOMMIT\n`;
const AT = '-d 10.0.1.1/32 -i inside';

const node = (number: number, mode?: string) => firewall({ v4: rules(`${AT} ${cluster(number, mode)}`) });
const taken = (nodes: readonly ReturnType<typeof node>[], packet: Uint8Array): number[] =>
  NODES.filter((_number, index) => nodes[index].send(packet).verdict === 'accepted');

test('each connection is taken by one node, and every node gets some', () => {
  for (const mode of ['sourceip', 'sourceip-sourceport', 'sourceip-sourceport-destport']) {
    const nodes = NODES.map((number) => node(number, mode));
    const takers = Array.from({ length: 60 }, (_one, index) =>
      taken(nodes, udp(`10.0.1.${index + 2}`, '10.0.1.1', { sport: 1_000 + index, dport: 53 })),
    );
    expect(takers.every((one) => one.length === 1)).toBe(true);
    expect(new Set(takers.flat())).toEqual(new Set(NODES));
  }
});

test('the mode says what counts', () => {
  const portsTo = (mode: string, change: (index: number) => { sport: number; dport: number }) => {
    const nodes = NODES.map((number) => node(number, mode));
    return new Set(
      Array.from({ length: 30 }, (_one, index) => taken(nodes, udp('10.0.1.2', '10.0.1.1', change(index)))[0]),
    ).size;
  };
  const sources = (index: number) => ({ sport: 1_000 + index, dport: 53 });
  const destinations = (index: number) => ({ sport: 1_000, dport: 1_000 + index });
  expect(portsTo('sourceip', sources)).toBe(1);
  expect(portsTo('sourceip-sourceport', sources)).toBe(NODES.length);
  expect(portsTo('sourceip-sourceport', destinations)).toBe(1);
  expect(portsTo('sourceip-sourceport-destport', destinations)).toBe(NODES.length);
});

test('the node is the mark of a new connection; errors about a connection pass', () => {
  const nodes = NODES.map((number) => node(number));
  const first = tcp('10.0.1.2', '10.0.1.1', { sport: 1_000, dport: 80, flags: 'S' });
  const [taker] = taken(nodes, first);
  expect(nodes[taker - 1].connections[0].mark).toBe(taker);
  const answer = tcp('10.0.1.1', '10.0.1.2', { sport: 80, dport: 1_000, flags: 'SA' });
  const error = icmp('10.0.1.9', '10.0.1.1', { type: 3, code: 1, data: answer });
  const wall = nodes[taker - 1];
  wall.send(answer, { local: true });
  expect(wall.send(error).verdict).toBe('accepted');
});

test('a rule without options belongs to the cluster of its address', () => {
  const wall = firewall({ v4: rules(`${AT} -p tcp ${cluster(1)}`, `${AT} -p udp -j CLUSTERIP`) });
  const verdicts = Array.from({ length: 30 }, (_one, index) => [
    wall.send(tcp(`10.0.1.${index + 2}`, '10.0.1.1', { dport: 80, flags: 'S' })).verdict,
    wall.send(udp(`10.0.1.${index + 2}`, '10.0.1.1', { dport: 53 })).verdict,
  ]);
  for (const [ofTcp, ofUdp] of verdicts) expect(ofUdp).toBe(ofTcp);
});

test.each([
  ['-i inside', 'Please specify destination IP'],
  ['-d 10.0.1.0/24 -i inside', 'Please specify destination IP'],
  ['-d 10.0.1.1/32', 'Please specify an interface name'],
])('%s is refused', (frame, reason) => {
  expect(() => firewall({ v4: rules(`${frame} ${cluster(1)}`) })).toThrow(reason);
});

test('a cluster is made once for its address', () => {
  expect(() => firewall({ v4: rules(`${AT} -j CLUSTERIP`) })).toThrow("without '--new'");
  const other = cluster(2).replace('5e:00:00:20', '5e:00:00:21');
  expect(() => firewall({ v4: rules(`${AT} ${cluster(1)}`, `${AT} ${other}`) })).toThrow('another MAC address');
});
