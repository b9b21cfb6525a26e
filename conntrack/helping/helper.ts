// The contract of helpers. Some protocols agree inside one connection upon others: FTP names the port of each transfer, SIP those of a call.
// A helper reads such a connection, the master, and says what it expects; the expected connection is then RELATED to the master and not NEW. Where
// addresses are translated, it also writes the translated ones into the payload.
//
// A helper is one literal in a file of its own. It is attached like an extension (Registry), and a rule gives it connections to read:
//
//   -t raw -A PREROUTING -p tcp --dport 21 -j CT --helper ftp
//
// No connection gets one by itself: what a helper reads is written by strangers, and each hole that it opens is theirs to ask for.
// docs/helpers.md shows how to write one.

import type { Family } from '../../packet/numbers.ts';
import type { HelpedTracker, HelperCall } from './helper-call.ts';

/** A class of expectations: RTP apart from signalling. */
export interface ExpectPolicy {
  /** Printed behind the helper's name; '' for the only class of a helper. */
  readonly name: string;
  /** So many of them may a connection have at a time; one more takes the place of the oldest. 0: no limit but that of the table. */
  readonly most: number;
  readonly timeoutMs: number;
}

export interface Helper<State = unknown> {
  /** As `CT --helper` names it. */
  readonly name: string;
  readonly summary: string;
  /** Where the kernel has it; left out for one of your own. */
  readonly kernel?: string;
  readonly families: readonly Family[];
  /** Protocols of the master: IPPROTO_TCP, IPPROTO_UDP. */
  readonly protocols: readonly number[];
  /** Port that the protocol is known by. Helpers for broadcasts expect the answers from it; for all others it is documentation. */
  readonly port: number;
  /** At least one; the first one is what expectations have that say nothing else. */
  readonly policies: readonly ExpectPolicy[];
  /** What the helper remembers of a connection, made when it first reads it. Plain data: it is kept across restarts. */
  open?(): State;
  /**
   * Reads a packet of a connection on its way out, behind NAT and all rules; `state` is what open() made. Undefined: the packet goes on.
   * Else the reason why it is dropped: an announcement that cannot be heeded had better be made again. Must not throw for any octets.
   */
  help(call: HelperCall, state: State): string | undefined;
  /** The connection of that state is over, or has lost its helper; what it expected goes by itself. */
  close?(state: State, tracker: HelpedTracker): void;
}

/** A helper whose state is forgotten: what registries hold. */
// biome-ignore lint/suspicious/noExplicitAny: the state is known to the helper alone, which made it
export type AnyHelper = Helper<any>;

export const defineHelper = <State = undefined>(helper: Helper<State>): Helper<State> => helper;

/** The attached helper of that name for connections of that family and protocol. */
export type FindHelper = (name: string, family: Family, protocol: number) => AnyHelper | undefined;
