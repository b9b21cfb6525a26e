// What happened to one packet, step by step: every hook, table and rule that it met, which condition of a rule said no and what it
// saw, what the tracker made of it, where it went and why it ended. Packets that it caused (REJECT answers, echo replies, ICMP
// errors) are in the same trace under numbers of their own; the packet asked about is number 0.

import type { ChainSpec, RuleSpec } from '../../grammar/rule-spec.ts';
import { HOOKS, type HookName, type TableName } from '../../grammar/tables.ts';
import { addressAt, formatAddress } from '../../packet/address.ts';
import type { Family } from '../../packet/numbers.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED, type Packet } from '../../packet/packet.ts';
import type { Table } from '../install/table.ts';
import type { BasePart, Stopped } from '../reference.ts';
import type { LogRecord, Services } from '../services.ts';
import { ACCEPT, CONTINUE, DROP, QUEUE, QUEUE_BYPASS, RETURN, STOLEN, type Verdict } from '../verdict.ts';
import type { WalkObserver } from '../walk.ts';

export type VerdictName = 'ACCEPT' | 'DROP' | 'QUEUE' | 'QUEUE_BYPASS' | 'STOLEN' | 'RETURN' | 'CONTINUE';

export const VERDICT_NAMES: Readonly<Record<Verdict, VerdictName>> = {
  [ACCEPT]: 'ACCEPT',
  [DROP]: 'DROP',
  [QUEUE]: 'QUEUE',
  [QUEUE_BYPASS]: 'QUEUE_BYPASS',
  [STOLEN]: 'STOLEN',
  [RETURN]: 'RETURN',
  [CONTINUE]: 'CONTINUE',
};

/** The condition that said no: a part of the rule itself or one of its matches, and what it saw in a few words. */
export interface Refusal {
  readonly condition: BasePart | { readonly match: number; readonly name: string };
  readonly saw: string;
}

export type TraceEvent =
  | {
      readonly kind: 'hook';
      readonly hook: HookName;
      readonly in: string;
      readonly out: string;
      readonly octets: Uint8Array;
      readonly mark: number;
    }
  | { readonly kind: 'gathered'; readonly said: string }
  | { readonly kind: 'tracked'; readonly ctstate: string; readonly connection: number; readonly reason: string }
  | { readonly kind: 'table'; readonly table: TableName }
  | RuleStep
  | { readonly kind: 'policy'; readonly table: TableName; readonly chain: string; readonly policy: 'ACCEPT' | 'DROP' }
  | { readonly kind: 'routed'; readonly where: string; readonly device: string }
  | { readonly kind: 'sent'; readonly device: string; readonly octets: Uint8Array }
  | { readonly kind: 'log'; readonly record: LogRecord }
  | { readonly kind: 'ended'; readonly verdict: 'DROP' | 'STOLEN'; readonly reason: string };

export type TraceStep = TraceEvent & { readonly packet: number };

export interface RuleStep {
  readonly kind: 'rule';
  readonly table: TableName;
  readonly chain: string;
  /** Counts from 1. */
  readonly number: number;
  readonly rule: RuleSpec;
  /** Undefined: the rule matched. */
  readonly refusal: Refusal | undefined;
  /** Of a rule that matched; undefined where it has no target. A jump says CONTINUE. */
  verdict: VerdictName | undefined;
}

export interface Trace {
  readonly steps: readonly TraceStep[];
  /** What became of packet 0. `held`: a fragment that waits for the others. */
  readonly fate: 'sent' | 'delivered' | 'dropped' | 'stolen' | 'held';
  /** Why it was dropped; ''. */
  readonly reason: string;
}

const CTSTATES: readonly (readonly [number, string])[] = [
  [CT_INVALID, 'INVALID'],
  [CT_ESTABLISHED, 'ESTABLISHED'],
  [CT_RELATED, 'RELATED'],
  [CT_NEW, 'NEW'],
  [CT_UNTRACKED, 'UNTRACKED'],
];

const ctstateName = (state: number): string => CTSTATES.find(([bit]) => bit === state)?.[1] ?? 'none';

export class Tracer implements WalkObserver {
  private readonly steps: TraceStep[] = [];
  private readonly numbers = new Map<Packet, number>();
  private readonly services: Services;
  /** The table that each packet is in: one may cause another in the middle of a rule. */
  private readonly asked = new Map<Packet, Table>();
  private fate: Trace['fate'] = 'dropped';
  private reason = '';

  constructor(services: Services) {
    this.services = services;
  }

  /** Everything noted so far. */
  get trace(): Trace {
    return { steps: this.steps, fate: this.fate, reason: this.reason };
  }

  hook(pkt: Packet): void {
    const hook = HOOKS[pkt.hook];
    this.note(pkt, {
      kind: 'hook',
      hook,
      in: pkt.inDevice,
      out: pkt.outDevice,
      octets: pkt.view().slice(),
      mark: pkt.mark,
    });
  }

