// A chain as it runs. There are three ways through it, with one meaning:
//   - walked, rule after rule, on conditions as numbers (conditions.ts): short chains, and packets that are not whole;
//   - by the tree (tree.ts), which gives the rules that may match: long chains;
//   - generated code (../compile.ts): short chains that are hot, and the first rules of long ones, where the runtime lets us make code.
//
// A Program is what a jump refers to. It stays the same object for as long as rules that jump to it do, so an edit of a chain touches nothing
// that jumps to it. Only the commit of a table changes it (become, splice), which cannot fail. What a long chain is going to become is made
// beforehand, in steps between which packets go through what it still is (contentInSteps); a short one is laid out when the first packet
// comes to it: of kube-proxy's thousands most see none for long.

import type { TableName } from '../../grammar/tables.ts';
import type { Packet } from '../../packet/packet.ts';
import { compileChain, type Run } from '../compile.ts';
import type { Counts } from '../counters.ts';
import { EXTENSION, GOTO, JUMP, type Rule, VERDICT } from '../rule.ts';
import { MOST_AT_ONCE, SLICE, type Steps } from '../steps.ts';
import { CONTINUE, DROP, RETURN, type Verdict } from '../verdict.ts';
import {
  asksAddress,
  ConditionList,
  DOES,
  doesOf,
  hold,
  holdBroken,
  NUMBER,
  PLAIN,
  POSITION,
  SLOT,
  verdictOf,
} from './conditions.ts';
import { fillAddresses, fillKey, key, WHOLE } from './key.ts';
import { found, Tree } from './tree.ts';
import { tuning } from './tuning.ts';

/** From a rule: an action ran that may have rewritten the packet. The key has been filled anew; what was found by the old one is void. */
const REWRITTEN = -3;
type Step = Verdict | typeof REWRITTEN;

/** With REWRITTEN: where in the chain to go on. */
let resume = 0;
/** How much of `found` the walks further out use. */
let base = 0;

/** Rewriting rules met in one walk by the tree, after which the rest of the chain is walked: each costs another look through the tree. */
const MOST_REWRITES = 8;

/** Chains that are code now. */
const codes = new Set<Program>();
/** For each of them: it is in use no more when `isGone` says so. */
export function coolWhere(isGone: (program: Program) => boolean): void {
  for (const program of codes) if (isGone(program)) program.cool();
}

/** Rules that are asked one by one before the tree, at most. */
const MOST_IN_FRONT = 8;

/** All that the rules of a chain come to. */
export interface Content {
  readonly rules: (Rule | undefined)[];
  readonly callees: (Program | undefined)[];
  /** Undefined for a short chain: it is laid out when it is walked first. */
  readonly layout: Layout | undefined;
}

interface Layout {
  readonly conditions: ConditionList;
  readonly order: Int32Array;
  readonly tree: Tree | undefined;
}

type CalleeOf = (rule: Rule) => Program | undefined;

/** Whether a chain of so many rules needs none of the steps of contentInSteps(). */
export const isShort = (length: number): boolean => length <= tuning.walked;

export const shortContent = (rules: readonly Rule[], calleeOf: CalleeOf): Content => ({
  rules: rules.slice(),
  callees: rules.map(calleeOf),
  layout: undefined,
});

export function* contentInSteps(rules: readonly Rule[], calleeOf: CalleeOf): Steps<Content> {
  const { length } = rules;
  const callees: (Program | undefined)[] = [];
  const conditions = new ConditionList(length);
  const order = new Int32Array(length);
  for (let number = 0; number < length; number++) {
    order[number] = conditions.add(rules[number], number, number);
    callees.push(calleeOf(rules[number]));
    if (number % SLICE === SLICE - 1) yield;
  }
  const tree = yield* Tree.inSteps(conditions, order, false);
  return { rules: rules.slice(), callees, layout: { conditions, order, tree } };
}

const NO_CONDITIONS = new ConditionList(0);
const NO_ORDER: Int32Array = new Int32Array(0);

