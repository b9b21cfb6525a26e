// Rules as a walk sees them: those of a long chain (long-chain.ts), or those of many short chains, one chain behind the other.
//
// Short chains come in thousands (kube-proxy has two or three for a service), and no cache holds them all, so what a packet has to touch of
// each is kept close: a chain is a few words in front of its rules, and its rules lie in one piece behind. A jump within the shelf goes from
// words to words. A chain that has been laid elsewhere since, that has become code, or that is long, is gone to by its program.
//
//   words of a chain   | its number | where its rules end | walks | rule (conditions.ts) | rule ...
//
// A short chain is put there when the first packet comes to it: chains that follow each other lie beside each other, and most of thousands
// see no packet for long. When a shelf is full, another one is begun; when most chains have left it, the others are sent off, too.

import type { Packet } from '../../packet/packet.ts';
import type { Predicate } from '../extension.ts';
import type { Counts } from '../install/counters.ts';
import { EXTENSION, GOTO, JUMP, type Rule, VERDICT } from '../install/rule.ts';
import { CONTINUE, DROP, RETURN, type Verdict } from '../verdict.ts';
import {
  ADDRESSED,
  behind,
  ConditionList,
  DOES,
  doesOf,
  HEAD,
  hold,
  holdBroken,
  MANY,
  NUMBER,
  PLAIN,
  POSITION,
  SLOT,
  TO,
  verdictOf,
} from './conditions.ts';
import { fillAddresses, fillKey, key, WHOLE } from './key.ts';
import type { Program } from './program.ts';
import { tuning } from './tuning.ts';

/** From a rule: an action ran that may have rewritten the packet. The key has been filled anew; what was found by the old one is void. */
export const REWRITTEN = -3;
export type Step = Verdict | typeof REWRITTEN;

/** Words in front of the rules of a short chain. */
const CHAIN = 0;
const END = 1;
const WALKS = 2;
const FRONT = 3;

/** With REWRITTEN: the rule to go on with. */
let resume = 0;

/** Where the chains of a table are put, for as long as it is edited. What replaces it as a whole has another: nothing of it is held any longer. */
export class Shelves {
  readonly counts: Counts;
  private filling: Shelf | undefined = undefined;

  constructor(counts: Counts) {
    this.counts = counts;
  }

  /** One with room for another chain. */
  get open(): Shelf {
    const { filling } = this;
    if (filling?.isOpen) return filling;
    filling?.close();
    this.filling = new Shelf(this.counts, new ConditionList(0, 1));
    return this.filling;
  }
}

export class Shelf {
  readonly conditions: ConditionList;
  readonly counts: Counts;
  /** By number of the rule. */
  readonly rules: (Rule | undefined)[];
  /** By number of the chain: those whose rules are here, and those that these jump to. TO of a rule is where it jumps, or the chain it is in. */
  readonly programs: (Program | undefined)[];
  /** By number of the chain: where its words are; 0: its program knows how it is walked. */
  private readonly places: number[];
  /** While it is being filled. */
  private numbers: Map<Program, number> | undefined = new Map();
  /** Words of chains that are still here. */
  private used = 0;
  private cleared = false;
  /** By number of the rule: why a packet that it drops is dropped. */
  private reasons: string[] = [];

  /** No chain's place is 0: the conditions begin behind it. */
  constructor(
    counts: Counts,
    conditions: ConditionList,
    rules: (Rule | undefined)[] = [],
    programs: (Program | undefined)[] = [],
  ) {
    this.counts = counts;
    this.conditions = conditions;
    this.rules = rules;
    this.programs = programs;
    this.places = programs.map(() => 0);
  }

  // --- Walking a short chain ----------------------------------------------------------------------------------------

  /** A verdict to end the table with (0 or more), or RETURN; the key is in place. */
  walk(place: number, pkt: Packet): Verdict {
    const { words } = this.conditions;
    if (++words[place + WALKS] === tuning.hot) this.programs[words[place + CHAIN]]!.heat();
    return this.walkRules(place + FRONT, words[place + END], pkt);
  }

  /** The same from a position on. */
  walkFrom(place: number, position: number, pkt: Packet): Verdict {
    const { words } = this.conditions;
    let from = place + FRONT;
    for (let left = position; left > 0; left--) from = behind(words, from);
    return this.walkRules(from, words[place + END], pkt);
  }

  private walkRules(from: number, end: number, pkt: Packet): Verdict {
    for (;;) {
      const step = key[WHOLE] === 0 ? this.walkBroken(from, end, pkt) : this.walkWhole(from, end, pkt);
      if (step !== REWRITTEN) return step;
      from = resume;
    }
  }

  private walkWhole(from: number, end: number, pkt: Packet): Step {
    const { words } = this.conditions;
    for (let at = from; at < end; ) {
      const first = words[at];
      if ((first & ADDRESSED) !== 0) fillAddresses(pkt);
      if (hold(words, at)) {
        const step = this.ask(at, pkt);
        if (step !== CONTINUE) {
          resume = behind(words, at);
          return step;
        }
      }
      at += HEAD + 3 * (first & MANY) + ((first & PLAIN) === 0 ? 2 : 0);
    }
    return RETURN;
  }

  private walkBroken(from: number, end: number, pkt: Packet): Step {
    const { words } = this.conditions;
    fillAddresses(pkt);
    for (let at = from; at < end; at = behind(words, at)) {
      if (!holdBroken(words, at)) continue;
      const step = this.askBroken(at, pkt);
      if (step === CONTINUE) continue;
      resume = behind(words, at);
      return step;
    }
    return RETURN;
  }