  gathered(said: string, pkt: Packet): void {
    this.note(pkt, { kind: 'gathered', said });
    if (said === 'held') this.ends(pkt, 'held', '');
  }

  tracked(pkt: Packet): void {
    const { connection, ctState, reason } = pkt;
    this.note(pkt, {
      kind: 'tracked',
      ctstate: ctstateName(ctState),
      connection,
      reason: ctState === CT_INVALID ? reason : '',
    });
  }

  table(table: Table, pkt: Packet): void {
    this.asked.set(pkt, table);
    this.note(pkt, { kind: 'table', table: table.spec.name });
  }

  rule(chain: ChainSpec, index: number, stopped: Stopped, pkt: Packet): void {
    const table = this.asked.get(pkt)!;
    const rule = chain.rules[index];
    const refusal = stopped === undefined ? undefined : this.refusal(table, rule, stopped, pkt);
    const { name } = table.spec;
    this.note(pkt, {
      kind: 'rule',
      table: name,
      chain: chain.name,
      number: index + 1,
      rule,
      refusal,
      verdict: undefined,
    });
  }

  verdict(chain: ChainSpec, index: number, verdict: Verdict | undefined, pkt: Packet): void {
    if (verdict === undefined) return;
    const packet = this.numberOf(pkt);
    const rule = chain.rules[index];
    // The target may have sent packets of its own since: look behind their steps.
    const step = this.steps.findLast((one) => one.kind === 'rule' && one.packet === packet && one.rule === rule);
    if (step?.kind === 'rule') step.verdict = VERDICT_NAMES[verdict];
  }

  policy(chain: ChainSpec, pkt: Packet): void {
    const table = this.asked.get(pkt)!.spec.name;
    this.note(pkt, { kind: 'policy', table, chain: chain.name, policy: chain.policy ?? 'ACCEPT' });
  }

  routed(where: string, pkt: Packet): void {
    this.note(pkt, { kind: 'routed', where, device: pkt.outDevice });
  }

  delivered(pkt: Packet): void {
    this.ends(pkt, 'delivered', '');
  }

  sent(pkt: Packet, whole: Packet): void {
    this.note(whole, { kind: 'sent', device: pkt.outDevice, octets: pkt.view().slice() });
    this.ends(whole, 'sent', '');
  }

  /** The same packet in the eyes of whoever asked about it. */
  looped(again: Packet, pkt: Packet): void {
    this.numbers.set(again, this.numberOf(pkt));
  }

  ended(verdict: Verdict, pkt: Packet): void {
    const stolen = verdict === STOLEN;
    this.note(pkt, { kind: 'ended', verdict: stolen ? 'STOLEN' : 'DROP', reason: pkt.reason });
    this.ends(pkt, stolen ? 'stolen' : 'dropped', stolen ? '' : pkt.reason);
  }

  logged(record: LogRecord): void {
    this.steps.push({ packet: this.steps.at(-1)?.packet ?? 0, kind: 'log', record });
  }

  private note(pkt: Packet, event: TraceEvent): void {
    this.steps.push({ packet: this.numberOf(pkt), ...event });
  }

  private numberOf(pkt: Packet): number {
    const number = this.numbers.get(pkt) ?? this.numbers.size;
    this.numbers.set(pkt, number);
    return number;
  }

  private ends(pkt: Packet, fate: Trace['fate'], reason: string): void {
    if (this.numberOf(pkt) !== 0) return;
    this.fate = fate;
    this.reason = reason;
  }

  private refusal(table: Table, rule: RuleSpec, stopped: Exclude<Stopped, undefined>, pkt: Packet): Refusal {
    if (typeof stopped === 'string') return { condition: stopped, saw: sawOf(stopped, pkt) };
    const match = table.ruleOf.get(rule)!.matches[stopped];
    const saw = pkt.hotDropped ? pkt.reason : (match.saw?.(rule.matches[stopped].checked, pkt, this.services) ?? '');
    return { condition: { match: stopped, name: match.name }, saw };
  }
}

/** What the packet shows where that part of a rule looks. */
export function sawOf(part: BasePart, pkt: Packet): string {
  const family = pkt.family as Family;
  const source = pkt.l3 + (family === 4 ? 12 : 8);
  const address = (at: number): string => formatAddress(addressAt(pkt.bytes, at, family), family);
  switch (part) {
    case 'source':
      return address(source);
    case 'destination':
      return address(source + (family === 4 ? 4 : 16));
    case 'in-interface':
      return pkt.inDevice || 'no input device';
    case 'out-interface':
      return pkt.outDevice || 'no output device';
    case 'protocol':
      return pkt.protocol < 0 ? 'a header chain cut short' : `protocol ${pkt.protocol}`;
    case 'fragment':
      return `fragment offset ${pkt.fragmentOffset}`;
  }
}
