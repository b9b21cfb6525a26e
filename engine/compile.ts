// Rules into code. A run of rules (a piece) becomes one generated function that tests them in order: base conditions as integer
// comparisons on words of the packet, extension predicates and actions as calls of closures made when the rule was installed.
// A piece looks like this (IPv6, `-s 2001:db8::/32 -p tcp -m tcp --dport 22 -j ACCEPT`, then `-i tunA -j web`):
//
//   const b = pkt.bytes, o = pkt.l3, proto = pkt.protocol, inDev = pkt.inDevice;
//   let s0 = word(b, o + 8);
//   if (s0 === 536939960 && (proto === 6 || proto < 0)) {
//     if (proto < 0) return brokenChain(pkt);
//     if (p0(pkt)) { counts.packets[7]++; counts.bytes[7] += pkt.end - pkt.l3; return ACCEPT; }
//     if (pkt.hotDropped) return DROP;
//   }
//   if (inDev === "tunA") { counts...; v = c0.run(pkt); if (v >= 0) return v; }
//   return CONTINUE;
//
// Only numbers, and names through JSON.stringify, go from a rule into the text. Pieces stay small because V8 does not optimise giant
// functions: 1,000 rules as one function ran six times slower than as pieces of 100 to 250.

import type { InterfaceSpec, MaskedAddress } from '../grammar/rule-spec.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import type { Counts } from './counters.ts';
import { LOADERS, LOADS, prefilterText } from './prefilter.ts';
import type { Rule } from './rule.ts';
import { ACCEPT, CONTINUE, DROP, QUEUE, RETURN, type Verdict } from './verdict.ts';

/** Rules in one generated function. */
export const PIECE_LENGTH = 128;

/** A verdict to end the table with (0 or more), RETURN to leave the chain, CONTINUE when no rule of the piece had the last word. */
export type Run = (pkt: Packet) => Verdict;

/** What a jump needs of its chain. RETURN and CONTINUE both mean: go on after the jump. */
export interface Runnable {
  readonly run: Run;
  /** Some rule in it, or reached from it, runs an extension target, which may rewrite the packet. */
  readonly acts: boolean;
  /** Longest way of jumps below it. */
  readonly depth: number;
}

export interface PieceContext {
  readonly family: Family;
  readonly counts: Counts;
}

/** What the generated text refers to by name. */
class Bindings {
  readonly names: string[] = [];
  readonly values: unknown[] = [];

  add(prefix: string, value: unknown): string {
    const known = this.values.indexOf(value);
    if (known >= 0) return this.names[known];
    const name = `${prefix}${this.values.length}`;
    this.names.push(name);
    this.values.push(value);
    return name;
  }
}

/** The four octets as the signed number that generated comparisons use. */
const word = (bytes: Uint8Array, at: number): number =>
  (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];

function brokenChain(pkt: Packet): Verdict {
  pkt.hotDrop('header chain cut short');
  return DROP;
}

/** `callees` has for each rule the chain that it jumps to. */
export function compilePiece(
  rules: readonly Rule[],
  callees: readonly (Runnable | undefined)[],
  context: PieceContext,
): Run {
  const bindings = new Bindings();
  const names = new Set<string>();
  const bodies = rules.map((rule, index) => ruleText(rule, callees[index], bindings, names));
  const loads = [...names]
    .sort(inLoadOrder)
    .map((name) => `${name} = ${LOADS[name] ?? `word(b, o + ${wordOffset(name, context.family)})`}`);
  // After a call that may have rewritten the packet.
  const reload = ['b = pkt.bytes', 'o = pkt.l3', 'proto = pkt.protocol', ...loads].map((one) => `${one};`).join(' ');
  const text = [
    '"use strict";',
    ...bindings.names.map((name, index) => `const ${name} = bound[${index}];`),
    'return (pkt) => {',
    'let v = 0, b = pkt.bytes, o = pkt.l3, proto = pkt.protocol;',
    'const inDev = pkt.inDevice, outDev = pkt.outDevice;',
    ...loads.map((one) => `let ${one};`),
    ...bodies.map((body) => body.replaceAll(RELOAD, reload)),
    `return ${CONTINUE};`,
    '};',
  ].join('\n');
  const helpers = { counts: context.counts, word, brokenChain, ...LOADERS };
  return new Function('bound', ...Object.keys(helpers), text)(bindings.values, ...Object.values(helpers));
}

/** What others are made from comes first. */
const inLoadOrder = (a: string, b: string): number => Number(b === 'whole') - Number(a === 'whole') || (a < b ? -1 : 1);

