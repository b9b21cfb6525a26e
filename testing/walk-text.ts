// The walk of a packet as a failing test prints it: every hook, table and rule that it met, the first condition of a rule that said no
// and what it saw, and where the walk ended. Long runs of rules that said no are cut in the middle.

import type { Refusal, RuleStep, TraceStep } from '../engine/trace/trace.ts';
import { Rewrites } from '../engine/trace/trace-changes.ts';
import { describeBytes } from '../packet/describe.ts';
import type { TestFirewall } from './firewall.ts';
import type { Outcome } from './outcome.ts';

/** Of a run of rules that said no, so many are shown at its beginning and its end. */
const SHOWN = 8;

/** Lines, each with its newline. */
export function walkText(outcome: Outcome): string {
  const { firewall, octets, trace } = outcome.observed;
  const lines = [`${describeBytes(octets)}${where(outcome)}`];
  const rewrites = new Rewrites();
  let refused: string[][] = [];
  const flush = (): void => {
    lines.push(...cut(refused));
    refused = [];
  };
  let packet = 0;
  for (const step of trace.steps) {
    if (step.packet !== packet) {
      flush();
      packet = step.packet;
      lines.push(packet === 0 ? '  -- back to the packet itself' : '  -- a packet that it caused');
    }
    if (step.kind === 'rule' && step.refusal) {
      refused.push(ruleLines(step, firewall));
      continue;
    }
    flush();
    lines.push(...rewrites.at(step).map((what) => `  ${what}`), ...stepLines(step, firewall));
  }
  flush();
  return `${lines.join('\n')}\n`;
}

function where({ observed: { device, at } }: Outcome): string {
  const time = at > 0 ? `, ${spanText(at)} after the start` : '';
  return `   ${device === '' ? 'sent by the router itself' : `in by ${device}`}${time}`;
}

const spanText = (ms: number): string =>
  ms % 3_600_000 === 0 ? `${ms / 3_600_000} h` : ms % 1_000 === 0 ? `${ms / 1_000} s` : `${Math.round(ms)} ms`;

function cut(rules: readonly string[][]): string[] {
  if (rules.length <= 2 * SHOWN + 1) return rules.flat();
  const left = rules.length - 2 * SHOWN;
  return [...rules.slice(0, SHOWN).flat(), `    ... ${left} more rules say no`, ...rules.slice(-SHOWN).flat()];
}

function stepLines(step: TraceStep, fw: TestFirewall): string[] {
  switch (step.kind) {
    case 'hook': {
      const way = [step.in && `in ${step.in}`, step.out && `out ${step.out}`].filter(Boolean).join(', ');
      return [`${step.hook}${way ? `  (${way})` : ''}`];
    }
    case 'gathered':
      return [`  fragment: ${step.said}`];
    case 'tracked':
      return [`  ctstate ${step.ctstate}${step.reason ? `: ${step.reason}` : ''}`];
    case 'table':
      return [`  table ${step.table}`];
    case 'rule':
      return ruleLines(step, fw);
    case 'policy':
      return [`    policy of ${step.chain}: ${step.policy}`];
    case 'routed':
      return step.where === 'dropped' ? [] : [`  route: ${step.where}${step.device ? ` by ${step.device}` : ''}`];
    case 'sent':
      return [`  leaves by ${step.device}: ${describeBytes(step.octets)}`];
    case 'log':
      return [`         logs: ${step.record.text || step.record.nflog?.prefix}`];
    case 'ended':
      return [`  ${step.verdict === 'DROP' ? 'dropped' : 'taken'}${step.reason ? `: ${step.reason}` : ''}`];
  }
}

function ruleLines(step: RuleStep, fw: TestFirewall): string[] {
  const { chain, rule, refusal } = step;
  const place = rule.origin ? `   [${rule.origin.file}:${rule.origin.line}]` : '';
  const text = `${fw.textOf(chain, rule)}${place}`;
  if (refusal) return [`    no   ${text}`, `         ${refusalText(refusal)}`];
  return [`    yes  ${text}`, `         ${consequence(step)}`];
}

/** `ctstate NEW` for what a condition saw; the condition in front, where that does not say it. */
export function refusalText({ condition, saw }: Refusal): string {
  const name = typeof condition === 'string' ? OPTIONS[condition] : `-m ${condition.name}`;
  return saw === '' ? `${name} says no` : `${name} says no: it sees ${saw}`;
}

const OPTIONS: Readonly<Record<string, string>> = {
  source: '-s',
  destination: '-d',
  'in-interface': '-i',
  'out-interface': '-o',
  protocol: '-p',
  fragment: '-f',
};

function consequence({ rule: { target }, verdict }: RuleStep): string {
  if (target?.kind === 'jump') return `jumps to ${target.chain}`;
  if (target?.kind === 'goto') return `goes to ${target.chain}`;
  if (verdict === 'CONTINUE') return 'goes on to the next rule';
  return verdict ?? 'counts';
}
