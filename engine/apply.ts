// Commands carried out on a draft: edits, and what -L and -S print.

import type { Command } from '../grammar/command.ts';
import { RuleError } from '../grammar/error.ts';
import { describeRule, type ListOptions, listHead, listRule } from '../grammar/list.ts';
import { type Printing, printConditions, printHead } from '../grammar/print.ts';
import type { ChainSpec, RuleSpec } from '../grammar/rule-spec.ts';
import { Refusal } from './refusal.ts';
import type { Draft } from './ruleset.ts';

/**
 * Carries out one command on a draft; what it prints is returned. Throws RuleError: 2 for a target that is none, 1 for what the
 * rule set refuses. The caller commits.
 */
export function apply(command: Command, draft: Draft, printing: Printing): string {
  try {
    return carryOut(command, draft, printing);
  } catch (error) {
    if (error instanceof RuleError && error.span === undefined) throw placed(error, command);
    throw error;
  }
}

/** The same refusal, at the words that caused it. */
function placed(error: RuleError, command: Command): RuleError {
  if (error instanceof Refusal) return new Refusal(error.message, command.chainSpan, error.reason, error.dmesg);
  return new RuleError(error.message, command.targetSpan ?? command.span, error.hint, error.code);
}

function carryOut(command: Command, draft: Draft, printing: Printing): string {
  const { verbose } = command.flags;
  switch (command.kind) {
    case 'append':
      return edit(command, draft, printing, (rule) => draft.append(command.chain, rule));
    case 'insert':
      return edit(command, draft, printing, (rule) => draft.insert(command.chain, rule, command.number));
    case 'replace':
      return edit(command, draft, printing, (rule) => draft.replace(command.chain, rule, command.number));
    case 'delete':
      return edit(command, draft, printing, (rule) => draft.delete(command.chain, rule));
    case 'check':
      return edit(command, draft, printing, (rule) => draft.find(command.chain, rule));
    case 'deleteNumber':
      draft.deleteNumber(command.chain, command.number);
      return '';
    case 'newChain':
      draft.newChain(command.chain);
      return '';
    case 'rename':
      draft.rename(command.chain, command.newName);
      return '';
    case 'policy':
      draft.setPolicy(command.chain, command.policy, command.counters);
      return '';
    case 'flush':
      return each(command.chain, draft.ordered(), verbose, 'Flushing', (name) => draft.flush(name));
    case 'deleteChain':
      return deleteChains(command.chain, draft, verbose);
    case 'zero':
      if (command.chain !== undefined && command.number !== undefined) {
        draft.zeroRule(command.chain, command.number);
        return '';
      }
      return each(command.chain, draft.ordered(), verbose, 'Zeroing', (name) => draft.zero(name));
    case 'list':
    case 'listRules': {
      const listed = command.kind === 'list' ? list(command, draft, printing) : listRules(command, draft, printing);
      if (!command.zero) return listed;
      return listed + each(command.chain, draft.ordered(), verbose, 'Zeroing', (name) => draft.zero(name));
    }
    default:
      return '';
  }
}

type RuleCommand = Command & { readonly chain: string; readonly rules: readonly RuleSpec[] };

function edit(command: RuleCommand, draft: Draft, printing: Printing, one: (rule: RuleSpec) => void): string {
  let said = '';
  for (const rule of command.rules) draft.checkTarget(rule);
  for (const rule of command.rules) {
    if (command.flags.verbose > 0) said += `${describeRule(rule, printing)}\n`;
    one(rule);
  }
  return said;
}

function each(
  only: string | undefined,
  chains: readonly ChainSpec[],
  verbose: number,
  verb: string,
  act: (name: string) => void,
): string {
  let said = '';
  for (const name of only === undefined ? chains.map((chain) => chain.name) : [only]) {
    if (verbose > 0) said += `${verb} chain \`${name}'\n`;
    act(name);
  }
  return said;
}

/** All user chains, or one. The first that cannot go does not keep the others from being tried, but nothing is committed then. */
function deleteChains(only: string | undefined, draft: Draft, verbose: number): string {
  let problem: unknown;
  const said = each(
    only,
    only === undefined ? draft.userChains().map((name) => draft.chain(name)) : [],
    verbose,
    'Deleting',
    (name) => {
      try {
        draft.deleteChain(name);
      } catch (error) {
        problem = error;
      }
    },
  );
  if (problem) throw problem;
  return said;
}

type ListCommand = Command & { readonly chain: string | undefined; readonly number: number | undefined };

function list(command: ListCommand, draft: Draft, printing: Printing): string {
  const { flags } = command;
  const options: ListOptions = {
    numeric: flags.numeric,
    verbose: flags.verbose > 0,
    exact: flags.exact,
    lineNumbers: flags.lineNumbers,
  };
  const chains = command.chain === undefined ? draft.ordered() : [draft.chain(command.chain)];
  return chains
    .map((chain) => {
      const { number } = command;
      const head = listHead(chain, draft.policyCountersOf(chain.name), draft.references(chain.name), options);
      const rows = chain.rules.map((rule, index) =>
        number === undefined || number === index + 1
          ? `${listRule(rule, index + 1, draft.countersOf(rule), printing, options)}\n`
          : '',
      );
      return (number === undefined ? head : '') + rows.join('');
    })
    .join('\n');
}

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
