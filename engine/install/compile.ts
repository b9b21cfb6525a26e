// A short, hot chain into code: one generated function that tests its rules in order. Conditions as numbers (classifier/conditions.ts)
// become comparisons, what is left of predicates, actions and chains become calls. It looks like this (IPv6, `-s 2001:db8::/32 -p tcp -m tcp
// --dport 22 -j ACCEPT`, then `-i tunA -j web`):
//
//   if (!pkt.whole) return walk(pkt, 0);
//   let v = 0; let w = viewOf(pkt.bytes); let o = pkt.l3;
//   let k0 = w.getInt32(o + 8); let k11 = pkt.inDevice;
//   if (k0 === 536939960 && pkt.protocol === 6 && (ports(pkt) & 65535) === 22) { count(7); return 1; }
//   if (k11 === "tunA") { count(8); v = c0.run(pkt); if (v >= 0) return v; }
//   return -2;
//
// Each rule begins with the one of its conditions whose word tells most rules apart. Only such words are read for every packet: most
// rules say no by their first, and the others are read where they are asked for.
//
// Only numbers, and names through JSON.stringify, go from a rule into the text. Where the runtime makes no code from strings
// (node --disallow-code-generation-from-strings), chains stay as they are.

import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { PORTED } from '../../packet/ports.ts';
import { viewOf } from '../../packet/view.ts';
import {
  ANY,
  ANY_NOT,
  type ConditionList,
  DESTINATION_PORT,
  EQUAL,
  equalsAt,
  HEAD,
  MANY,
  SOME_BIT,
  SOURCE_PORT,
  UNEQUAL,
  WILDCARD,
  wildcardPrefix,
} from '../classifier/conditions.ts';
import { DESTINATION, deviceName, IN, LATER, OUT, PORTS, PROTOCOL, STATE, UNSEEN, WORDS } from '../classifier/key.ts';
import type { Action, Predicate } from '../extension.ts';
import { CONTINUE, DROP, RETURN, type Verdict } from '../verdict.ts';
import type { Counts } from './counters.ts';
import { EXTENSION, GOTO, JUMP, type Rule, VERDICT } from './rule.ts';

/** A verdict to end the table with (0 or more), or RETURN to leave the chain. */
export type Run = (pkt: Packet) => Verdict;

/** What a jump needs of its chain. */
interface Runnable {
  run(pkt: Packet): Verdict;
  readonly acts: boolean;
}

/** A rule of the chain. */
interface Compiled {
  readonly rule: Rule;
  /** Where its conditions begin. */
  readonly at: number;
  readonly callee: Runnable | undefined;
  /** Why a packet that it drops is dropped. */
  readonly reason: string;
}

/** What the generated text refers to by name. */
class Bindings {
  readonly names: string[] = [];
  readonly values: unknown[] = [];

  add(prefix: string, value: Predicate | Action | Runnable): string {
    const known = this.values.indexOf(value);
    if (known >= 0) return this.names[known];
    const name = `${prefix}${this.values.length}`;
    this.names.push(name);
    this.values.push(value);
    return name;
  }
}

const ports = (pkt: Packet): number => (PORTED[pkt.protocol] !== 0 ? viewOf(pkt.bytes).getInt32(pkt.l4) : 0);

const WORD = 'w.getInt32(o + ';
const VIEW = [
  ['w', 'viewOf(pkt.bytes)'],
  ['o', 'pkt.l3'],
] as const;

const wordText = (at: number): string => `${WORD}${at})`;

/** How a word of the key is read. Device names are compared as they are. */
function load(field: number, family: Family): string {
  if (field === PROTOCOL) return 'pkt.protocol';
  if (field === PORTS) return 'ports(pkt)';
  if (field === STATE) return `pkt.ctState || ${UNSEEN}`;
  if (field === IN) return 'pkt.inDevice';
  if (field === OUT) return 'pkt.outDevice';
  if (field === LATER) return '0';
  if (family === 4) return wordText(field < DESTINATION ? 12 : 16);
  return wordText(field < DESTINATION ? 8 + 4 * field : 24 + 4 * (field - DESTINATION));
}

/**
 * The rules that stand first in a chain, as code. `walk` goes on without it from a position on: with a packet that is not whole, and
 * behind them where they are not all. Undefined where no code can be made.
 */
export function compileChain(
  chain: readonly Compiled[],
  areAll: boolean,
  { words }: ConditionList,
  counts: Counts,
  walk: (pkt: Packet, from: number) => Verdict,
): Run | undefined {
  const bindings = new Bindings();
  const { family } = chain[0].rule.spec;
  const conditions = new Conditions(chain, words, family);
  const last = areAll ? chain.length - 1 : -1;
  const bodies = chain.map((one, position) => ruleText(one, position, position === last, conditions, bindings));
  const loads = conditions.fields.map((field) => [`k${field}`, load(field, family)] as const);
  // Rules that ask for marks and states only need no word of the packet.
  const reads = [...bodies, ...loads.map(([, value]) => value)].some((part) => part.includes(WORD));
  const variables = [...(reads ? VIEW : []), ...loads];
  const reload = variables.map(([name, value]) => `${name} = ${value};`).join(' ');
  const text = [
    '"use strict";',
    ...bindings.names.map((name, index) => `const ${name} = bound[${index}];`),
    'return (pkt) => {',
    'if (!pkt.whole) return walk(pkt, 0);',
    'let v = 0;',
    ...variables.map(([name, value]) => `let ${name} = ${value};`),
    ...bodies.map((body) => body.replaceAll(RELOAD, reload)),
    areAll ? `return ${RETURN};` : `return walk(pkt, ${chain.length});`,
    '};',
  ].join('\n');
  const helpers = { counts, ports, viewOf, walk };
  try {
    return new Function('bound', ...Object.keys(helpers), text)(bindings.values, ...Object.values(helpers));
  } catch (problem) {
    if (problem instanceof EvalError) return undefined;
    throw problem;
  }
}