const RELOAD = '/*reload*/';

function ruleText(rule: Rule, callee: Runnable | undefined, bindings: Bindings, names: Set<string>): string {
  const { spec } = rule;
  const conditions = [
    ...addressText(spec.source, 's', spec.family, names),
    ...addressText(spec.destination, 'd', spec.family, names),
    ...interfaceText(spec.inInterface, 'inDev'),
    ...interfaceText(spec.outInterface, 'outDev'),
  ];
  let guard = '';
  if (spec.protocol) {
    const { number, inverted } = spec.protocol;
    const wanted = `proto ${inverted ? '!==' : '==='} ${number}`;
    if (spec.family === 6) {
      conditions.push(`(${wanted} || proto < 0)`);
      guard = 'if (proto < 0) return brokenChain(pkt);';
    } else conditions.push(wanted);
  } else if (spec.allProtocols) guard = 'if (proto < 0) return brokenChain(pkt);';
  if (spec.fragment) conditions.push(`pkt.fragmentOffset ${spec.fragment.inverted ? '===' : '!=='} 0`);
  conditions.push(...prefilterText(rule, names));
  const asked = rule.predicates.map((predicate) => `${bindings.add('p', predicate)}(pkt)`);
  const matched = matchedText(rule, callee, bindings);
  const inner =
    asked.length > 0 ? `if (${asked.join(' && ')}) { ${matched} } else if (pkt.hotDropped) return ${DROP};` : matched;
  return conditions.length > 0 ? `if (${conditions.join(' && ')}) { ${guard} ${inner} }` : `{ ${guard} ${inner} }`;
}

/** What happens once the rule matched. */
function matchedText(rule: Rule, callee: Runnable | undefined, bindings: Bindings): string {
  const count = `counts.packets[${rule.slot}]++; counts.bytes[${rule.slot}] += pkt.end - pkt.l3;`;
  const drop = () => `pkt.reason = ${bindings.add('r', rule)}.reason; return ${DROP};`;
  const { target } = rule.spec;
  if (!target) return count;
  switch (target.kind) {
    case 'verdict':
      return `${count} ${target.name === 'DROP' ? drop() : `return ${{ ACCEPT, QUEUE, RETURN }[target.name]};`}`;
    case 'extension':
      return `${count} v = ${bindings.add('a', rule.action)}(pkt); if (v === ${DROP}) { ${drop()} } if (v !== ${CONTINUE}) return v; ${RELOAD}`;
    case 'goto':
      return `${count} v = ${bindings.add('c', callee)}.run(pkt); return v < 0 ? ${RETURN} : v;`;
    case 'jump':
      return `${count} v = ${bindings.add('c', callee)}.run(pkt); if (v >= 0) return v; ${callee?.acts ? RELOAD : ''}`;
  }
}

/** Octets of the 16-octet form where the family's own address begins, and of the source address in the IP header. */
const ADDRESS_FROM: Record<Family, number> = { 4: 12, 6: 0 };
const SOURCE_AT: Record<Family, number> = { 4: 12, 6: 8 };

/** `s0` to `s3`, `d0` to `d3`: words of the addresses. */
function wordOffset(name: string, family: Family): number {
  const destination = name[0] === 'd' ? 16 - ADDRESS_FROM[family] : 0;
  return SOURCE_AT[family] + destination + 4 * Number(name[1]);
}

function addressText(wanted: MaskedAddress | undefined, side: 's' | 'd', family: Family, words: Set<string>): string[] {
  if (!wanted) return [];
  const tests: string[] = [];
  for (let at = ADDRESS_FROM[family]; at < 16; at += 4) {
    const mask = word(wanted.mask, at);
    if (mask === 0) continue;
    const name = `${side}${(at - ADDRESS_FROM[family]) >> 2}`;
    words.add(name);
    tests.push(`${mask === -1 ? name : `(${name} & ${mask})`} === ${word(wanted.address, at) & mask}`);
  }
  if (!wanted.inverted) return tests;
  return [tests.length > 0 ? `!(${tests.join(' && ')})` : 'false'];
}

/** A trailing `+` stands for any rest; a packet without the device has the empty name. */
function interfaceText(wanted: InterfaceSpec | undefined, device: 'inDev' | 'outDev'): string[] {
  if (!wanted) return [];
  const { name, inverted } = wanted;
  if (!name.endsWith('+')) return [`${device} ${inverted ? '!==' : '==='} ${JSON.stringify(name)}`];
  return [`${inverted ? '!' : ''}${device}.startsWith(${JSON.stringify(name.slice(0, -1))})`];
}