export class Program {
  /** Some rule in it, or reached from it, runs an extension target, which may rewrite the packet. Set at commit. */
  acts = false;
  readonly table: TableName;
  readonly chain: string;
  private readonly counts: Counts;
  private laidOut = false;
  private conditions = NO_CONDITIONS;
  /** By number of the rule; numbers of rules that are gone are used again. */
  private rules: (Rule | undefined)[] = [];
  private callees: (Program | undefined)[] = [];
  private free: number[] = [];
  /** Where the conditions of the rules begin, by position. From here on, that is what a rule is known by. */
  private order = NO_ORDER;
  private length = 0;
  /** Rules at the beginning that ask for no address: `ctstate ESTABLISHED`, which most packets go no further than, and the like. */
  private front = 0;
  private tree: Tree | undefined = undefined;
  /** For packets that are not whole; grown while they come, a step by each of them, which meanwhile go along the line. */
  private brokenTree: Tree | undefined = undefined;
  private growing: Steps<Tree> | undefined = undefined;
  private generated: Run | undefined = undefined;
  /** By number of the rule: why a packet that it drops is dropped. */
  private reasons: string[] | undefined = undefined;
  private walks = 0;
  private splices = 0;

  constructor(counts: Counts, table: TableName, chain: string) {
    this.counts = counts;
    this.table = table;
    this.chain = chain;
  }

  // --- Running ------------------------------------------------------------------------------------------------------

  /** A verdict to end the table with (0 or more), or RETURN. */
  run(pkt: Packet): Verdict {
    const { generated } = this;
    if (generated !== undefined) return generated(pkt);
    fillKey(pkt);
    return this.walk(pkt, 0);
  }

  /** From a rule that jumps here, with the key in place. */
  private enter(pkt: Packet): Verdict {
    const { generated } = this;
    return generated === undefined ? this.walk(pkt, 0) : generated(pkt);
  }

  /** From position `from` on, with the key in place. */
  private walk(pkt: Packet, from: number): Verdict {
    if (!this.laidOut) this.layOut();
    if (++this.walks === tuning.hot) this.heat();
    for (let rewrites = 0; ; rewrites++) {
      const { tree } = this;
      const step =
        key[WHOLE] === 0
          ? this.walkBroken(pkt, from)
          : tree === undefined || rewrites > MOST_REWRITES
            ? this.walkLine(pkt, from)
            : this.walkTree(pkt, from, tree);
      if (step !== REWRITTEN) return step;
      from = resume;
    }
  }

  private walkLine(pkt: Packet, from: number): Step {
    const { front, length } = this;
    const step = this.walkPart(pkt, from, front);
    if (step !== CONTINUE) return step;
    if (front === length) return RETURN;
    fillAddresses(pkt);
    const last = this.walkPart(pkt, Math.max(from, front), length);
    return last === CONTINUE ? RETURN : last;
  }

  /** The rules from `from` up to `to`, one by one. CONTINUE: none of them had the last word. */
  private walkPart(pkt: Packet, from: number, to: number): Step {
    const { order } = this;
    const { words } = this.conditions;
    for (let place = from; place < to; place++) {
      const rule = order[place];
      if (!hold(words, rule)) continue;
      const step = this.ask(rule, pkt);
      if (step === CONTINUE) continue;
      resume = place + 1;
      return step;
    }
    return CONTINUE;
  }

  private walkTree(pkt: Packet, from: number, tree: Tree): Step {
    const step = this.walkPart(pkt, from, this.front);
    return step === CONTINUE ? this.climb(pkt, Math.max(from, this.front), tree, false) : step;
  }

  private climb(pkt: Packet, from: number, tree: Tree, broken: boolean): Step {
    fillAddresses(pkt);
    const begin = base;
    const end = tree.collect(begin, from);
    if (end < 0) return broken ? this.walkLineBroken(pkt, from) : this.walkLine(pkt, from);
    let step: Step = RETURN;
    base = end;
    for (let each = begin; each < end; each++) {
      const rule = found[each];
      const said = broken ? this.askBroken(rule, pkt) : this.ask(rule, pkt);
      if (said === CONTINUE) continue;
      resume = this.conditions.words[rule + POSITION] + 1;
      step = said;
      break;
    }
    base = begin;
    return step;
  }

  private walkBroken(pkt: Packet, from: number): Step {
    if (this.tree === undefined) return this.walkLineBroken(pkt, from);
    const tree = this.brokenTree ?? this.growBroken();
    return tree === undefined ? this.walkLineBroken(pkt, from) : this.climb(pkt, from, tree, true);
  }

