// The scenario format: what goes into `sekisho play` and into a twin that runs the same on the real kernel, and what comes out of
// both, so that two results compare as JSON. Everything but `steps` may be left out; unknown keys are ignored.

import type { HostFacts } from '../../engine/host/facts.ts';

export type Side = 'A' | 'B';

export interface Place {
  /** "10.0.1.1/24" */
  addrs?: string[];
  /** "10.1.0.0/16", "::/0 via fd00:a::9" */
  routes?: string[];
  mtu?: number;
}

export interface Rules {
  v4?: string;
  v6?: string;
}

/**
 * 32 bits of what came out in an earlier step, into the packet of this one (a single one) and its checksum: a number that is acknowledged. `from`
 * and `to` are octets from the beginning of the IP headers.
 */
export interface Copy {
  step: number;
  /** Of those that came out; the first unless said. */
  packet?: number;
  from: number;
  to: number;
  add?: number;
}

/** One of the members that name what to do; `note` is for readers. */
export type Step = { note?: string } & (
  | { in: Side; hex: string | string[]; copies?: Copy[] }
  | { local: string }
  | { sleep_ms: number }
  | { ct: true }
  | { counters: true }
  | { rules: Rules }
  | { sysctls: Record<string, string | number> }
  | { flush_ct: true }
  /** A file, of /proc. */
  | { read: string }
  | { write: string; text: string }
  /** A program; in memory ipset, nfacct, the iptables programs on the rules of their family (-restore with -c and -n), and conntrack (playWithConntrack()). */
  | { exec: string[]; stdin?: string }
);

export interface Scenario {
  name?: string;
  v4rules?: string;
  v6rules?: string;
  sysctls?: Record<string, string | number>;
  topology?: Partial<Record<Side, Place>>;
  /** Connection tracking and defragmentation even when no rule needs them. */
  force_ct?: boolean;
  /** Collect what LOG prints. */
  log?: boolean;
  /** What is known of the host around the firewall; a kernel has its own, and takes no notice. */
  host?: HostFacts;
  /** Commands run inside the namespace before the rules are loaded; in memory those of `exec` but conntrack. */
  setup?: string[][];
  steps: Step[];
}

export interface Emitted {
  out: Side;
  hex: string;
}

export interface CtTuple {
  [key: string]: string | number;
}

export interface CtEntry {
  family?: 'ipv4' | 'ipv6';
  proto?: number;
  timeout?: number | null;
  state?: string | null;
  flags?: string[];
  orig?: CtTuple;
  reply?: CtTuple;
  mark?: number;
  zone?: number;
  [key: string]: unknown;
}

export interface Counted {
  table: string;
  chain: string;
  /** Built-in chains; a rule has `rule` instead: its text without `-A CHAIN`. */
  policy?: string;
  rule?: string;
  pkts: number;
  bytes: number;
}

export interface StepResult {
  out?: Emitted[];
  err?: string;
  ct?: CtEntry[];
  ct_raw?: string[];
  expect?: string[];
  v4?: Counted[];
  v6?: Counted[];
  v4_text?: string;
  v6_text?: string;
  log?: { level: number; msg: string }[];
  text?: string;
  rc?: number | null;
  stdout?: string;
  stderr?: string;
}

export interface Result {
  name?: string;
  steps: StepResult[];
  late?: Emitted[];
  stray?: Emitted[];
  setup_ms?: number;
  /** When the kernel began with each step, in ms since the first: what runs in memory may take the same time (PlayOptions.times). */
  times?: number[];
  run_ms?: number;
  error?: string;
}

/** A router: hosts behind A are inside, everything else is behind B. */
export const DEFAULT_TOPOLOGY: Record<Side, Required<Place>> = {
  A: { addrs: ['10.0.1.1/24', 'fd00:a::1/64'], routes: ['10.1.0.0/16', 'fd00:1::/32'], mtu: 1500 },
  B: { addrs: ['10.0.2.1/24', 'fd00:b::1/64'], routes: ['0.0.0.0/0', '::/0'], mtu: 1500 },
};
