// What tests claim of packets and rules, with the text that a failure prints: what was expected and what happened in one line, then the
// walk, then the rule that came nearest. The matchers of vitest and jest and the functions of sekisho/assert say the same words.

import type { RuleSpec } from '../grammar/rule-spec.ts';
import { Coverage, type CoverageLine, type Thresholds } from './coverage/coverage.ts';
import type { PacketFields } from './fields.ts';
import { TestFirewall } from './firewall.ts';
import { accepts, logs, nearestRule, nearText, rejects, stops, type Wanted } from './nearest.ts';
import { notesOn } from './notes.ts';
import { type Emitted, Outcome } from './outcome.ts';
import { answerName, canonicalReject } from './reject-names.ts';
import { type RuleRef, rulesNamed } from './rule-ref.ts';
import { refusalText } from './walk-text.ts';

/** Whether a claim holds, and what to print when it does not, or (`negated`) when it does and should not. */
export interface Claim {
  readonly pass: boolean;
  message(negated?: boolean): string;
}

// --- Verdicts ------------------------------------------------------------------------------------------------------------

/** It left by a device (by `device`, when that is given), or was delivered to the router. */
export function accepted(given: unknown, device?: string): Claim {
  const outcome = outcomeOf(given);
  const by = outcome.out.map((one) => one.device);
  const elsewhere = device !== undefined && outcome.verdict === 'accepted' && !by.includes(device);
  return {
    pass: outcome.verdict === 'accepted' && !elsewhere,
    message(negated) {
      if (negated) return told(outcome, `the packet not to be accepted, but it was ${fateText(outcome)}`, stops);
      if (elsewhere) return told(outcome, `the packet to leave by ${device}, but ${wayOut(outcome)}`);
      return told(outcome, `the packet to be accepted, but it was ${fateText(outcome)}`, accepts);
    },
  };
}

/** INPUT let it in, and the router itself has it: not merely passed on. */
export function delivered(given: unknown): Claim {
  const outcome = outcomeOf(given);
  return {
    pass: outcome.delivered,
    message(negated) {
      if (negated) return told(outcome, 'the packet not to be delivered to the router itself, but it was', stops);
      const passedOn = outcome.verdict === 'accepted' ? wayOut(outcome) : `it was ${fateText(outcome)}`;
      return told(outcome, `the packet to be delivered to the router itself, but ${passedOn}`, accepts);
    },
  };
}

/** Dropped without an answer: by a rule, a policy, the tracker or the router. `reason`: a part of why. */
export function dropped(given: unknown, reason?: string): Claim {
  const outcome = outcomeOf(given);
  const right = reason === undefined || outcome.reason.includes(reason);
  return {
    pass: outcome.verdict === 'dropped' && right,
    message(negated) {
      if (negated) return told(outcome, `the packet not to be dropped, but it was: ${outcome.reason}`, accepts);
      if (outcome.verdict === 'dropped')
        return told(outcome, `a drop by "${reason}", but it was by: ${outcome.reason}`);
      const logged = outcome.verdict === 'accepted' && outcome.logs.length > 0;
      const text = told(outcome, `the packet to be dropped, but it was ${fateText(outcome)}`, stops);
      return logged ? `${text}\nNote: LOG does not end the way of a packet: it goes on to the next rule.\n` : text;
    },
  };
}

/** Dropped by REJECT, and the sender was told so: with `type` ('tcp-reset', 'icmp6-port-unreachable', aliases too) when given. */
export function rejectedWith(given: unknown, type?: string): Claim {
  const outcome = outcomeOf(given);
  const answers = outcome.replies.map(answerName).filter((name) => name !== undefined);
  const wanted = type === undefined ? undefined : canonicalReject(type, familyOf(outcome));
  const right = wanted === undefined || answers.includes(wanted);
  const what = `the packet to be rejected${wanted ? ` with ${wanted}` : ''}`;
  return {
    pass: outcome.verdict === 'rejected' && right,
    message(negated) {
      if (negated) return told(outcome, `the packet not to be rejected, but it was, by ${outcome.reason}`, accepts);
      if (outcome.verdict !== 'rejected') return told(outcome, `${what}, but it was ${fateText(outcome)}`, rejects);
      const answered = answers.length > 0 ? `answered with ${answers.join(', ')}` : 'no answer came out';
      return told(outcome, `${what}, but it was rejected by ${outcome.reason} and ${answered}`);
    },
  };
}

/** A fragment that waits for the others. */
export function held(given: unknown): Claim {
  const outcome = outcomeOf(given);
  return {
    pass: outcome.verdict === 'held',
    message: (negated) =>
      negated
        ? told(outcome, 'the packet not to be held, but it waits for other fragments')
        : told(outcome, `the packet to be held, but it was ${fateText(outcome)}`),
  };
}