  /** One step more of the tree for such packets; undefined: there are more to come. */
  private growBroken(): Tree | undefined {
    this.growing ??= Tree.inSteps(this.conditions, this.order.slice(0, this.length), true);
    const { done, value } = this.growing.next();
    if (!done) return undefined;
    this.growing = undefined;
    this.brokenTree = value;
    return value;
  }

  private forgetBroken(): void {
    this.brokenTree = this.growing = undefined;
  }

  private walkLineBroken(pkt: Packet, from: number): Step {
    fillAddresses(pkt);
    const { order, length } = this;
    const { words } = this.conditions;
    for (let place = from; place < length; place++) {
      const rule = order[place];
      if (!holdBroken(words, rule)) continue;
      const step = this.askBroken(rule, pkt);
      if (step === CONTINUE) continue;
      resume = place + 1;
      return step;
    }
    return RETURN;
  }

  /** A rule whose conditions hold. */
  private ask(at: number, pkt: Packet): Step {
    const { words } = this.conditions;
    if ((words[at] & PLAIN) === 0) {
      const { asked } = this.rules[words[at + NUMBER]]!;
      for (let index = 0; index < asked.length; index++) {
        if (!asked[index](pkt)) return pkt.hotDropped ? DROP : CONTINUE;
      }
    }
    return this.act(at, pkt);
  }

  /** The same for a packet that is not whole: all that its key does not say is asked. */
  private askBroken(at: number, pkt: Packet): Step {
    const { spec, predicates } = this.rules[this.conditions.words[at + NUMBER]]!;
    const { protocol } = spec;
    if (protocol !== undefined || spec.allProtocols) {
      // ip6_packet_match(): a header chain that runs out of the packet drops it, whatever protocol is asked for.
      if (spec.family === 6 && pkt.protocol < 0) {
        pkt.hotDrop('header chain cut short');
        return DROP;
      }
      if (protocol !== undefined && (pkt.protocol === protocol.number) === protocol.inverted) return CONTINUE;
    }
    for (let index = 0; index < predicates.length; index++) {
      if (!predicates[index](pkt)) return pkt.hotDropped ? DROP : CONTINUE;
    }
    return this.act(at, pkt);
  }

  private act(at: number, pkt: Packet): Step {
    const { counts } = this;
    const { words } = this.conditions;
    const slot = words[at + SLOT];
    counts.packets[slot]++;
    counts.bytes[slot] += pkt.end - pkt.l3;
    const word = words[at + DOES];
    switch (doesOf(word)) {
      case VERDICT: {
        const verdict = verdictOf(word);
        if (verdict === DROP) pkt.reason = this.reasonOf(at);
        return verdict;
      }
      case JUMP: {
        const callee = this.callees[words[at + NUMBER]]!;
        const verdict = callee.enter(pkt);
        if (verdict >= 0) return verdict;
        return callee.acts ? rewritten(pkt) : CONTINUE;
      }
      case GOTO: {
        const verdict = this.callees[words[at + NUMBER]]!.enter(pkt);
        return verdict < 0 ? RETURN : verdict;
      }
      case EXTENSION: {
        const verdict = this.rules[words[at + NUMBER]]!.action!(pkt);
        if (verdict === CONTINUE) return rewritten(pkt);
        if (verdict === DROP) pkt.reason = this.reasonOf(at);
        return verdict;
      }
      default:
        return CONTINUE;
    }
  }

  /** Built at the first drop, for the rule's place changes with edits before it. */
  private reasonOf(at: number): string {
    const { words } = this.conditions;
    this.reasons ??= [];
    return (this.reasons[words[at + NUMBER]] ??= `${this.table} ${this.chain} rule ${words[at + POSITION] + 1}`);
  }

  /** The chain becomes code, if it may: V8 does not optimise giant functions, so of a long one only what stands in front of its tree does. */
  private heat(): void {
    const { length, conditions, counts } = this;
    const many = length > tuning.generated ? this.front : length;
    if (many === 0 || codes.size >= tuning.codes) return;
    const chain = Array.from(this.order.subarray(0, many), (at) => ({
      rule: this.ruleAt(at),
      at,
      callee: this.callees[this.numberAt(at)],
      reason: this.reasonOf(at),
    }));
    this.generated = compileChain(chain, many === length, conditions, counts, (pkt, from) => {
      fillKey(pkt);
      return this.walk(pkt, from);
    });
    if (this.generated !== undefined) codes.add(this);
  }

