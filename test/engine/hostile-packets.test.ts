// What no sender can do: packets of any octets and lengths, with offload fields that lie, through rules of every extension, connections, helpers,
// translation and fragment queues. Nothing throws, nothing is written outside the packet's own room, and what leaves is whole.
//
//   SEKISHO_TIMES=200   a soak

import { expect, test } from 'vitest';
import { helpers } from '../../conntrack/helpers/index.ts';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Firewall } from '../../engine/firewall.ts';
import type { Mode } from '../../engine/firewall-options.ts';
import { Registry } from '../../engine/registry.ts';
import { withSets } from '../../engine/sets/for-rules.ts';
import { runIpset } from '../../engine/sets/index.ts';
import { DEFAULT_TOPOLOGY } from '../../engine/stack/index.ts';
import { noNames } from '../../grammar/names.ts';
import { matches } from '../../matches/index.ts';
import { fromHex, putU16 } from '../../packet/bytes.ts';
import { finishPartial } from '../../packet/checksum.ts';
import { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { seeded } from '../../testing/bare-services.ts';
import type { Scenario, Side, Step } from '../../testing/scenario/scenario-format.ts';
import { BUFFER_LENGTH, HEADROOM } from '../../tun/device.ts';
import { segment } from '../../tun/segment.ts';
import { takeHeader } from '../../tun/vnet-header.ts';
import { Dice } from '../kernel/dice.ts';
import { randomCase, scenarioOf } from '../kernel/random.ts';
import { randomCorner } from '../kernel/random-corners.ts';
import { randomDialogue } from '../kernel/random-dialogues.ts';

const TIMES = Number(process.env.SEKISHO_TIMES ?? 1);
const FIRST = Number(process.env.SEKISHO_SEED ?? 1);

/** Octets around a packet's room that are another's. */
const FENCE = 4_096;
const CANARY = 0xa5;
const PORTS = ['tunA', 'tunB'] as const;

class Attack {
  private readonly dice: Dice;
  private readonly firewall: Firewall;
  private readonly bytes = new Uint8Array(FENCE + BUFFER_LENGTH + FENCE).fill(CANARY);
  private readonly pkt = new Packet(0);
  private readonly piece = new Packet(BUFFER_LENGTH);
  private now = 1_000_000;
  sent = 0;

  constructor(seed: number, mode: Mode, { v4rules = '', v6rules = '', setup = [], sysctls = {}, force_ct }: Scenario) {
    this.dice = new Dice(seed);
    const registry = new Registry({ matches, targets, helpers });
    const random = seeded(seed);
    this.firewall = new Firewall({
      mode,
      registry,
      random,
      forceTracking: force_ct,
      transmit: (_device, pkt) => this.leaves(pkt),
    });
    for (const [program, ...argv] of setup)
      if (program === 'ipset') runIpset(this.firewall.sets, { argv, names: noNames, now: 0 });
    for (const [name, value] of Object.entries(sysctls)) this.firewall.setSysctl(name, value);
    for (const [family, text] of [
      [4, v4rules],
      [6, v6rules],
    ] as const) {
      const ruleset = new Ruleset(family, {
        lookup: registry,
        names: withSets(noNames, this.firewall.sets),
        counters: this.firewall.counterStore(family),
        install: (table) => this.firewall.install([table]),
      });
      restore(text, ruleset, { program: 'restore' });
    }
  }

  /** A device without offloads: all that they leave to others is done. */
  private leaves(pkt: Packet): void {
    this.sent++;
    expect(pkt.l3).toBeGreaterThanOrEqual(0);
    expect(pkt.end).toBeLessThanOrEqual(pkt.bytes.length);
    expect(pkt.end - pkt.l3).toBeGreaterThanOrEqual(20);
    if (pkt.gsoSize !== 0) segment(pkt, this.piece, () => {});
    else finishPartial(pkt);
  }

  receive(octets: Uint8Array, device: string): void {
    const { bytes, pkt, dice } = this;
    const l3 = FENCE + HEADROOM;
    bytes.fill(CANARY);
    bytes.set(octets, l3);
    pkt.bytes = bytes;
    pkt.load(l3, l3 + octets.length, this.now);
    const room = FENCE + (dice.chance(0.5) ? BUFFER_LENGTH : HEADROOM + octets.length);
    pkt.room = room;
    pkt.parse();
    if (dice.chance(0.3)) this.offload();
    this.firewall.receive(device, pkt);
    expect(untouched(bytes.subarray(0, FENCE)) && untouched(bytes.subarray(room))).toBe(true);
    this.now += dice.pick([0, 0, 1, 10, 1_000, 40_000]);
  }

  /** A virtio-net header of likely and unlikely values. */
  private offload(): void {
    const { dice, pkt } = this;
    const header = new Uint8Array(10);
    const transport = Math.max(0, pkt.l4 - pkt.l3);
    const number = (...likely: number[]) => dice.pick([...likely, 0, 1, dice.int(0, 65_535), 65_535]);
    header[0] = dice.pick([0, 1, 1, 2, 3, 255]);
    header[1] = dice.pick([0, 1, 4, 5, 0x81, 0x84, 255]);
    for (const [at, value] of [
      [2, number(transport + 20)],
      [4, number(1_448, 100)],
      [6, number(transport, transport)],
      [8, number(16, 6)],
    ]) {
      header[at] = value;
      header[at + 1] = value >>> 8;
    }
    pkt.bytes.set(header, 0);
    takeHeader(pkt, 0);
    pkt.bytes.fill(CANARY, 0, 10);
  }

  /** Of what was whole, something that is not. */
  distort(octets: Uint8Array): Uint8Array {
    const { dice } = this;
    let made: Uint8Array = octets.slice();
    for (let rounds = dice.int(0, 3); rounds > 0; rounds--) {
      const at = dice.int(0, Math.max(0, Math.min(made.length - 1, 120)));
      const how = dice.pick(['flip', 'octet', 'word', 'cut', 'grow', 'repeat', 'insert', 'length', 'chain'] as const);
      if (how === 'flip') made[at] ^= 1 << dice.int(0, 7);
      else if (how === 'octet') made[at] = dice.pick([0, 1, 0x7f, 0x80, 0xff, dice.int(0, 255)]);
      else if (how === 'word' && at + 1 < made.length) putU16(made, at, dice.pick([0, 1, 0x7fff, 0x8000, 0xffff]));
      else if (how === 'cut') made = made.slice(0, dice.int(1, made.length));
      else if (how === 'grow')
        made = joined(made, new Uint8Array(dice.pick([1, 8, 1_400, 65_535 - made.length])).fill(at));
      else if (how === 'repeat') made = joined(made, made.subarray(at));
      else if (how === 'insert') made = joined(made.subarray(0, at), made.subarray(at >>> 1));
      else if (how === 'length') fixLength(made);
      else if (how === 'chain') made = chained(made, dice);
      made = made.subarray(0, 65_535);
    }
    if (dice.chance(0.6)) fixLength(made);
    return made;
  }
}

const FENCES = Buffer.alloc(FENCE + BUFFER_LENGTH, CANARY);
const untouched = (octets: Uint8Array): boolean => FENCES.subarray(0, octets.length).equals(octets);

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole.length === 0 ? new Uint8Array(1) : whole;
}

