// What explanations ask of the engine: the conditions of a rule one by one, a packet followed through the loopback device, and ports
// behind which somebody else plays the programs.

import { expect, test } from 'vitest';
import { ip4, tcp, udp } from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';
import { filter, firewallOf, ROUTER } from './firewall-of.ts';

test('every condition of a rule is asked, the first refusal or not; those with state are not', () => {
  const wall = firewallOf(ROUTER);
  wall.load(
    4,
    filter(
      '-A FORWARD -s 10.9.0.0/16 -i tunA -p tcp -m tcp --dport 22 -m limit --limit 1/hour --limit-burst 1 -j ACCEPT',
    ),
  );
  const { firewall } = wall;
  const [rule] = firewall.chains(4, 'filter')!.find(({ spec }) => spec.name === 'FORWARD')!.spec.rules;
  const pkt = Packet.of(ip4({}, tcp({ dport: 80 })));
  pkt.inDevice = 'tunA';
  const asked = firewall.conditions(pkt, 'filter', rule);
  expect(
    asked.map(({ condition, holds }) => [typeof condition === 'string' ? condition : condition.name, holds]),
  ).toEqual([
    ['source', false],
    ['in-interface', true],
    ['protocol', true],
    ['tcp', false],
    ['limit', undefined],
  ]);
  expect(asked[0].saw).toBe('10.0.1.2');
  const other = firewallOf(ROUTER);
  other.load(4, filter('-A FORWARD -j ACCEPT'));
  expect(() => other.firewall.conditions(pkt, 'filter', rule)).toThrow('not an installed rule of table filter');
});

test('asking drops no packet, though a match would', () => {
  const wall = firewallOf(ROUTER);
  wall.load(4, filter('-A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT'));
  const [rule] = wall.firewall.chains(4, 'filter')!.find(({ spec }) => spec.name === 'FORWARD')!.spec.rules;
  const pkt = Packet.of(ip4({ truncate: 24, totalLength: 24 }, tcp()));
  expect(wall.firewall.conditions(pkt, 'filter', rule).at(-1)!.holds).toBe(false);
  expect(pkt).toMatchObject({ hotDropped: false, reason: '' });
});

test('a packet to ourselves is one packet from OUTPUT to INPUT', () => {
  const wall = firewallOf(ROUTER);
  wall.load(4, filter('-A INPUT -i lo -j ACCEPT'));
  const trace = wall.firewall.trace(ip4({ src: '127.0.0.1', dst: '127.0.0.1' }, udp()));
  expect(trace.fate).toBe('delivered');
  const hooks = trace.steps.flatMap((step) => (step.kind === 'hook' && step.packet === 0 ? [step.hook] : []));
  expect(hooks).toEqual(['OUTPUT', 'POSTROUTING', 'PREROUTING', 'INPUT']);
});

test('behind open ports nobody answers', () => {
  const [open, closed] = [true, false].map((openPorts) => firewallOf(ROUTER, { openPorts }));
  for (const octets of [ip4({ dst: '10.0.1.1' }, tcp({ flags: 'S' })), ip4({ dst: '10.0.1.1' }, udp())]) {
    expect(closed.receive('tunA', octets)).toHaveLength(1);
    expect(open.receive('tunA', octets)).toEqual([]);
  }
});
