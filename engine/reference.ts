// The plain interpreter: what a table does to a packet, rule after rule, straight from its TableSpec. It is the specification that
// the compiled tables are tested against, and the engine of the tracer. Nothing here is made fast.
// Source: net/ipv4/netfilter/ip_tables.c ipt_do_table(), ip_packet_match(); net/ipv6/netfilter/ip6_tables.c likewise.

import type { ChainSpec, InterfaceSpec, MaskedAddress, RuleSpec, TableSpec } from '../grammar/rule-spec.ts';
import { HOOKS } from '../grammar/tables.ts';
import { addressAt } from '../packet/address.ts';
import type { Packet } from '../packet/packet.ts';
import type { Action, Predicate } from './extension.ts';
import { ACCEPT, CONTINUE, DROP, QUEUE, RETURN, type Verdict } from './verdict.ts';

/** The parts of a rule's own condition, in the order in which they are looked at. */
export type BasePart = 'source' | 'destination' | 'in-interface' | 'out-interface' | 'protocol' | 'fragment';

/** What stopped a rule: a part of its base, or the index of the match that said no. Undefined: it matched. */
export type Stopped = BasePart | number | undefined;

/** Sees the walk. Called after the fact of each step; must not change the packet. */
export interface Observer {
  /** `index` counts from 0. */
  rule?(chain: ChainSpec, index: number, stopped: Stopped, pkt: Packet): void;
  /** What the target of a rule that matched said; undefined: the rule has none. */
  verdict?(chain: ChainSpec, index: number, verdict: Verdict | undefined, pkt: Packet): void;
  /** The packet came to the end of a chain. */
  end?(chain: ChainSpec, pkt: Packet): void;
  /** A built-in chain ended without a verdict. */
  policy?(chain: ChainSpec, pkt: Packet): void;
}

/** A table as the interpreter sees it: the spec, and what the extensions of each rule do. */
export interface Interpreted {
  readonly spec: TableSpec;
  bound(rule: RuleSpec): { readonly predicates: readonly Predicate[]; readonly action: Action | undefined };
  count(counted: RuleSpec | ChainSpec, pkt: Packet): void;
}

const VERDICTS = { ACCEPT, DROP, QUEUE, RETURN } as const;

/** Walks the built-in chain of `hook` (a HOOKS index). */
export function interpret(table: Interpreted, hook: number, pkt: Packet, observer: Observer = {}): Verdict {
  const builtin = chainOf(table.spec, HOOKS[hook]);
  const callers: { chain: ChainSpec; index: number }[] = [];
  let chain = builtin;
  let index = 0;
  for (;;) {
    let verdict: Verdict = RETURN; // what the end of a chain says
    if (index < chain.rules.length) {
      const rule = chain.rules[index];
      const stopped = whyNot(table, rule, pkt);
      observer.rule?.(chain, index, stopped, pkt);
      // A hot drop ends the walk with nobody counting it.
      if (pkt.hotDropped) return DROP;
      if (stopped !== undefined) {
        index++;
        continue;
      }
      table.count(rule, pkt);
      const { target } = rule;
      if (target?.kind === 'jump' || target?.kind === 'goto') {
        observer.verdict?.(chain, index, CONTINUE, pkt);
        if (target.kind === 'jump') callers.push({ chain, index: index + 1 });
        chain = chainOf(table.spec, target.chain);
        index = 0;
        continue;
      }
      if (target === undefined) verdict = CONTINUE;
      else if (target.kind === 'verdict') verdict = VERDICTS[target.name];
      else verdict = table.bound(rule).action!(pkt);
      observer.verdict?.(chain, index, target && verdict, pkt);
      if (verdict === DROP) pkt.reason = dropReason(table.spec, chain, index);
    } else {
      observer.end?.(chain, pkt);
    }
    if (verdict === CONTINUE) {
      index++;
    } else if (verdict !== RETURN) {
      return verdict;
    } else {
      const caller = callers.pop();
      if (!caller) return policyOf(table, builtin, pkt, observer);
      ({ chain, index } = caller);
    }
  }
}