  // --- Making -------------------------------------------------------------------------------------------------------

  /** The chain, or what its code took for granted, is not what it was. */
  cool(): void {
    if (this.generated !== undefined) codes.delete(this);
    this.reasons = undefined;
    this.generated = undefined;
    this.walks = 0;
  }

  become({ rules, callees, layout }: Content): void {
    this.cool();
    this.rules = rules;
    this.callees = callees;
    this.length = rules.length;
    this.free = [];
    this.splices = 0;
    this.forgetBroken();
    this.conditions = layout?.conditions ?? NO_CONDITIONS;
    this.order = layout?.order ?? NO_ORDER;
    this.tree = layout?.tree;
    this.laidOut = layout !== undefined;
    this.front = this.laidOut ? this.measureFront() : 0;
  }

  /** A short chain, when it is walked first. */
  private layOut(): void {
    const { length } = this;
    this.conditions = new ConditionList(length);
    this.order = new Int32Array(length);
    for (let number = 0; number < length; number++) {
      this.order[number] = this.conditions.add(this.rules[number]!, number, number);
    }
    this.front = this.measureFront();
    this.laidOut = true;
  }

  /** Whether splice() may take so many rules out and in: it is short, and there is something to do it in. */
  isSpliceable(removed: number, added: number): boolean {
    const length = this.length + added - removed;
    const splices = this.splices + removed + added;
    return (
      this.tree !== undefined && length > tuning.walked && removed + added <= MOST_AT_ONCE && splices <= length / 2
    );
  }

  /** The `removed` rules from position `from` on give way to `rules`. Only where isSpliceable() says so. */
  splice(from: number, removed: number, rules: readonly Rule[], callees: readonly (Program | undefined)[]): void {
    const length = this.length + rules.length - removed;
    const tree = this.tree!;
    this.splices += removed + rules.length;
    this.cool();
    const { brokenTree } = this;
    if (!brokenTree) this.forgetBroken();
    for (let place = from; place < from + removed; place++) {
      const at = this.order[place];
      const number = this.numberAt(at);
      tree.remove(at);
      brokenTree?.remove(at);
      this.rules[number] = this.callees[number] = undefined;
      this.free.push(number);
    }
    const fresh = rules.map((rule, index) => this.take(rule, callees[index]));
    const order = length > this.order.length ? enlarged(this.order, length) : this.order;
    order.copyWithin(from + rules.length, from + removed, this.length);
    order.set(fresh, from);
    this.order = order;
    this.length = length;
    const { words } = this.conditions;
    for (let place = from; place < length; place++) words[order[place] + POSITION] = place;
    for (const at of fresh) {
      tree.insert(at);
      brokenTree?.insert(at);
    }
    this.front = this.measureFront();
  }

  private numberAt(at: number): number {
    return this.conditions.words[at + NUMBER];
  }

  private ruleAt(at: number): Rule {
    return this.rules[this.numberAt(at)]!;
  }

  private measureFront(): number {
    const { order, length } = this;
    const { words } = this.conditions;
    let front = 0;
    while (front < length && front < MOST_IN_FRONT && !asksAddress(words, order[front])) front++;
    return front;
  }

  /** Where its conditions begin; its position is not there yet. */
  private take(rule: Rule, callee: Program | undefined): number {
    const number = this.free.pop() ?? this.rules.length;
    this.rules[number] = rule;
    this.callees[number] = callee;
    return this.conditions.add(rule, number, 0);
  }

  /** Octets of the arrays. */
  get memory(): number {
    const { conditions, order, tree, brokenTree } = this;
    return conditions.words.byteLength + order.byteLength + (tree?.memory ?? 0) + (brokenTree?.memory ?? 0);
  }
}

function rewritten(pkt: Packet): typeof REWRITTEN {
  fillKey(pkt);
  return REWRITTEN;
}

function enlarged(array: Int32Array, room: number): Int32Array {
  const larger = new Int32Array(Math.ceil(room * 1.25) + 16);
  larger.set(array);
  return larger;
}