// --- What came out -------------------------------------------------------------------------------------------------------

/** Fields of the packet that came out, or was delivered: addresses, ports, TTL, DSCP, MSS, device, mark. */
export type Rewritten = Partial<Omit<PacketFields, 'payload' | 'fragment' | 'text'>> & {
  readonly device?: string;
  readonly mark?: number;
};

export function rewrittenTo(given: unknown, fields: Rewritten): Claim {
  const outcome = outcomeOf(given);
  const seen: Partial<Emitted> = outcome.out[0] ?? outcome.last;
  const wrong = Object.entries(fields).filter(([name, value]) => !same(seen[name as keyof Rewritten], value));
  const list = (entries: readonly (readonly [string, unknown])[]): string =>
    entries.map(([name, value]) => `${name} ${value}`).join(', ');
  return {
    pass: outcome.verdict === 'accepted' && wrong.length === 0,
    message(negated) {
      const wanted = list(Object.entries(fields));
      if (negated) return told(outcome, `the packet not to come out with ${wanted}, but it did`);
      if (outcome.verdict !== 'accepted') {
        return told(outcome, `the packet to come out with ${wanted}, but it was ${fateText(outcome)}`, accepts);
      }
      const has = list(wrong.map(([name]) => [name, seen[name as keyof Rewritten]] as const));
      return told(
        outcome,
        `the packet to come out with ${list(wrong)}, but it has ${has}\n  ${outcome.out[0]?.text ?? outcome.last.text}`,
      );
    },
  };
}

/** Addresses compare as text in canonical form, so `2001:DB8::0:1` is worth writing as people do. */
function same(seen: unknown, wanted: unknown): boolean {
  if (typeof seen !== 'string' || typeof wanted !== 'string') return seen === wanted;
  return seen === wanted || seen === wanted.toLowerCase();
}

/** Some log line of it begins with `prefix`; any line, when it is left out. */
export function loggedWith(given: unknown, prefix = ''): Claim {
  const outcome = outcomeOf(given);
  const list = outcome.logs.map((line) => `\n    ${line}`).join('');
  return {
    pass: outcome.logs.some((line) => line.startsWith(prefix)),
    message(negated) {
      const what = prefix === '' ? '' : ` with "${prefix}"`;
      if (negated) return told(outcome, `the packet not to be logged${what}, but it was:${list}`);
      const but = list === '' ? 'nothing was' : `what was logged is:${list}`;
      return told(outcome, `the packet to be logged${what}, but ${but}`, logs);
    },
  };
}

/** What `-m conntrack --ctstate` would see. */
export function hasCtstate(given: unknown, state: string): Claim {
  const outcome = outcomeOf(given);
  const { ctstate } = outcome;
  return {
    pass: ctstate === state.toUpperCase(),
    message(negated) {
      if (negated) return told(outcome, `the ctstate not to be ${ctstate}, but it is`);
      const why =
        ctstate === undefined
          ? 'nothing tracks this packet: no rule of its family asks for connections'
          : `it is ${ctstate}`;
      return told(outcome, `ctstate ${state.toUpperCase()}, but ${why}`);
    },
  };
}

// --- Rules ---------------------------------------------------------------------------------------------------------------

/** The packet matched the rule (one of them, where `ref` names several). */
export function matchesRule(given: unknown, ref: RuleRef): Claim {
  const outcome = outcomeOf(given);
  const fw = outcome.observed.firewall;
  const named = rulesNamed(fw, ref).filter(({ family }) => family === outcome.packet.family);
  const hit = outcome.rules.some((rule) => named.some((one) => isSame(one, rule)));
  return {
    pass: hit,
    message(negated) {
      const what = named[0] ? `${named[0].text}${placeText(named[0])}` : `"${ref}"`;
      if (negated) return told(outcome, `the packet not to match\n    ${what}\n  but it did`);
      const why = named[0] ? whyNot(outcome, named) : `it is of the other family than IPv${outcome.packet.family}`;
      return told(outcome, `the packet to match\n    ${what}\n  but ${why}`);
    },
  };
}

const isSame = (line: CoverageLine, hit: { table: string; chain: string; number: number }): boolean =>
  line.table === hit.table && line.chain === hit.chain && line.number === hit.number;

function whyNot(outcome: Outcome, named: readonly CoverageLine[]): string {
  for (const step of outcome.trace.steps) {
    if (step.packet !== 0 || step.kind !== 'rule' || !step.refusal) continue;
    if (named.some((one) => isSame(one, step))) return refusalText(step.refusal);
  }
  return `it was ${fateText(outcome)}, without coming to it`;
}