/** The length that the header claims becomes that of the packet. */
function fixLength(octets: Uint8Array): void {
  if (octets[0] >>> 4 === 4 && octets.length >= 4) putU16(octets, 2, Math.min(octets.length, 65_535));
  if (octets[0] >>> 4 === 6 && octets.length >= 40) putU16(octets, 4, octets.length - 40);
}

/** Extension headers in front of what follows an IPv6 header. */
function chained(octets: Uint8Array, dice: Dice): Uint8Array {
  if (octets[0] >>> 4 !== 6 || octets.length < 40) return octets;
  const kinds = [0, 43, 44, 51, 60, 135, 139, 140];
  const chain = Array.from({ length: dice.pick([1, 2, 8, 200]) }, () => dice.pick(kinds));
  const headers = chain.map((kind, index) => {
    const header = new Uint8Array(kind === 44 || dice.chance(0.7) ? 8 : 16);
    header[0] = chain[index + 1] ?? octets[6];
    header[1] = kind === 51 ? header.length / 4 - 2 : header.length / 8 - 1;
    if (kind !== 44 && dice.chance(0.3)) header[dice.int(1, 7)] = dice.int(0, 255);
    if (kind === 44) header[3] = dice.pick([0, 1, 8, 9]);
    return header;
  });
  const made = joined(octets.subarray(0, 40), ...headers, octets.subarray(40));
  made[6] = chain[0];
  return made;
}

/** The packets of a scenario that stand there as they are. */
const packetsOf = ({ steps }: Scenario): { device: string; octets: Uint8Array }[] =>
  steps.flatMap((step: Step) => {
    const octets = 'in' in step && typeof step.hex === 'string' ? fromHex(step.hex) : undefined;
    return octets ? [{ device: `tun${(step as { in: Side }).in}`, octets }] : [];
  });

const KINDS: Readonly<Record<string, (seed: number) => Scenario>> = {
  'every extension': (seed) => scenarioOf(randomCase(seed, { packets: 60 })),
  'dialogues that helpers read': randomDialogue,
  'odd corners': (seed) => scenarioOf(randomCorner(seed)),
};

test.each(Object.keys(KINDS))('%s', (kind) => {
  const seen = { packets: 0, sent: 0 };
  for (let seed = FIRST; seed < FIRST + 6 * TIMES; seed++) {
    const scenario = KINDS[kind](seed);
    const mode: Mode =
      seed % 3 === 0 ? { kind: 'bridge', ports: PORTS } : { kind: 'router', topology: DEFAULT_TOPOLOGY };
    const attack = new Attack(seed, mode, scenario);
    for (const { device, octets } of packetsOf(scenario)) {
      seen.packets++;
      try {
        attack.receive(attack.distort(octets), device);
      } catch (error) {
        throw new Error(`seed ${seed}, packet ${seen.packets}`, { cause: error });
      }
    }
    seen.sent += attack.sent;
  }
  expect(seen.sent).toBeGreaterThan(seen.packets / 10);
});
