// A chain as it runs. There are three ways through it, with one meaning:
//   - walked, rule after rule, on conditions as numbers (conditions.ts): short chains (shelf.ts), and packets that are not whole;
//   - by the tree (tree.ts), which gives the rules that may match: long chains (long-chain.ts);
//   - generated code (../compile.ts): short chains that are hot, and the first rules of long ones, where the runtime lets us make code.
//
// A Program is what a jump refers to. It stays the same object for as long as rules that jump to it do, so an edit of a chain touches nothing
// that jumps to it. Only the commit of a table changes it (become, splice), which cannot fail. What a long chain is going to become is made
// beforehand, in steps between which packets go through what it still is (contentInSteps); a short one is laid out when the first packet
// comes to it: of kube-proxy's thousands most see none for long.

import type { TableName } from '../../grammar/tables.ts';
import type { Packet } from '../../packet/packet.ts';
import { compileChain, type Run } from '../install/compile.ts';
import type { Rule } from '../install/rule.ts';
import type { Steps } from '../install/steps.ts';
import { RETURN, type Verdict } from '../verdict.ts';
import { fillKey } from './key.ts';
import { LongChain, type LongLayout, longLayoutInSteps } from './long-chain.ts';
import { Shelf, type Shelves } from './shelf.ts';
import { tuning } from './tuning.ts';

/** Chains that are code now. */
const codes = new Set<Program>();
/** For each of them: it is in use no more when `isGone` says so. */
export function coolWhere(isGone: (program: Program) => boolean): void {
  for (const program of codes) if (isGone(program)) program.cool();
}

/** A chain without rules. */
const EMPTY: Run = () => RETURN;

/** All that the rules of a chain come to. */
export interface Content {
  readonly rules: readonly Rule[];
  /** What they jump to: of a short chain by position, none where no rule jumps; of a long one behind the chain itself, as its rules refer to them. */
  readonly callees: (Program | undefined)[];
  /** Undefined for a short chain: it is laid out when it is walked first. */
  readonly layout: LongLayout | undefined;
}

const NONE: never[] = [];
const NOTHING: Content = { rules: NONE, callees: NONE, layout: undefined };

type CalleeOf = (rule: Rule) => Program | undefined;

/** Whether a chain of so many rules needs none of the steps of contentInSteps(). */
export const isShort = (length: number): boolean => length <= tuning.walked;

/** The rules are not changed afterwards. */
export function shortContent(rules: readonly Rule[], calleeOf: CalleeOf): Content {
  let callees: (Program | undefined)[] = NONE;
  for (let position = 0; position < rules.length; position++) {
    const callee = calleeOf(rules[position]);
    if (callee === undefined) continue;
    if (callees === NONE) callees = rules.map(() => undefined);
    callees[position] = callee;
  }
  return { rules, callees, layout: undefined };
}

export function* contentInSteps(rules: readonly Rule[], calleeOf: CalleeOf): Steps<Content> {
  const callees: (Program | undefined)[] = [undefined];
  const layout = yield* longLayoutInSteps(rules, (rule) => {
    const callee = calleeOf(rule);
    return callee === undefined ? 0 : callees.push(callee) - 1;
  });
  return { rules, callees, layout };
}

export class Program {
  /** What is quickest; without rules from the beginning. */
  private generated: Run | undefined = EMPTY;
  /** A short chain that has been walked: on which shelf, and where there. */
  private shelf: Shelf | undefined = undefined;
  private place = 0;
  private long: LongChain | undefined = undefined;
  private walks = 0;
  /** Some rule in it, or reached from it, runs an extension target, which may rewrite the packet. Set at commit. */
  acts = false;
  readonly table: TableName;
  readonly chain: string;
  readonly shelves: Shelves;
  /** Of a short chain. */
  private content = NOTHING;

  constructor(shelves: Shelves, table: TableName, chain: string) {
    this.shelves = shelves;
    this.table = table;
    this.chain = chain;
  }

  // --- Running ------------------------------------------------------------------------------------------------------

  /** A verdict to end the table with (0 or more), or RETURN. */
  run(pkt: Packet): Verdict {
    const { generated } = this;
    if (generated !== undefined) return generated(pkt);
    fillKey(pkt);
    return this.walk(pkt);
  }

  /** From a rule that jumps here, with the key in place. */
  enter(pkt: Packet): Verdict {
    const { generated } = this;
    return generated === undefined ? this.walk(pkt) : generated(pkt);
  }

  private walk(pkt: Packet): Verdict {
    const { long } = this;
    if (long === undefined) return (this.shelf ?? this.lie()).walk(this.place, pkt);
    if (++this.walks === tuning.hot) this.heat();
    return long.walk(pkt, 0);
  }

  /** A short chain is walked for the first time. */
  private lie(): Shelf {
    const { rules, callees } = this.content;
    const shelf = this.shelves.open;
    this.place = shelf.lay(this, rules, callees);
    this.shelf = shelf;
    return shelf;
  }

  /** The chain becomes code, if it may: V8 does not optimise giant functions, so of a long one only what stands in front of its tree does. */
  heat(): void {
    const { long, place } = this;
    const shelf = long?.shelf ?? this.shelf!;
    const all = long?.all ?? shelf.rulesOf(place);
    const many = all.length <= tuning.generated ? all.length : (long?.front ?? 0);
    if (many === 0 || codes.size >= tuning.codes) return;
    const chain = Array.from(all.slice(0, many), (at) => ({
      rule: shelf.ruleAt(at),
      at,
      callee: shelf.calleeAt(at),
      reason: shelf.reasonOf(at),
    }));
    this.generated = compileChain(chain, many === all.length, shelf.conditions, shelf.counts, (pkt, from) => {
      fillKey(pkt);
      return long === undefined ? shelf.walkFrom(place, from, pkt) : long.walk(pkt, from);
    });
    if (this.generated === undefined) return;
    codes.add(this);
    if (long === undefined) shelf.bypass(place);
  }

  /** Why a packet is dropped that the rule at that position drops. */
  reasonOf(position: number): string {
    return `${this.table} ${this.chain} rule ${position + 1}`;
  }

  // --- Making -------------------------------------------------------------------------------------------------------

  /** What its code took for granted is not as it was. */
  cool(): void {
    this.walks = 0;
    if (!codes.delete(this)) return;
    this.generated = undefined;
    this.shelf?.resume(this.place);
  }

  become(content: Content): void {
    const { rules, callees, layout } = content;
    this.leaveShelf();
    this.long = undefined;
    this.content = NOTHING;
    this.generated = rules.length === 0 ? EMPTY : undefined;
    if (layout === undefined) {
      this.content = content;
      return;
    }
    callees[0] = this;
    this.long = new LongChain(new Shelf(this.shelves.counts, layout.conditions, rules.slice(), callees), layout);
  }

  /** It is short, and is to be laid out anew when it is walked. */
  leaveShelf(): void {
    this.cool();
    this.shelf?.remove(this.place);
    this.shelf = undefined;
    this.place = 0;
  }

  /** Whether splice() may take so many rules out and in. */
  isSpliceable(removed: number, added: number): boolean {
    return this.long?.isSpliceable(removed, added) ?? false;
  }

  /** The `removed` rules from position `from` on give way to `rules`. Only where isSpliceable() says so. */
  splice(from: number, removed: number, rules: readonly Rule[], callees: readonly (Program | undefined)[]): void {
    this.cool();
    this.long!.splice(from, removed, rules, callees);
  }

  /** Octets of the arrays. */
  get memory(): number {
    return this.long?.memory ?? this.shelf?.memoryOf(this.place) ?? 0;
  }
}
