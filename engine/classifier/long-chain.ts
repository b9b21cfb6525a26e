// A long chain: the rules in front that ask for no address, one by one, then those that its tree (tree.ts) gives. Edits change it in place.

import type { Packet } from '../../packet/packet.ts';
import type { Rule } from '../install/rule.ts';
import { MOST_AT_ONCE, SLICE, type Steps } from '../install/steps.ts';
import { CONTINUE, RETURN, type Verdict } from '../verdict.ts';
import { ADDRESSED, ConditionList, hold, holdBroken, NUMBER, POSITION, TO } from './conditions.ts';
import { fillAddresses, key, WHOLE } from './key.ts';
import type { Program } from './program.ts';
import { REWRITTEN, type Shelf, type Step } from './shelf.ts';
import { found, Tree } from './tree.ts';
import { tuning } from './tuning.ts';

/** With REWRITTEN: where in the chain to go on. */
let resume = 0;
/** How much of `found` the walks further out use. */
let base = 0;

/** Rewriting rules met in one walk by the tree, after which the rest of the chain is walked: each costs another look through the tree. */
const MOST_REWRITES = 8;

/** Rules that are asked one by one before the tree, at most. */
const MOST_IN_FRONT = 8;

/** What takes time to make of the rules of a long chain. */
export interface LongLayout {
  readonly conditions: ConditionList;
  readonly order: Int32Array;
  readonly tree: Tree;
}

/** `to`: number of the chain that a rule jumps to, 0 for others. */
export function* longLayoutInSteps(rules: readonly Rule[], to: (rule: Rule) => number): Steps<LongLayout> {
  const conditions = new ConditionList(rules.length);
  const order = new Int32Array(rules.length);
  for (let number = 0; number < rules.length; number++) {
    order[number] = conditions.add(rules[number], number, number, to(rules[number]));
    if (number % SLICE === SLICE - 1) yield;
  }
  return { conditions, order, tree: yield* Tree.inSteps(conditions, order, false) };
}

export class LongChain {
  /** Its rules, and what they jump to; chain 0 is itself. */
  readonly shelf: Shelf;
  /** Rules at the beginning that ask for no address: `ctstate ESTABLISHED`, which most packets go no further than, and the like. */
  front = 0;
  length: number;
  /** Where the conditions of the rules begin, by position. From here on, that is what a rule is known by. */
  private order: Int32Array;
  private readonly tree: Tree;
  /** For packets that are not whole; grown while they come, a step by each of them, which meanwhile go along the line. */
  private brokenTree: Tree | undefined = undefined;
  private growing: Steps<Tree> | undefined = undefined;
  /** Numbers of rules, and of chains that they jumped to, which are used again. */
  private readonly freeRules: number[] = [];
  private readonly freeCallees: number[] = [];
  private splices = 0;

  constructor(shelf: Shelf, { order, tree }: LongLayout) {
    this.shelf = shelf;
    this.order = order;
    this.length = order.length;
    this.tree = tree;
    this.measureFront();
  }

  // --- Walking ------------------------------------------------------------------------------------------------------

  /** From position `from` on, with the key in place. */
  walk(pkt: Packet, from: number): Verdict {
    for (let rewrites = 0; ; rewrites++) {
      const step =
        key[WHOLE] === 0
          ? this.walkBroken(pkt, from)
          : rewrites > MOST_REWRITES
            ? this.walkLine(pkt, from)
            : this.walkTree(pkt, from);
      if (step !== REWRITTEN) return step;
      from = resume;
    }
  }

  private walkLine(pkt: Packet, from: number): Step {
    fillAddresses(pkt);
    const step = this.walkPart(pkt, from, this.length);
    return step === CONTINUE ? RETURN : step;
  }

  /** The rules from `from` up to `to`, one by one. CONTINUE: none of them had the last word. */
  private walkPart(pkt: Packet, from: number, to: number): Step {
    const { order, shelf } = this;
    const { words } = shelf.conditions;
    for (let place = from; place < to; place++) {
      const rule = order[place];
      if (!hold(words, rule)) continue;
      const step = shelf.ask(rule, pkt);
      if (step === CONTINUE) continue;
      resume = place + 1;
      return step;
    }
    return CONTINUE;
  }

  private walkTree(pkt: Packet, from: number): Step {
    const { front } = this;
    const step = this.walkPart(pkt, from, front);
    return step === CONTINUE ? this.climb(pkt, Math.max(from, front), this.tree, false) : step;
  }

