// Commands carried out on a draft: edits, and what -L and -S print.

import type { Command } from '../../grammar/command.ts';
import { RuleError } from '../../grammar/error.ts';
import { describeRule, ruleColumns } from '../../grammar/list.ts';
import { type ListedChain, printListing } from '../../grammar/list-columns.ts';
import { type Printing, printConditions, printHead } from '../../grammar/print.ts';
import type { ChainSpec, RuleSpec } from '../../grammar/rule-spec.ts';
import type { Draft } from './draft.ts';
import { Refusal } from './refusal.ts';

/** Takes what a command prints, as it comes: a command that is refused half-way has printed what it had to say until then. */
export type Say = (text: string) => void;

/**
 * Carries out one command on a draft. Throws RuleError: 2 for a target that is none, 1 for what the rule set refuses. The caller
 * commits.
 */
export function carryOut(command: Command, draft: Draft, printing: Printing, say: Say): void {
  try {
    act(command, draft, printing, say);
  } catch (error) {
    if (error instanceof RuleError && error.span === undefined) throw placed(error, command);
    throw error;
  }
}

/** The same, what it prints returned. */
export function apply(command: Command, draft: Draft, printing: Printing): string {
  let said = '';
  carryOut(command, draft, printing, (text) => {
    said += text;
  });
  return said;
}

/** The same refusal, at the words that caused it. */
function placed(error: RuleError, command: Command): RuleError {
  if (error instanceof Refusal) return new Refusal(error.message, command.chainSpan, error.reason, error.dmesg);
  return new RuleError(error.message, command.targetSpan ?? command.span, error.hint, error.code);
}

function act(command: Command, draft: Draft, printing: Printing, say: Say): void {
  const { verbose } = command.flags;
  switch (command.kind) {
    case 'append':
      edit(command, draft, printing, say, (rule) => draft.append(command.chain, rule));
      break;
    case 'insert':
      edit(command, draft, printing, say, (rule) => draft.insert(command.chain, rule, command.number));
      break;
    case 'replace':
      edit(command, draft, printing, say, (rule) => draft.replace(command.chain, rule, command.number));
      break;
    case 'delete':
      edit(command, draft, printing, say, (rule) => draft.delete(command.chain, rule));
      break;
    case 'check':
      edit(command, draft, printing, say, (rule) => {
        draft.find(command.chain, rule);
      });
      break;
    case 'deleteNumber':
      draft.deleteNumber(command.chain, command.number);
      break;
    case 'newChain':
      draft.newChain(command.chain);
      break;
    case 'rename':
      draft.rename(command.chain, command.newName);
      break;
    case 'policy':
      draft.setPolicy(command.chain, command.policy, command.counters);
      break;
    case 'flush':
      each(command.chain, draft.ordered(), loud(verbose, say, 'Flushing'), (name) => draft.flush(name));
      break;
    case 'deleteChain':
      deleteChains(command.chain, draft, loud(verbose, say, 'Deleting'));
      break;
    case 'zero':
      if (command.chain !== undefined && command.number !== undefined) draft.zeroRule(command.chain, command.number);
      else each(command.chain, draft.ordered(), loud(verbose, say, 'Zeroing'), (name) => draft.zero(name));
      break;
    case 'list':
    case 'listRules':
      say(command.kind === 'list' ? list(command, draft, printing) : listRules(command, draft, printing));
      if (command.zero) each(command.chain, draft.ordered(), loud(verbose, say, 'Zeroing'), (name) => draft.zero(name));
  }
}

type RuleCommand = Command & { readonly chain: string; readonly rules: readonly RuleSpec[] };

function edit(command: RuleCommand, draft: Draft, printing: Printing, say: Say, one: (rule: RuleSpec) => void): void {
  for (const rule of command.rules) draft.checkTarget(rule);
  // One that is refused does not keep the others from being tried, but nothing is committed then, and the last one's words are said.
  let problem: unknown;
  for (const rule of command.rules) {
    if (command.flags.verbose > 0) say(`${describeRule(rule, printing)}\n`);
    try {
      one(rule);
    } catch (error) {
      problem = error;
    }
  }
  if (problem) throw problem;
}

/** With -v the chain is named before it is its turn. */
const loud =
  (verbose: number, say: Say, verb: string): Say =>
  (name) => {
    if (verbose > 0) say(`${verb} chain \`${name}'\n`);
  };

function each(
  only: string | undefined,
  chains: readonly ChainSpec[],
  announce: Say,
  one: (name: string) => void,
): void {
  for (const name of only === undefined ? chains.map((chain) => chain.name) : [only]) {
    announce(name);
    one(name);
  }
}

/** All user chains, or one. The first that cannot go does not keep the others from being tried, but nothing is committed then. */
function deleteChains(only: string | undefined, draft: Draft, announce: Say): void {
  let problem: unknown;
  const chains = only === undefined ? draft.userChains().map((name) => draft.chain(name)) : [];
  each(only, chains, announce, (name) => {
    try {
      draft.deleteChain(name);
    } catch (error) {
      problem = error;
    }
  });
  if (problem) throw problem;
}

type ListCommand = Command & { readonly chain: string | undefined; readonly number: number | undefined };

function list(command: ListCommand, draft: Draft, printing: Printing): string {
  const { verbose, numeric, exact, lineNumbers } = command.flags;
  const chains = command.chain === undefined ? draft.ordered() : [draft.chain(command.chain)];
  const listed = chains.map((chain) => listedChain(chain, draft, printing, numeric));
  return printListing(listed, command.number, { numeric, verbose: verbose > 0, exact, lineNumbers });
}

/** All that -L can show of a chain. */
const listedChain = (chain: ChainSpec, draft: Draft, printing: Printing, numeric: boolean): ListedChain => ({
  head: {
    name: chain.name,
    policy: chain.builtin === undefined ? undefined : chain.policy,
    counters: draft.policyCountersOf(chain.name),
    references: draft.references(chain.name),
  },
  rules: chain.rules.map((rule) => ({
    columns: ruleColumns(rule, printing, numeric),
    counters: draft.countersOf(rule),
  })),
});

function listRules(command: ListCommand, draft: Draft, printing: Printing): string {
  const counted = command.flags.verbose > 0;
  const { number } = command;
  const chains = command.chain === undefined ? draft.ordered() : [draft.chain(command.chain)];
  let text = '';
  if (number === undefined) {
    for (const chain of chains) {
      text += `${printHead({ ...chain, counters: draft.policyCountersOf(chain.name) }, counted)}\n`;
    }
  }
  for (const chain of chains) {
    chain.rules.forEach((rule, index) => {
      if (number !== undefined && number !== index + 1) return;
      const counters = counted ? draft.countersOf(rule) : undefined;
      text += `-A ${chain.name}${printConditions(rule, printing, counters)}\n`;
    });
  }
  return text;
}
