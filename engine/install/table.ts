// A table as it runs: chains of installed rules, and the programs that walk them. An edit makes a new one that takes over every rule
// and chain that the edit left alone; the firewall then swaps the whole table. Counters are beside it (counters.ts).
//
// Birth: a Planner (plan.ts) binds what is new of a TableSpec, in steps between which packets go through the earlier table; it may throw RuleError, and
// changes nothing that packets see. The caller then calls commit(), which cannot fail and takes no longer for many rules than for few, and
// uses the new table, or lets the planner take it back with discard(). What the versions of a table share and commit() changes are the programs
// (classifier/program.ts) and, after small edits, the index of rules and the map of chains: the earlier table is of no use then.

import type { ChainSpec, TableSpec } from '../../grammar/rule-spec.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Program } from '../classifier/program.ts';
import { type Interpreted, interpret, type Observer } from '../reference.ts';
import { DROP, type Verdict } from '../verdict.ts';
import type { Counts } from './counters.ts';
import type { BindContext, Rule } from './rule.ts';
import type { RuleIndex } from './rule-index.ts';

export interface Chain {
  /** Our own copy: whoever gave the spec may go on editing it. */
  readonly spec: ChainSpec;
  /** The spec that was given: the counters of a policy stay as long as it does. */
  readonly given: ChainSpec;
  readonly rules: readonly Rule[];
  readonly program: Program;
  /** Rules of it that run an extension target; whether some rule in it or reached from it does, which may rewrite the packet. */
  readonly acting: number;
  readonly acts: boolean;
  /** Longest way of jumps below it. */
  readonly depth: number;
  /** Chains that it jumps to, each once. */
  readonly calls: readonly string[];
  /** Built-in chains: counter slot of the policy; else -1. */
  readonly slot: number;
  readonly policy: Verdict;
  readonly policyReason: string;
}

export interface Table extends Interpreted {
  readonly family: Family;
  /** The spec that it was made of. */
  readonly given: TableSpec;
  /** The commit of a later version may change it. */
  readonly chains: Map<string, Chain>;
  /** By hook number; undefined where the table has no chain. */
  readonly builtin: readonly (Chain | undefined)[];
  readonly ruleOf: RuleIndex;
  /** Jumps go too deep for the programs. */
  readonly deep: boolean;
  /** One of its targets sets Packet.traced. */
  readonly traces: boolean;
  readonly context: BindContext;
}

/** A table that waits for commit() or discard(). */
export interface Planned {
  readonly table: Table;
  /** Rules and slots that only it has, and rules that only the earlier table has. */
  readonly fresh: readonly Rule[];
  readonly freshSlots: readonly number[];
  readonly gone: ReadonlySet<Rule>;
  readonly goneSlots: number[];
  /** The index of rules is the earlier table's, and is still to be brought up to date. */
  readonly indexIsOld: boolean;
  /** What to do to the programs. */
  readonly changes: readonly (() => void)[];
}

/** What a table says of a packet at `hook`: the hot path. The table must have a chain there. */
export function traverse(table: Table, hook: number, pkt: Packet): Verdict {
  if (table.deep) return interpret(table, hook, pkt);
  const chain = table.builtin[hook]!;
  const verdict = chain.program.run(pkt);
  return verdict >= 0 ? verdict : byPolicy(chain, table.context.counts, pkt);
}

function byPolicy(chain: Chain, counts: Counts, pkt: Packet): Verdict {
  counts.packets[chain.slot]++;
  counts.bytes[chain.slot] += pkt.end - pkt.l3;
  if (chain.policy === DROP) pkt.reason = chain.policyReason;
  return chain.policy;
}

/** The same, by the interpreter, with every step shown to `observer`. Same rules, same counters, same state. */
export const observe = (table: Table, hook: number, pkt: Packet, observer: Observer): Verdict =>
  interpret(table, hook, pkt, observer);

/** Makes a planned table the one that counts. */
export function commit({ table, fresh, gone, goneSlots, indexIsOld, changes }: Planned): Table {
  const { counts } = table.context;
  if (indexIsOld) {
    for (const rule of gone) table.ruleOf.delete(rule);
    for (const rule of fresh) table.ruleOf.add(rule);
  }
  counts.giveAll(goneSlots);
  for (const change of changes) change();
  return table;
}
