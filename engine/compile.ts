// A short, hot chain into code: one generated function that tests its rules in order. Conditions as numbers (classifier/conditions.ts)
// become comparisons, what is left of predicates, actions and chains become calls. It looks like this (IPv6, `-s 2001:db8::/32 -p tcp -m tcp
// --dport 22 -j ACCEPT`, then `-i tunA -j web`):
//
//   if (!isWhole(pkt)) return slow(pkt, 0);
//   let v = 0, b = pkt.bytes, o = pkt.l3, k8 = pkt.protocol, k9 = ports(pkt), inDev = pkt.inDevice;
//   let k0 = word(b, o + 8);
//   if (k0 === 536939960 && k8 === 6 && (k9 & 65535) === 22) { count(7); return 1; }
//   if (inDev === "tunA") { count(8); v = c0.run(pkt); if (v >= 0) return v; }
//   return -2;
//
// Only numbers, and names through JSON.stringify, go from a rule into the text. Where the runtime makes no code from strings
// (node --disallow-code-generation-from-strings), chains stay as they are.

import type { Packet } from '../packet/packet.ts';
import {
  ANY,
  ANY_NOT,
  type ConditionList,
  DESTINATION_PORT,
  EQUAL,
  HEAD,
  SOME_BIT,
  SOURCE_PORT,
  UNEQUAL,
  WILDCARD,
  wildcardPrefix,
} from './classifier/conditions.ts';
import {
  DESTINATION,
  deviceName,
  HEADER,
  IN,
  isWhole,
  LATER,
  OUT,
  PORTS,
  PROTOCOL,
  STATE,
  UNSEEN,
  word,
} from './classifier/key.ts';
import type { Counts } from './counters.ts';
import type { Action, Predicate } from './extension.ts';
import { EXTENSION, GOTO, JUMP, type Rule, VERDICT } from './rule.ts';
import { CONTINUE, DROP, RETURN, type Verdict } from './verdict.ts';

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
  reason(rule: Rule): string;
}

/** What the generated text refers to by name. */
class Bindings {
  readonly names: string[] = [];
  readonly values: unknown[] = [];

  add(prefix: string, value: Predicate | Action | Runnable | Compiled): string {
    const known = this.values.indexOf(value);
    if (known >= 0) return this.names[known];
    const name = `${prefix}${this.values.length}`;
    this.names.push(name);
    this.values.push(value);
    return name;
  }
}

const ports = (pkt: Packet): number => (HEADER[pkt.protocol] !== 0 ? word(pkt.bytes, pkt.l4) : 0);

/** How a word of the key is read. Device names are compared as they are. */
function load(field: number, family: number): string {
  if (field === PROTOCOL) return 'pkt.protocol';
  if (field === PORTS) return 'ports(pkt)';
  if (field === STATE) return `pkt.ctState || ${UNSEEN}`;
  if (field === IN) return 'pkt.inDevice';
  if (field === OUT) return 'pkt.outDevice';
  if (field === LATER) return '0';
  if (family === 4) return `word(b, o + ${field < DESTINATION ? 12 : 16})`;
  return `word(b, o + ${field < DESTINATION ? 8 + 4 * field : 24 + 4 * (field - DESTINATION)})`;
}

/** `slow` goes on with a packet that is not whole, from a position on. Undefined where no code can be made. */
export function compileChain(
  chain: readonly Compiled[],
  { words }: ConditionList,
  counts: Counts,
  slow: (pkt: Packet, from: number) => Verdict,
): Run | undefined {
  const bindings = new Bindings();
  const fields = new Set<number>();
  const bodies = chain.map((one, position) => ruleText(one, position, words, bindings, fields));
  const { family } = chain[0].rule.spec;
  const loads = [...fields].sort((a, b) => a - b).map((field) => [`k${field}`, load(field, family)] as const);
  const reload = ['b = pkt.bytes', 'o = pkt.l3', ...loads.map(([name, text]) => `${name} = ${text}`)].join('; ');
  const text = [
    '"use strict";',
    ...bindings.names.map((name, index) => `const ${name} = bound[${index}];`),
    'return (pkt) => {',
    'if (!isWhole(pkt)) return slow(pkt, 0);',
    'let v = 0, b = pkt.bytes, o = pkt.l3;',
    ...loads.map(([name, value]) => `let ${name} = ${value};`),
    ...bodies.map((body) => body.replaceAll(RELOAD, reload)),
    `return ${RETURN};`,
    '};',
  ].join('\n');
  const helpers = { counts, word, ports, isWhole, slow };
  try {
    return new Function('bound', ...Object.keys(helpers), text)(bindings.values, ...Object.values(helpers));
  } catch (problem) {
    if (problem instanceof EvalError) return undefined;
    throw problem;
  }
}

const RELOAD = '/*reload*/';

function ruleText(one: Compiled, position: number, words: Int32Array, bindings: Bindings, fields: Set<number>): string {
  const conditions = listText(words, one.at + HEAD, words[one.at] & 0xffff, fields);
  const matched = matchedText(one, position, bindings);
  const asked = one.rule.asked.map((predicate) => `${bindings.add('p', predicate)}(pkt)`);
  const inner =
    asked.length > 0 ? `if (${asked.join(' && ')}) { ${matched} } else if (pkt.hotDropped) return ${DROP};` : matched;
  return conditions.length > 0 ? `if (${conditions.join(' && ')}) { ${inner} }` : `{ ${inner} }`;
}

/** `many` conditions from `at` on. */
function listText(words: Int32Array, at: number, many: number, fields: Set<number>): string[] {
  const texts: string[] = [];
  for (let index = 0; index < many; index++) {
    const here = at + 3 * index;
    const op = words[here] >> 4;
    if (op === ANY || op === ANY_NOT) {
      const inner = listText(words, here + 3, words[here + 1], fields);
      const all = inner.length > 0 ? inner.join(op === ANY ? ' || ' : ' && ') : String(op !== ANY);
      texts.push(`${op === ANY ? '' : '!'}(${all})`);
      index += words[here + 1];
    } else texts.push(conditionText(op, words[here] & 15, words[here + 1], words[here + 2], fields));
  }
  return texts;
}

function conditionText(op: number, field: number, a: number, b: number, fields: Set<number>): string {
  fields.add(field);
  const name = `k${field}`;
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

/** What happens once the rule matched. */
function matchedText(one: Compiled, position: number, bindings: Bindings): string {
  const { rule, callee } = one;
  const count = `counts.packets[${rule.slot}]++; counts.bytes[${rule.slot}] += pkt.end - pkt.l3;`;
  const drop = () => {
    const name = bindings.add('r', one);
    return `pkt.reason = ${name}.rule.reason || ${name}.reason(${name}.rule); return ${DROP};`;
  };
  const again = `if (!isWhole(pkt)) return slow(pkt, ${position + 1}); ${RELOAD};`;
  switch (rule.does) {
    case VERDICT:
      return `${count} ${rule.verdict === DROP ? drop() : `return ${rule.verdict};`}`;
    case EXTENSION:
      return `${count} v = ${bindings.add('a', rule.action!)}(pkt); if (v === ${DROP}) { ${drop()} } if (v !== ${CONTINUE}) return v; ${again}`;
    case GOTO:
      return `${count} v = ${bindings.add('c', callee!)}.run(pkt); return v < 0 ? ${RETURN} : v;`;
    case JUMP:
      return `${count} v = ${bindings.add('c', callee!)}.run(pkt); if (v >= 0) return v; ${callee!.acts ? again : ''}`;
    default:
      return count;
  }
}
