// What a limit of connections makes of those that survived a restart: of assured ones it counts the first, as the kernel does after a reload.

import { expect, test } from 'vitest';
import { restoreSnapshot, Snapshot } from '../../conntrack/snapshot/snapshot.ts';
import { ip4, tcp } from '../../packet/build.ts';
import { concat } from '../../packet/bytes.ts';
import { firewallOf, ROUTER, type TestFirewall } from './firewall-of.ts';

const [CLIENT, SERVER] = ['10.0.1.2', '10.0.2.2'];
const WALL = 1_800_000_000_000;

type Segment = [flags: string, seq: number, ack?: number];
const there = (sport: number, [flags, seq, ack]: Segment) =>
  ip4({ src: CLIENT, dst: SERVER }, tcp({ sport, dport: 80, flags, seq, ack }));
const back = (dport: number, [flags, seq, ack]: Segment) =>
  ip4({ src: SERVER, dst: CLIENT }, tcp({ sport: 80, dport, flags, seq, ack }));

const passes = (router: TestFirewall, octets: Uint8Array, now: number): boolean =>
  router.receive('tunA', octets, now).length === 1;

/** Two connections of a client that may have two, and the firewall that reads the snapshot of the one that they were opened through. */
function afterRestart(rule: string): TestFirewall {
  const rules = `*filter\n-A FORWARD -i tunA -p tcp ${rule} -j DROP\nCOMMIT\n`;
  const [before, after] = [firewallOf(ROUTER), firewallOf(ROUTER)];
  for (const one of [before, after]) one.load(4, rules);
  for (const port of [1_000, 1_001]) {
    expect(passes(before, there(port, ['S', 100]), 1_000)).toBe(true);
    before.receive('tunB', back(port, ['SA', 500, 101]), 1_010);
    expect(passes(before, there(port, ['A', 101, 501]), 1_020)).toBe(true);
  }
  expect(passes(before, there(1_002, ['S', 100]), 1_030)).toBe(false);
  const snapshot = new Snapshot(before.firewall.tracker, WALL);
  const pieces: Uint8Array[] = [];
  for (let piece = snapshot.next(); piece; piece = snapshot.next()) pieces.push(piece);
  restoreSnapshot(after.firewall.tracker, concat(...pieces), { now: 2_000, wallClock: WALL });
  return after;
}

test('a limit that sees every packet counts the first that speaks, and what begins from then on', () => {
  const router = afterRestart('-m connlimit --connlimit-above 2');
  expect(passes(router, there(1_000, ['PA', 101, 501]), 2_000)).toBe(true);
  expect(passes(router, there(1_001, ['PA', 101, 501]), 2_010)).toBe(true);
  expect([1_002, 1_003].map((port, index) => passes(router, there(port, ['S', 100]), 2_020 + 10 * index))).toEqual([
    true,
    false,
  ]);
});

test('a limit that sees only what opens allows as many again', () => {
  const router = afterRestart('--syn -m connlimit --connlimit-above 2');
  expect(passes(router, there(1_000, ['PA', 101, 501]), 2_000)).toBe(true);
  expect(
    [1_002, 1_003, 1_004].map((port, index) => passes(router, there(port, ['S', 100]), 2_010 + 10 * index)),
  ).toEqual([true, true, false]);
});
