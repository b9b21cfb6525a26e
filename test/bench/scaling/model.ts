// What docs/scaling.md predicts with: the parts of a packet's cost, and what follows for one thread, for queues around one engine, and for
// engines that share nothing. simulation.ts plays the same arrangements packet by packet.

import { SLOTS } from '../../../tun/lane.ts';
import type { Dice } from '../rulesets.ts';

/** Nanoseconds of one core; costs.ts measures them. */
export interface Costs {
  /** A packet out of one TUN device and into the other, by io_uring, with the way of the kernel behind it; and more for 1,024 octets. */
  readonly carry: number;
  readonly carryKib: number;
  /** The same with a system call to read and one to write each packet. */
  readonly callsCarry: number;
  readonly callsCarryKib: number;
  /** The engine, for a packet of an established connection, and for the first one of a new. */
  readonly decide: number;
  readonly open: number;
  /** From the thread of a queue to the engine and back. */
  readonly handOver: number;
  /** Memory to memory, 1,024 octets. */
  readonly copyKib: number;
}

/** `one` thread does it all; `queues`: threads read and write around one engine; `apart`: each thread has its own queue and engine. */
export type Design = 'one' | 'queues' | 'apart';

/** How a packet passes: the threads that work on it one after the other, and what it costs each. `lane`: the queue that its flow is hashed to. */
export interface Arrangement {
  readonly threads: number;
  readonly lanes: number;
  /** Packets of a lane that may be on their way at once. */
  readonly window: number;
  /** Begins at the thread that has the lane's number. */
  path(lane: number): readonly (readonly [thread: number, ns: number])[];
}

/**
 * Nanoseconds that the engine loses with a packet that another core has read: its header and two descriptors are in that core's cache.
 * Assumed: three lines, 60 to 70 ns each.
 */
export const MISSES_NS = 200;

/** Of what carrying a packet costs, what is spent before the engine sees it: with a call each, reading took three tenths. */
const READ_SHARE = 0.3;

/** `cores`: one is the engine's where there are queues. */
export function arrange(design: Design, cores: number, costs: Costs, octets: number): Arrangement {
  const carry = costs.carry + (costs.carryKib * octets) / 1_024;
  if (design === 'queues' && cores > 1) {
    const engine = cores - 1;
    return {
      threads: cores,
      lanes: engine,
      window: SLOTS,
      path: (lane) => [
        [lane, READ_SHARE * carry],
        [engine, costs.decide + costs.handOver + MISSES_NS],
        [lane, (1 - READ_SHARE) * carry],
      ],
    };
  }
  const lanes = design === 'apart' ? cores : 1;
  const path = (lane: number) => [[lane, carry + costs.decide] as const];
  return { threads: lanes, lanes, window: Number.POSITIVE_INFINITY, path };
}

/**
 * Packets a second that pass: what the busiest thread allows, when its lane has the share `hottest` of all packets and a thread that all
 * lanes pass has them all.
 */
export function capacity({ lanes, threads, path }: Arrangement, hottest = 1 / lanes): number {
  const spent = new Array<number>(threads).fill(0);
  for (let lane = 0; lane < lanes; lane++) {
    // The others have the rest between them.
    const share = lane === 0 ? hottest : (1 - hottest) / (lanes - 1);
    for (const [thread, ns] of path(lane)) spent[thread] += share * ns;
  }
  return 1e9 / Math.max(...spent);
}

// --- Flows --------------------------------------------------------------------------------------------------------------------------

/** Of each flow, its share of all packets. */
export type Shares = readonly number[];

export const FLOWS = {
  /** Equals, as a load generator makes them. */
  many: { count: 10_000, shape: Number.POSITIVE_INFINITY },
  /** Pareto with shape 1.2: a tenth of the flows carry two thirds of the packets, the largest one often a tenth alone. */
  heavy: { count: 1_000, shape: 1.2 },
} as const;
export type Flows = keyof typeof FLOWS;

export function sharesOf(flows: Flows, dice: Dice): Shares {
  const { count, shape } = FLOWS[flows];
  const sizes = Array.from({ length: count }, () => ((1 + dice.next(1_000_000)) / 1_000_001) ** (-1 / shape));
  const sum = sizes.reduce((total, size) => total + size, 0);
  return sizes.map((size) => size / sum);
}

/** The lane of each flow, as a hash without a memory chooses it. */
export const lanesOf = (shares: Shares, lanes: number, dice: Dice): number[] => shares.map(() => dice.next(lanes));

/** The share of the lane that has most. */
export function hottestOf(shares: Shares, chosen: readonly number[], lanes: number): number {
  const sums = new Array<number>(lanes).fill(0);
  for (const [flow, lane] of chosen.entries()) sums[lane] += shares[flow];
  return Math.max(...sums);
}