  /** Where the rules of the chain begin. */
  rulesOf(place: number): number[] {
    const { words } = this.conditions;
    const all: number[] = [];
    for (let at = place + FRONT; at < words[place + END]; at = behind(words, at)) all.push(at);
    return all;
  }

  // --- A rule ---------------------------------------------------------------------------------------------------------

  /** A rule whose conditions hold. */
  ask(at: number, pkt: Packet): Step {
    const { words, predicates } = this.conditions;
    if ((words[at] & PLAIN) === 0) {
      const asked = at + HEAD + 3 * (words[at] & MANY);
      for (let index = words[asked], end = words[asked + 1]; index < end; index++) {
        if (!predicates[index](pkt)) return pkt.hotDropped ? DROP : CONTINUE;
      }
    }
    return this.act(at, pkt);
  }

  /** The same for a packet that is not whole: all that its key does not say is asked. */
  askBroken(at: number, pkt: Packet): Step {
    const { spec, predicates } = this.ruleAt(at);
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
        const to = words[at + TO];
        const verdict = this.enter(to, pkt);
        if (verdict >= 0) return verdict;
        return this.programs[to]!.acts ? rewritten(pkt) : CONTINUE;
      }
      case GOTO: {
        const verdict = this.enter(words[at + TO], pkt);
        return verdict < 0 ? RETURN : verdict;
      }
      case EXTENSION: {
        const verdict = this.ruleAt(at).action!(pkt);
        if (verdict === CONTINUE) return rewritten(pkt);
        if (verdict === DROP) pkt.reason = this.reasonOf(at);
        return verdict;
      }
      default:
        return CONTINUE;
    }
  }

  private enter(to: number, pkt: Packet): Verdict {
    const place = this.places[to];
    return place !== 0 ? this.walk(place, pkt) : this.programs[to]!.enter(pkt);
  }

  ruleAt(at: number): Rule {
    return this.rules[this.conditions.words[at + NUMBER]]!;
  }

  calleeAt(at: number): Program | undefined {
    return jumps(this.ruleAt(at)) ? this.programs[this.conditions.words[at + TO]] : undefined;
  }

  /** Built at the first drop, for the rule's place changes with edits before it. */
  reasonOf(at: number): string {
    const { words } = this.conditions;
    return (this.reasons[words[at + NUMBER]] ??= this.reason(at));
  }

  private reason(at: number): string {
    const { words } = this.conditions;
    // A jump drops nothing.
    return jumps(this.ruleAt(at)) ? '' : this.programs[words[at + TO]]!.reasonOf(words[at + POSITION]);
  }

  forgetReasons(): void {
    this.reasons = [];
  }

  // --- Making -------------------------------------------------------------------------------------------------------

  get isOpen(): boolean {
    return this.conditions.used <= tuning.shelf;
  }

  /** Chains on it may be walked just now. */
  close(): void {
    this.conditions.trim();
    this.numbers = undefined;
  }

  /** Puts a short chain here. `callees`: what its rules jump to, by position; none where no rule jumps. Says where it is. */
  lay(program: Program, rules: readonly Rule[], callees: readonly (Program | undefined)[]): number {
    const { conditions } = this;
    const place = conditions.take(FRONT);
    const chain = this.numberOf(program);
    for (let position = 0; position < rules.length; position++) {
      const callee = callees[position];
      const to = callee === undefined ? chain : this.numberOf(callee);
      conditions.add(rules[position], this.rules.push(rules[position]) - 1, position, to);
    }
    const { words } = conditions;
    words[place + CHAIN] = chain;
    words[place + END] = conditions.used;
    this.places[chain] = place;
    this.used += conditions.used - place;
    return place;
  }

  private numberOf(program: Program): number {
    const numbers = this.numbers!;
    let number = numbers.get(program);
    if (number === undefined) numbers.set(program, (number = this.admit(program)));
    return number;
  }

  /** A number for a chain. */
  admit(program: Program): number {
    this.places.push(0);
    return this.programs.push(program) - 1;
  }

  /** Jumps go to the words of the chain, if they do not go to its program; its walks are counted anew. */
  resume(place: number): void {
    const { words } = this.conditions;
    words[place + WALKS] = 0;
    this.places[words[place + CHAIN]] = place;
  }

  /** Jumps go to the chain's program. */
  bypass(place: number): void {
    this.places[this.conditions.words[place + CHAIN]] = 0;
  }

  /** The chain is not here any more. Only while no packet is on its way through the rules. */
  remove(place: number): void {
    const { words, predicates } = this.conditions;
    this.bypass(place);
    for (const at of this.rulesOf(place)) {
      this.rules[words[at + NUMBER]] = undefined;
      if ((words[at] & PLAIN) !== 0) continue;
      const asked = at + HEAD + 3 * (words[at] & MANY);
      for (let index = words[asked]; index < words[asked + 1]; index++) predicates[index] = never;
    }
    this.used -= this.memoryOf(place) / 4;
    this.clearOut();
  }

  /** Closed, and hardly anything left on it: the rest goes, too. */
  private clearOut(): void {
    if (this.cleared || this.numbers !== undefined || 4 * this.used >= this.conditions.used) return;
    this.cleared = true;
    for (const [chain, program] of this.programs.entries()) if (this.places[chain] !== 0) program!.leaveShelf();
  }

  /** Octets of a short chain. */
  memoryOf(place: number): number {
    return 4 * (this.conditions.words[place + END] - place);
  }
}

const never: Predicate = () => false;
const jumps = ({ does }: Rule): boolean => does === JUMP || does === GOTO;

function rewritten(pkt: Packet): typeof REWRITTEN {
  fillKey(pkt);
  return REWRITTEN;
}