function chainOf(table: TableSpec, name: string): ChainSpec {
  const chain = table.chains.get(name);
  if (!chain) throw new Error(`no chain ${name} in table ${table.name}`);
  return chain;
}

function policyOf(table: Interpreted, builtin: ChainSpec, pkt: Packet, observer: Observer): Verdict {
  table.count(builtin, pkt);
  observer.policy?.(builtin, pkt);
  if (builtin.policy !== 'DROP') return ACCEPT;
  pkt.reason = policyReason(table.spec, builtin);
  return DROP;
}

export const dropReason = (table: TableSpec, chain: ChainSpec, index: number): string =>
  `${table.name} ${chain.name} rule ${index + 1}`;

export const policyReason = (table: TableSpec, chain: ChainSpec): string => `${table.name} ${chain.name} policy`;

/** The first thing in `rule` that says no to the packet. A match that says no ends the asking: later ones must not be evaluated. */
function whyNot(table: Interpreted, rule: RuleSpec, pkt: Packet): Stopped {
  const base = baseStops(rule, pkt);
  if (base !== undefined) return base;
  const { predicates } = table.bound(rule);
  for (let index = 0; index < predicates.length; index++) if (!predicates[index](pkt)) return index;
  return undefined;
}

function baseStops(rule: RuleSpec, pkt: Packet): BasePart | undefined {
  return BASE_PARTS.find((part) => baseHolds(part, rule, pkt) === false);
}

/** In the order in which they are looked at. */
export const BASE_PARTS: readonly BasePart[] = [
  'source',
  'destination',
  'in-interface',
  'out-interface',
  'protocol',
  'fragment',
];

/** Whether one part of the rule's own condition holds; undefined: the rule does not ask. */
export function baseHolds(part: BasePart, rule: RuleSpec, pkt: Packet): boolean | undefined {
  const at = pkt.l3 + (rule.family === 4 ? 12 : 8);
  const { source, destination, inInterface, outInterface, protocol, fragment } = rule;
  switch (part) {
    case 'source':
      return source && addressMatches(source, rule, pkt, at);
    case 'destination':
      return destination && addressMatches(destination, rule, pkt, at + (rule.family === 4 ? 4 : 16));
    case 'in-interface':
      return inInterface && interfaceMatches(inInterface, pkt.inDevice);
    case 'out-interface':
      return outInterface && interfaceMatches(outInterface, pkt.outDevice);
    case 'protocol':
      if (protocol) return protocolMatches(protocol, rule, pkt);
      return rule.allProtocols && pkt.protocol < 0 ? pkt.hotDrop('header chain cut short') : undefined;
    case 'fragment':
      // -f: second and later fragments only.
      return fragment && (pkt.fragmentOffset !== 0) !== fragment.inverted;
  }
}

function addressMatches(wanted: MaskedAddress, rule: RuleSpec, pkt: Packet, at: number): boolean {
  const address = addressAt(pkt.bytes, at, rule.family);
  const equal = address.every(
    (octet, index) => (octet & wanted.mask[index]) === (wanted.address[index] & wanted.mask[index]),
  );
  return equal !== wanted.inverted;
}

/** A packet without that device (an own one has no input device) has the empty name. */
function interfaceMatches(wanted: InterfaceSpec, device: string): boolean {
  const equal = wanted.name.endsWith('+') ? device.startsWith(wanted.name.slice(0, -1)) : device === wanted.name;
  return equal !== wanted.inverted;
}

function protocolMatches(wanted: { number: number; inverted: boolean }, rule: RuleSpec, pkt: Packet): boolean {
  // ip6_packet_match(): a header chain that runs out of the packet drops it, whatever protocol is asked for.
  if (rule.family === 6 && pkt.protocol < 0) return pkt.hotDrop('header chain cut short');
  return (pkt.protocol === wanted.number) !== wanted.inverted;
}
