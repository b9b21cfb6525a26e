// What became of one packet: the verdict, what came out where and how it looked, what was answered and logged, the rules that it met.
// All of it was noted while the packet went through; text is made when somebody asks for it.

import type { RuleStep, Trace, TraceStep } from '../engine/trace/trace.ts';
import { fieldsOf, type PacketFields } from './fields.ts';
import type { TestFirewall } from './firewall.ts';
import { walkText } from './walk-text.ts';

/**
 * `accepted`: it left by a device, or was delivered to the router. `rejected`: dropped by REJECT. `dropped`: by a rule, a policy, or the
 * router itself; `reason` says which. `held`: a fragment that waits for the others. `stolen`: a target took it.
 */
export type Verdict = 'accepted' | 'dropped' | 'rejected' | 'held' | 'stolen';

/** A packet that left. */
export interface Emitted extends PacketFields {
  readonly device: string;
  readonly bytes: Uint8Array;
  /** The firewall mark that it left with. */
  readonly mark: number;
}

/** A rule that matched. */
export interface RuleHit {
  readonly table: string;
  readonly chain: string;
  /** Counts from 1. */
  readonly number: number;
  /** As iptables-save prints it: `-A FORWARD -p tcp -j ACCEPT`. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
}

export interface Observed {
  readonly firewall: TestFirewall;
  readonly octets: Uint8Array;
  /** Device that it came in by; '' for one of the router's own. */
  readonly device: string;
  readonly at: number;
  readonly trace: Trace;
  /** In the order of the `sent` steps of the trace. */
  readonly marks: readonly number[];
  readonly linkHeader?: Uint8Array;
  /** It is from the far end of a flow. */
  answer?: boolean;
}

/** The name that node's util.inspect() asks for. */
export const INSPECT = Symbol.for('nodejs.util.inspect.custom');

export class Outcome {
  readonly verdict: Verdict;
  /** Why it was dropped: 'filter FORWARD rule 3', 'filter INPUT policy', 'TTL exceeded'; ''. */
  readonly reason: string;
  /** What the tracker made of it; undefined where nothing is tracked. */
  readonly ctstate: string | undefined;
  /** It passed INPUT and is the router's. */
  readonly delivered: boolean;
  /** Log lines of LOG (and the prefixes of NFLOG), as the kernel prints them. */
  readonly logs: readonly string[];
  readonly observed: Observed;
  private decoded: { out: Emitted[]; replies: Emitted[] } | undefined = undefined;

  constructor(observed: Observed) {
    this.observed = observed;
    const { fate, reason, steps } = observed.trace;
    const last = lastRule(steps);
    const rejected = fate === 'dropped' && last?.refusal === undefined && isReject(last);
    if (fate === 'sent' || fate === 'delivered') this.verdict = 'accepted';
    else this.verdict = rejected ? 'rejected' : fate;
    this.reason = reason;
    this.delivered = fate === 'delivered';
    const tracked = steps.findLast((step) => step.packet === 0 && step.kind === 'tracked');
    this.ctstate = tracked?.kind === 'tracked' ? tracked.ctstate : undefined;
    this.logs = steps.flatMap((step) =>
      step.kind === 'log' ? [step.record.text || (step.record.nflog?.prefix ?? '')] : [],
    );
  }

  /** Device that it came in by; '' for one of the router's own. */
  get device(): string {
    return this.observed.device;
  }

  /** The packet that was sent in. */
  get packet(): PacketFields {
    return fieldsOf(this.observed.octets);
  }

  /** What came out of it: one packet, or its fragments; empty unless it was accepted and left. */
  get out(): readonly Emitted[] {
    return this.emitted().out;
  }

  /** What was sent because of it: answers of REJECT, echo replies, ICMP errors of the router. */
  get replies(): readonly Emitted[] {
    return this.emitted().replies;
  }

  /** The packet as it stood in the last hook that it came to: rewritten by what came before, delivered or not. */
  get last(): PacketFields {
    const step = this.observed.trace.steps.findLast((one) => one.packet === 0 && one.kind === 'hook');
    return fieldsOf(step?.kind === 'hook' ? step.octets : this.observed.octets);
  }

  /** The rules that matched, in order. */
  get rules(): readonly RuleHit[] {
    return this.observed.trace.steps.flatMap((step) =>
      step.packet === 0 && step.kind === 'rule' && step.refusal === undefined ? [this.hit(step)] : [],
    );
  }

  /** Every hook, table and rule that it met, and the first condition of each rule that said no with what it saw. */
  get walk(): string {
    return walkText(this);
  }

  get trace(): Trace {
    return this.observed.trace;
  }

  /** What console.log() shows: the trace below would be thousands of lines. */
  [INSPECT](): string {
    const { packet, verdict, reason, device, delivered } = this;
    const way = delivered ? 'delivered' : this.out.map((one) => `to ${one.device}: ${one.text}`).join(', ');
    return `Outcome { ${packet.text}, in by ${device || 'the router itself'}: ${verdict}, ${reason || way} }`;
  }

  private hit({ table, chain, number, rule }: RuleStep): RuleHit {
    const { file = '', line = 0 } = rule.origin ?? {};
    return { table, chain, number, text: this.observed.firewall.textOf(chain, rule), file, line };
  }

  private emitted(): { out: Emitted[]; replies: Emitted[] } {
    if (this.decoded) return this.decoded;
    const { trace, marks } = this.observed;
    const sent = trace.steps.filter((step) => step.kind === 'sent');
    const all = sent.map(({ packet, device, octets }, index) => ({
      packet,
      emitted: { ...fieldsOf(octets), device, bytes: octets, mark: marks[index] ?? 0 },
    }));
    const ofPacket = (own: boolean): Emitted[] =>
      all.filter(({ packet }) => (packet === 0) === own).map(({ emitted }) => emitted);
    this.decoded = { out: ofPacket(true), replies: ofPacket(false) };
    return this.decoded;
  }
}

function lastRule(steps: readonly TraceStep[]): RuleStep | undefined {
  const step = steps.findLast((one) => one.packet === 0 && (one.kind === 'rule' || one.kind === 'policy'));
  return step?.kind === 'rule' ? step : undefined;
}

const isReject = (step: RuleStep | undefined): boolean =>
  step?.rule.target?.kind === 'extension' && step.rule.target.name === 'REJECT';