/** A rule counted `packets`; at least one, when that is left out. */
export function hasHits(given: unknown, ref: RuleRef, packets?: number): Claim {
  const fw = firewallOf(given);
  const named = rulesNamed(fw, ref);
  const counted = named.reduce((sum, line) => sum + line.packets, 0);
  const list = named
    .map((line) => `    ${String(line.packets).padStart(6)}  ${line.text}${placeText(line)}\n`)
    .join('');
  return {
    pass: packets === undefined ? counted > 0 : counted === packets,
    message: (negated) =>
      `expected "${ref}" ${negated ? 'not ' : ''}to have counted ${packets ?? 'packets'}, but it counted ${counted}\n\n${list}`,
  };
}

/** Every rule of the firewall (or of several of the same rules, taken together) matched some packet. */
export function reachesEveryRule(given: unknown): Claim {
  const { unreached, rules } = coverageFrom(given);
  return {
    pass: unreached.length === 0,
    message(negated) {
      if (negated) return `expected some rule not to be reached, but all ${rules.length} were`;
      const list = unreached.map((line) => `    ${line.table}  ${line.text}${placeText(line)}\n`).join('');
      return `expected every rule to be reached, but no packet matched ${unreached.length} of ${rules.length}:\n\n${list}`;
    },
  };
}

/** At least these percentages were reached: `{ rules: 100, predicates: 80 }`. */
export function covers(given: unknown, thresholds: Thresholds): Claim {
  const coverage = coverageFrom(given);
  const low = coverage.below(thresholds);
  return {
    pass: low.length === 0,
    message(negated) {
      if (negated) return 'expected the coverage to be below the thresholds, but it is not';
      return `expected more to be reached:\n${low.map((line) => `  ${line}\n`).join('')}\n${coverage.gapsText()}`;
    },
  };
}

function coverageFrom(given: unknown): Coverage {
  if (given instanceof Coverage) return given;
  const coverage = new Coverage();
  for (const fw of Array.isArray(given) ? given : [given]) coverage.add(firewallOf(fw));
  return coverage;
}

// --- Text ----------------------------------------------------------------------------------------------------------------

const placeText = ({ file, line }: { file: string; line: number }): string => (line > 0 ? `   [${file}:${line}]` : '');

function fateText(outcome: Outcome): string {
  switch (outcome.verdict) {
    case 'accepted':
      return `accepted${decidedBy(outcome)}: ${wayOut(outcome)}`;
    case 'held':
      return 'held: a fragment that waits for the others';
    case 'stolen':
      return 'taken by a target';
    default:
      return `${outcome.verdict}: ${outcome.reason || 'no reason given'}`;
  }
}

/** The rule or policy of the filter that let it pass. */
function decidedBy({ trace }: Outcome): string {
  for (const step of trace.steps.toReversed()) {
    if (step.packet !== 0) continue;
    if (step.kind === 'policy' && step.table === 'filter') return ` by filter ${step.chain} policy`;
    const decides = step.kind === 'rule' && step.table === 'filter' && step.verdict === 'ACCEPT';
    if (decides) return ` by filter ${step.chain} rule ${step.number}`;
  }
  return '';
}

function wayOut(outcome: Outcome): string {
  const { out } = outcome;
  if (out.length === 0) return 'delivered to the router itself';
  return `it left by ${out[0].device}${out.length > 1 ? ` in ${out.length} pieces` : ''}`;
}

function told(outcome: Outcome, expectation: string, wanted?: Wanted): string {
  const notes = notesOn(outcome)
    .map((note) => `Note: ${note}\n`)
    .join('');
  const near = wanted && nearestRule(outcome, wanted);
  const doing = wanted && DOING.get(wanted);
  const nearest = near && doing ? `\n${nearText(outcome.observed.firewall, near, doing)}` : '';
  const none = wanted && doing && !near && outcome.observed.firewall.has(familyOf(outcome)) ? noneText(doing) : '';
  return `expected ${expectation}\n\n${outcome.walk}${nearest}${none}${notes === '' ? '' : `\n${notes}`}`;
}

const noneText = (doing: string): string => `\nNo rule of the tables that it met would ${doing}.\n`;

const familyOf = (outcome: Outcome): 4 | 6 => (outcome.packet.family === 4 ? 4 : 6);

const DOING = new Map<(rule: RuleSpec) => boolean, string>([
  [accepts, 'accept it'],
  [stops, 'stop it'],
  [rejects, 'reject it'],
  [logs, 'log it'],
]);

function outcomeOf(given: unknown): Outcome {
  if (given instanceof Outcome) return given;
  throw new TypeError('this is said of what fw.send() or a step of a flow returned');
}

function firewallOf(given: unknown): TestFirewall {
  if (given instanceof TestFirewall) return given;
  throw new TypeError('this is said of a firewall: what firewall() returned');
}