  private climb(pkt: Packet, from: number, tree: Tree, broken: boolean): Step {
    fillAddresses(pkt);
    const { shelf } = this;
    const begin = base;
    const end = tree.collect(begin, from);
    if (end < 0) return broken ? this.walkLineBroken(pkt, from) : this.walkLine(pkt, from);
    let step: Step = RETURN;
    base = end;
    for (let each = begin; each < end; each++) {
      const rule = found[each];
      const said = broken ? shelf.askBroken(rule, pkt) : shelf.ask(rule, pkt);
      if (said === CONTINUE) continue;
      resume = shelf.conditions.words[rule + POSITION] + 1;
      step = said;
      break;
    }
    base = begin;
    return step;
  }

  private walkBroken(pkt: Packet, from: number): Step {
    const tree = this.brokenTree ?? this.growBroken();
    return tree === undefined ? this.walkLineBroken(pkt, from) : this.climb(pkt, from, tree, true);
  }

  /** One step more of the tree for such packets; undefined: there are more to come. */
  private growBroken(): Tree | undefined {
    this.growing ??= Tree.inSteps(this.shelf.conditions, this.order.slice(0, this.length), true);
    const { done, value } = this.growing.next();
    if (!done) return undefined;
    this.growing = undefined;
    this.brokenTree = value;
    return value;
  }

  private walkLineBroken(pkt: Packet, from: number): Step {
    fillAddresses(pkt);
    const { order, length, shelf } = this;
    const { words } = shelf.conditions;
    for (let place = from; place < length; place++) {
      const rule = order[place];
      if (!holdBroken(words, rule)) continue;
      const step = shelf.askBroken(rule, pkt);
      if (step === CONTINUE) continue;
      resume = place + 1;
      return step;
    }
    return RETURN;
  }

  /** Where its rules begin, by position. */
  get all(): Int32Array {
    return this.order.subarray(0, this.length);
  }

  // --- Edits --------------------------------------------------------------------------------------------------------

  /** Whether splice() may take so many rules out and in: it is better than to build anew, and it stays long. */
  isSpliceable(removed: number, added: number): boolean {
    const length = this.length + added - removed;
    const splices = this.splices + removed + added;
    return length > tuning.walked && removed + added <= MOST_AT_ONCE && splices <= length / 2;
  }

  /** The `removed` rules from position `from` on give way to `rules`. Only where isSpliceable() says so. */
  splice(from: number, removed: number, rules: readonly Rule[], callees: readonly (Program | undefined)[]): void {
    const length = this.length + rules.length - removed;
    const { tree, brokenTree, shelf } = this;
    this.splices += removed + rules.length;
    if (!brokenTree) this.growing = undefined;
    for (let place = from; place < from + removed; place++) {
      const at = this.order[place];
      tree.remove(at);
      brokenTree?.remove(at);
      this.drop(at);
    }
    const fresh = rules.map((rule, index) => this.take(rule, callees[index]));
    const order = length > this.order.length ? enlarged(this.order, length) : this.order;
    order.copyWithin(from + rules.length, from + removed, this.length);
    order.set(fresh, from);
    this.order = order;
    this.length = length;
    const { words } = shelf.conditions;
    for (let place = from; place < length; place++) words[order[place] + POSITION] = place;
    for (const at of fresh) {
      tree.insert(at);
      brokenTree?.insert(at);
    }
    shelf.forgetReasons();
    this.measureFront();
  }

  /** Where its conditions begin; its position is not there yet. */
  private take(rule: Rule, callee: Program | undefined): number {
    const { shelf } = this;
    const number = this.freeRules.pop() ?? shelf.rules.length;
    shelf.rules[number] = rule;
    return shelf.conditions.add(rule, number, 0, callee === undefined ? 0 : this.takeCallee(callee));
  }

  private takeCallee(callee: Program): number {
    const free = this.freeCallees.pop();
    if (free === undefined) return this.shelf.admit(callee);
    this.shelf.programs[free] = callee;
    return free;
  }

  private drop(at: number): void {
    const { shelf } = this;
    const { words } = shelf.conditions;
    if (shelf.calleeAt(at) !== undefined) {
      shelf.programs[words[at + TO]] = undefined;
      this.freeCallees.push(words[at + TO]);
    }
    shelf.rules[words[at + NUMBER]] = undefined;
    this.freeRules.push(words[at + NUMBER]);
  }

  private measureFront(): void {
    const { order, length } = this;
    const { words } = this.shelf.conditions;
    let front = 0;
    while (front < length && front < MOST_IN_FRONT && (words[order[front]] & ADDRESSED) === 0) front++;
    this.front = front;
  }

  /** Octets of the arrays. */
  get memory(): number {
    const { shelf, order, tree, brokenTree } = this;
    return shelf.conditions.words.byteLength + order.byteLength + tree.memory + (brokenTree?.memory ?? 0);
  }
}

function enlarged(array: Int32Array, room: number): Int32Array {
  const larger = new Int32Array(Math.ceil(room * 1.25) + 16);
  larger.set(array);
  return larger;
}
