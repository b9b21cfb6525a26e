// A trace as people read it: one line a step, packets that the first one caused under headings of their own.
//
//   packet 0
//     FORWARD  tunA -> tunB
//       filter
//         FORWARD 1  -A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT
//                    no: tcp saw dport 80
//         FORWARD 2  -A FORWARD -m conntrack --ctstate NEW -j web
//                    yes: jumps to web

import { type Printing, printRule } from '../../grammar/print.ts';
import { describeBytes } from '../../packet/describe.ts';
import type { RuleStep, Trace, TraceStep } from './trace.ts';
import { Rewrites } from './trace-changes.ts';

/** Every line with its newline. */
export function traceText(trace: Trace, printing: Printing): string {
  const lines: string[] = [];
  const rewrites = new Rewrites();
  let packet = -1;
  for (const step of trace.steps) {
    if (step.packet !== packet) lines.push(`packet ${step.packet}`);
    packet = step.packet;
    lines.push(...rewrites.at(step).map((what) => `  ${what}`), ...linesOf(step, printing));
  }
  const fate = trace.fate === 'held' ? 'held: a fragment that waits for the others' : trace.fate;
  lines.push(`packet 0 was ${fate}${trace.reason ? `: ${trace.reason}` : ''}`);
  return `${lines.join('\n')}\n`;
}

function linesOf(step: TraceStep, printing: Printing): string[] {
  switch (step.kind) {
    case 'hook':
      return [`  ${step.hook}  ${step.in || 'own'}${step.out ? ` -> ${step.out}` : ''}  ${describeBytes(step.octets)}`];
    case 'gathered':
      return [`    reassembly: ${step.said}`];
    case 'tracked':
      return [
        `    tracker: ${step.ctstate}${step.connection >= 0 ? `, connection ${step.connection}` : ''}${step.reason ? `: ${step.reason}` : ''}`,
      ];
    case 'table':
      return [`    ${step.table}`];
    case 'rule':
      return ruleLines(step, printing);
    case 'policy':
      return [`      ${step.chain} policy: ${step.policy}`];
    case 'routed':
      return [`  route: ${step.where}${step.device ? ` by ${step.device}` : ''}`];
    case 'sent':
      return [`  out by ${step.device}  ${describeBytes(step.octets)}`];
    case 'log':
      return [`      log <${step.record.level}> ${step.record.text}`];
    case 'ended':
      return [`  ${step.verdict}${step.reason ? `: ${step.reason}` : ''}`];
  }
}

function ruleLines(step: RuleStep, printing: Printing): string[] {
  const head = `      ${step.chain} ${step.number}  `;
  const { file, line } = step.rule.origin ?? {};
  const where = file ? `  (${file}:${line})` : '';
  return [`${head}${printRule(step.chain, step.rule, printing)}${where}`, `${' '.repeat(head.length)}${outcome(step)}`];
}

function outcome({ refusal, verdict, rule }: RuleStep): string {
  if (refusal) {
    const { condition, saw } = refusal;
    const what = typeof condition === 'string' ? condition : `-m ${condition.name}`;
    return `no: ${what}${saw ? ` saw ${saw}` : ''}`;
  }
  const { target } = rule;
  if (target?.kind === 'jump') return `yes: jumps to ${target.chain}`;
  if (target?.kind === 'goto') return `yes: goes to ${target.chain}`;
  return verdict === undefined ? 'yes: counts' : `yes: ${verdict}`;
}
