// The extension contract: one typed literal says everything about a name. The language half is grammar/options.ts; this file
// adds what happens to a packet, and what the engine and the analysis may know about it beforehand.

import type { ExtensionSyntax, OptionTable } from '../grammar/options.ts';
import type { MatchSpec, RuleSpec } from '../grammar/rule-spec.ts';
import type { HookName, TableName } from '../grammar/tables.ts';
import type { Address } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import type { Services } from './services.ts';
import type { Verdict } from './verdict.ts';

/** One per rule and family, made when the rule is loaded. Must not allocate for a packet of an established flow. */
export type Predicate = (pkt: Packet) => boolean;
export type Action = (pkt: Packet) => Verdict;

export interface CompileContext {
  readonly family: Family;
  readonly table: TableName;
  readonly services: Services;
  /** Of a target: the rule that it stands in. A match may serve several. */
  readonly rule?: RuleSpec;
  /** State that lives with the installed rule: made once, handed back when an edit recompiles the table around it. */
  state<T>(make: () => T): T;
  /**
   * State shared by every rule of the family that uses the same name (hashlimit, recent), or of both families (RATEEST, IDLETIMER);
   * dropped with the last of them, and what it started in Services.timers with it.
   */
  shared<T>(name: string, make: () => T, families?: 'each' | 'both'): T;
}

/** Inclusive. */
export type Range = readonly [low: number, high: number];
export type AddressRange = readonly [low: Address, high: Address];

/** Fields that a pure match may pin down. Values are unsigned numbers as the packet carries them; `ctState` holds one CT_ bit. */
export type NumericField =
  | 'protocol'
  | 'sourcePort'
  | 'destinationPort'
  | 'icmpTypeCode'
  | 'tcpFlags'
  | 'ctState'
  | 'hopLimit'
  | 'length'
  | 'mark'
  | 'dscp';

/**
 * The same condition as the predicate, exactly, for whole packets with complete headers: every named field lies in one of its
 * ranges. Used by the classifier and by analysis. Return undefined when it cannot be said so.
 */
export type Constraints = Readonly<Partial<Record<NumericField, readonly Range[]>>> & {
  readonly source?: readonly AddressRange[];
  readonly destination?: readonly AddressRange[];
};

/** Where an extension may stand; checked at commit over the hooks that reach the rule. A breach is the kernel's refusal, exit code 1. */
export interface Placement<P> {
  readonly tables?: readonly TableName[];
  readonly hooks?: readonly HookName[];
  /** Protocol numbers of which one must stand, not inverted, in the rule's -p. */
  readonly protocols?: readonly number[];
  /** What data alone cannot say: a reason (the kernel's dmesg line) when it may not stand there. `hooks` are those that reach the rule. */
  refuses?(checked: P, place: PlaceContext): string | undefined;
}

export interface PlaceContext {
  readonly family: Family;
  readonly table: TableName;
  readonly hooks: readonly HookName[];
  readonly protocol: { readonly number: number; readonly inverted: boolean } | undefined;
  /** The rule's matches: TCPMSS wants a `tcp` match for SYN among them. */
  readonly matches: readonly MatchSpec[];
  /** The rest of it: CLUSTERIP wants a destination and an input device. */
  readonly rule: RuleSpec;
  /** Whether a helper of that name is attached for connections of the rule's family and that protocol. */
  hasHelper(name: string, protocol: number): boolean;
  /** Whether the timeout policy of that name is one for that protocol; undefined: there is none of that name. */
  timeoutPolicy(name: string, protocol: number): boolean | undefined;
}

interface Acting<P> {
  /** For what the packet alone does not tell: where inline its value comes from, and what it is when nobody supplies it. */
  readonly supplied?: string;
  readonly placement?: Placement<P>;
  /**
   * Loading a rule with it turns the tracker (and so defragmentation) on for the family, as nf_ct_netns_get() does; a function where
   * that depends on the options (`CT --notrack` does not). Ask with turnsTrackingOn().
   */
  readonly needsTracking?: boolean | ((checked: P) => boolean);
  /** While a rule with it is loaded, fragments of the family are put together, with or without tracking. nf_defrag_ipv4_enable() */
  readonly gathers?: true;
  /** Accounts that it names (nfacct): while a rule names one, that stays. */
  readonly accounts?: (checked: P) => readonly string[];
  /** Loading a rule with it has connections counted from then on (net.netfilter.nf_conntrack_acct), also when the rule is gone again. */
  readonly wantsAccounting?: true;
  /** While a rule with it is loaded, new connections get room for labels, as nf_connlabels_get() has it. */
  readonly wantsLabels?: true;
  /** Helpers that it names: while a rule names one, that cannot be detached. */
  readonly helpers?: (checked: P) => readonly string[];
  /** Sets that it names, once for each use: while a rule names a set, that cannot be renamed or destroyed. */
  readonly sets?: (checked: P) => readonly string[];
}

export interface Match<O extends OptionTable = OptionTable, P = unknown> extends ExtensionSyntax<O, P>, Acting<P> {
  /** Stateful: must be evaluated exactly when the kernel would (limit, recent, quota ...). */
  readonly effect: 'pure' | 'stateful';
  compile(checked: P, context: CompileContext): Predicate;
  constrain?(checked: P, family: Family): Constraints | undefined;
  /** For traces: what the packet shows where this match looks, in a few words ("dport 80", "ctstate INVALID"). */
  saw?(checked: P, pkt: Packet, services: Services): string;
}

export interface Target<O extends OptionTable = OptionTable, P = unknown> extends ExtensionSyntax<O, P>, Acting<P> {
  compile(checked: P, context: CompileContext): Action;
  /** While a rule with it is loaded, the connections that SYNPROXY opened are looked after. */
  readonly proxies?: true;
  /** It sets Packet.traced: the table that it stands in is then walked by the interpreter, which can tell what it does. */
  readonly traces?: boolean;
}

/** A match or target whose own types are forgotten: what registries and compiled tables hold. */
// biome-ignore lint/suspicious/noExplicitAny: the checked form is known to the extension alone, which made it
export type AnyMatch = Match<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above
export type AnyTarget = Target<any, any>;

export const turnsTrackingOn = (extension: AnyMatch | AnyTarget, checked: unknown): boolean =>
  typeof extension.needsTracking === 'function' ? extension.needsTracking(checked) : extension.needsTracking === true;

export const defineMatch = <O extends OptionTable, P>(match: Match<O, P>): Match<O, P> => match;
export const defineTarget = <O extends OptionTable, P>(target: Target<O, P>): Target<O, P> => target;