/** Stands where all is to be read again. With a line's end in it, as no name has that JSON.stringify() has written. */
const RELOAD = '/* reload\n*/';

function ruleText(one: Compiled, position: number, isLast: boolean, texts: Conditions, bindings: Bindings): string {
  const conditions = texts.of(one);
  const matched = matchedText(
    one,
    isLast ? '' : `if (!pkt.whole) return walk(pkt, ${position + 1}); ${RELOAD}`,
    bindings,
  );
  const asked = one.rule.asked.map((predicate) => `${bindings.add('p', predicate)}(pkt)`);
  const inner =
    asked.length > 0 ? `if (${asked.join(' && ')}) { ${matched} } else if (pkt.hotDropped) return ${DROP};` : matched;
  return conditions.length > 0 ? `if (${conditions.join(' && ')}) { ${inner} }` : `{ ${inner} }`;
}

/** Conditions as text. */
class Conditions {
  /** Words of the key that are read for every packet. */
  readonly fields: readonly number[];
  private readonly words: Int32Array;
  private readonly family: Family;
  /** How many values the rules want of a word. */
  private readonly values: readonly Set<number>[];

  constructor(chain: readonly Compiled[], words: Int32Array, family: Family) {
    this.words = words;
    this.family = family;
    this.values = Array.from({ length: WORDS }, () => new Set<number>());
    for (const one of chain) for (const at of this.equals(one)) this.values[words[at]].add(words[at + 2]);
    const firsts = new Set<number>();
    for (const one of chain) {
      const first = this.firstOf(one);
      if (first !== undefined) firsts.add(words[first] & 15);
    }
    this.fields = [...firsts].sort((a, b) => a - b);
  }

  /** Those of a rule, the one that says most first. */
  of(one: Compiled): string[] {
    const many = this.words[one.at] & MANY;
    const texts = this.list(one.at + HEAD, many);
    const first = this.firstOf(one);
    // Conditions in front of the groups are one text each.
    if (first !== undefined) texts.unshift(...texts.splice((first - one.at - HEAD) / 3, 1));
    return texts;
  }

  /** Where the EQUAL conditions of a rule stand. */
  private equals({ at }: Compiled): number[] {
    return Array.from({ length: equalsAt(this.words, at) }, (_, index) => at + HEAD + 3 * index);
  }

  private firstOf(one: Compiled): number | undefined {
    const { words, values } = this;
    if ((words[one.at] & MANY) === 0) return undefined;
    const equals = this.equals(one);
    if (equals.length === 0) return one.at + HEAD;
    return equals.reduce((best, at) => (values[words[at]].size > values[words[best]].size ? at : best));
  }

  /** `many` conditions from `at` on. */
  private list(at: number, many: number): string[] {
    const { words } = this;
    const texts: string[] = [];
    for (let index = 0; index < many; index++) {
      const here = at + 3 * index;
      const op = words[here] >> 4;
      if (op === ANY || op === ANY_NOT) {
        const inner = this.list(here + 3, words[here + 1]);
        const all = inner.length > 0 ? inner.join(op === ANY ? ' || ' : ' && ') : String(op !== ANY);
        texts.push(`${op === ANY ? '' : '!'}(${all})`);
        index += words[here + 1];
      } else texts.push(this.one(op, words[here] & 15, words[here + 1], words[here + 2]));
    }
    return texts;
  }

  private one(op: number, field: number, a: number, b: number): string {
    const name = this.fields.includes(field) ? `k${field}` : `(${load(field, this.family)})`;
    const device = field === IN || field === OUT;
    const masked = a === -1 ? name : `(${name} & ${a})`;
    switch (op) {
      case EQUAL:
      case UNEQUAL:
        return `${masked} ${op === EQUAL ? '===' : '!=='} ${device ? JSON.stringify(deviceName(b)) : b}`;
      case SOME_BIT:
        return `(${name} & ${a}) !== 0`;
      case SOURCE_PORT:
        return `${name} >>> 16 >= ${a} && ${name} >>> 16 <= ${b}`;
      case DESTINATION_PORT:
        return `(${name} & 65535) >= ${a} && (${name} & 65535) <= ${b}`;
      case WILDCARD:
        return `${b === 1 ? '' : '!'}${name}.startsWith(${JSON.stringify(wildcardPrefix(a))})`;
      default: // NEVER
        return 'false';
    }
  }
}

/** What happens once the rule matched; `again` where it may have rewritten the packet and others come behind it. */
function matchedText(one: Compiled, again: string, bindings: Bindings): string {
  const { rule, callee } = one;
  const count = `counts.packets[${rule.slot}]++; counts.bytes[${rule.slot}] += pkt.end - pkt.l3;`;
  const drop = `pkt.reason = ${JSON.stringify(one.reason)}; return ${DROP};`;
  switch (rule.does) {
    case VERDICT:
      return `${count} ${rule.verdict === DROP ? drop : `return ${rule.verdict};`}`;
    case EXTENSION:
      return `${count} v = ${bindings.add('a', rule.action!)}(pkt); if (v === ${DROP}) { ${drop} } if (v !== ${CONTINUE}) return v; ${again}`;
    case GOTO:
      return `${count} v = ${bindings.add('c', callee!)}.run(pkt); return v < 0 ? ${RETURN} : v;`;
    case JUMP:
      return `${count} v = ${bindings.add('c', callee!)}.run(pkt); if (v >= 0) return v; ${callee!.acts ? again : ''}`;
    default:
      return count;
  }
}
