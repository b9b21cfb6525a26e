// A rule as data: it prints the same everywhere, holds no state, and keeps where it came from.

import type { Address } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import type { Span } from './error.ts';
import type { HookName, TableName } from './tables.ts';

export interface MaskedAddress {
  /** Host bits already cleared. */
  readonly address: Address;
  /** 16 octets; the mapped prefix of IPv4 is all ones. Any bit pattern is legal. */
  readonly mask: Address;
  readonly inverted: boolean;
}

export interface InterfaceSpec {
  /** As written, `+` at the end included. A lone `+` is any device (inverted: none), though the kernel takes it for a condition. */
  readonly name: string;
  readonly inverted: boolean;
}

export interface Counters {
  packets: number;
  bytes: number;
}

/** One `-m`, with the plain data that its check() made. Repeated matches are separate. */
export interface MatchSpec {
  readonly name: string;
  readonly checked: unknown;
}

export type TargetSpec =
  /** ACCEPT, DROP, RETURN, QUEUE: verdicts of the engine itself. */
  | { readonly kind: 'verdict'; readonly name: 'ACCEPT' | 'DROP' | 'RETURN' | 'QUEUE' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'goto'; readonly chain: string }
  | { readonly kind: 'extension'; readonly name: string; readonly checked: unknown };

/** Where a rule was read: for traces, coverage and messages. `line` counts from 1. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  readonly span: Span;
  /** It is a line of a save file: read again, it is cut into the same words. */
  readonly saved?: true | undefined;
  /** From there on `text` is what -save prints of the rule behind its chain. Whoever makes another rule of it leaves this out. */
  readonly conditions?: number | undefined;
}

export interface RuleSpec {
  readonly family: Family;
  readonly source: MaskedAddress | undefined;
  readonly destination: MaskedAddress | undefined;
  readonly inInterface: InterfaceSpec | undefined;
  readonly outInterface: InterfaceSpec | undefined;
  /** Number 0 never stands here: `-p all` is no condition. */
  readonly protocol: { readonly number: number; readonly inverted: boolean } | undefined;
  /**
   * IPv6 `-p all`: no condition on the number and not printed, yet the kernel looks for the last header (IP6T_F_PROTO), so a packet
   * whose header chain is broken is dropped by the rule as by any other -p. ip6_tables.c ip6_packet_match().
   */
  readonly allProtocols?: true;
  /** IPv4 `-f`. */
  readonly fragment: { readonly inverted: boolean } | undefined;
  /** In the order in which they were loaded, which is the order of evaluation. */
  readonly matches: readonly MatchSpec[];
  /** Undefined: the rule only counts. */
  readonly target: TargetSpec | undefined;
  /** `-c`, `--set-counters`, or the `[p:b]` in front of a restored rule. */
  readonly counters: Readonly<Counters> | undefined;
  readonly origin: Origin | undefined;
}

/** A chain of a table that is not installed: policies and counters as text gives them. */
export interface ChainSpec {
  readonly name: string;
  readonly builtin: HookName | undefined;
  /** Built-in chains only. */
  policy: 'ACCEPT' | 'DROP' | undefined;
  counters: Counters;
  rules: RuleSpec[];
}

/** One table as a whole: what a restore builds, what -save prints. Built-in chains first in hook order, then user chains bytewise. */
export interface TableSpec {
  readonly family: Family;
  readonly name: TableName;
  chains: Map<string, ChainSpec>;
}
