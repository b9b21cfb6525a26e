// The rule that would have done it, had it matched: of all rules of the tables that a packet met, with what they would do, the one
// that the fewest conditions kept from it. Its own conditions count, and those of the jumps on the way to it.

import type { Condition } from '../engine/trace/conditions.ts';
import type { TraceStep } from '../engine/trace/trace.ts';
import type { ChainSpec, RuleSpec } from '../grammar/rule-spec.ts';
import { HOOKS, type HookName, type TableName } from '../grammar/tables.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED, Packet } from '../packet/packet.ts';
import type { TestFirewall } from './firewall.ts';
import type { Outcome } from './outcome.ts';
import { refusalText } from './walk-text.ts';

export interface Near {
  readonly table: TableName;
  readonly chain: string;
  readonly number: number;
  readonly rule: RuleSpec;
  /** What says no: conditions of the rule, and of the jumps to it. Empty: it matches, but was not reached. */
  readonly missing: readonly { readonly rule: RuleSpec; readonly chain: string; readonly condition: Condition }[];
  /** Conditions asked in all. */
  readonly asked: number;
  /** How many of them hold before the first that does not. */
  readonly leading: number;
}

/** Which rules would have done what the test wanted. */
export type Wanted = (rule: RuleSpec) => boolean;

export const accepts: Wanted = ({ target }) => target?.kind === 'verdict' && target.name === 'ACCEPT';
/** Drops it, with or without an answer. */
export const stops: Wanted = (rule) =>
  (rule.target?.kind === 'verdict' && rule.target.name === 'DROP') || rejects(rule);
export const rejects: Wanted = ({ target }) => target?.kind === 'extension' && target.name === 'REJECT';
export const logs: Wanted = ({ target }) =>
  target?.kind === 'extension' && (target.name === 'LOG' || target.name === 'NFLOG');

interface Place {
  readonly pkt: Packet;
  readonly hook: HookName;
  readonly table: TableName;
}

/** Tables that a packet met, each with the packet as it stood there. */
function placesOf(outcome: Outcome): Place[] {
  const places: Place[] = [];
  let hook: (TraceStep & { kind: 'hook' }) | undefined;
  let tracked: (TraceStep & { kind: 'tracked' }) | undefined;
  for (const step of outcome.trace.steps) {
    if (step.packet !== 0) continue;
    if (step.kind === 'hook') hook = step;
    if (step.kind === 'tracked') tracked = step;
    if (step.kind === 'table' && hook) {
      const pkt = standing(outcome, hook, tracked);
      places.push({ pkt, hook: hook.hook, table: step.table });
    }
  }
  return places;
}

const CT: Readonly<Record<string, number>> = {
  INVALID: CT_INVALID,
  ESTABLISHED: CT_ESTABLISHED,
  RELATED: CT_RELATED,
  NEW: CT_NEW,
  UNTRACKED: CT_UNTRACKED,
};

/** The packet as it was at a step. A connection that was let go of since has no properties any more; its ctstate is kept. */
function standing(
  { observed }: Outcome,
  hook: TraceStep & { kind: 'hook' },
  tracked: (TraceStep & { kind: 'tracked' }) | undefined,
): Packet {
  const pkt = Packet.of(hook.octets);
  pkt.hook = HOOKS.indexOf(hook.hook);
  pkt.inDevice = hook.in;
  pkt.outDevice = hook.out;
  if (observed.firewall.mode.kind === 'bridge') {
    pkt.physIn = hook.in;
    pkt.physOut = hook.out;
  }
  pkt.mark = hook.mark;
  pkt.linkHeader = observed.linkHeader;
  pkt.ctState = tracked ? CT[tracked.ctstate] : 0;
  pkt.connection = tracked?.connection ?? -1;
  return pkt;
}

/** Jumps further than this from the built-in chain are not followed. */
const DEEPEST = 16;

/** The nearest of the wanted rules; undefined: no table that the packet met has any. Filter tables go before others. */
export function nearestRule(outcome: Outcome, wanted: Wanted): Near | undefined {
  const found = placesOf(outcome).flatMap((place) => candidates(outcome.observed.firewall, place, wanted));
  const filterFirst = (near: Near): number => (near.table === 'filter' ? 0 : 1);
  // A rule of which nothing holds is about other packets, however short it is.
  const strange = ({ missing, asked }: Near): number => (missing.length === asked && asked > 0 ? 1 : 0);
  found.sort(
    (a, b) =>
      filterFirst(a) - filterFirst(b) ||
      strange(a) - strange(b) ||
      a.missing.length - b.missing.length ||
      b.asked - a.asked ||
      b.leading - a.leading,
  );
  return found[0];
}

function candidates(fw: TestFirewall, { pkt, hook, table }: Place, wanted: Wanted): Near[] {
  const family = pkt.family === 4 ? 4 : 6;
  const chains = new Map((fw.core.chains(family, table) ?? []).map(({ spec }) => [spec.name, spec]));
  const found: Near[] = [];
  const seen = new Set<string>();
  const visit = (
    chain: ChainSpec | undefined,
    missing: Near['missing'],
    asked: number,
    leading: number,
    depth: number,
  ): void => {
    if (!chain || depth > DEEPEST || seen.has(chain.name)) return;
    seen.add(chain.name);
    for (const [index, rule] of chain.rules.entries()) {
      const { target } = rule;
      const isJump = target?.kind === 'jump' || target?.kind === 'goto';
      if (!isJump && !wanted(rule)) continue;
      const conditions = fw.conditions(pkt, table, rule).filter(({ condition }) => !isComment(condition));
      const own = conditions.filter(({ holds }) => holds === false);
      const all = [...missing, ...own.map((condition) => ({ rule, chain: chain.name, condition }))];
      const number = asked + conditions.length;
      const first = conditions.findIndex(({ holds }) => holds === false);
      const held = missing.length > 0 ? leading : asked + (first < 0 ? conditions.length : first);
      if (isJump) visit(chains.get(target.chain), all, number, held, depth + 1);
      else
        found.push({ table, chain: chain.name, number: index + 1, rule, missing: all, asked: number, leading: held });
    }
  };
  visit(chains.get(hook), [], 0, 0, 0);
  return found;
}

const isComment = (condition: Condition['condition']): boolean =>
  typeof condition === 'object' && condition.name === 'comment';

/** Lines for a failure: the rule, and what each of the missing conditions saw. */
export function nearText(fw: TestFirewall, near: Near, what: string): string {
  const { rule, chain, missing, asked } = near;
  const place = rule.origin ? `   [${rule.origin.file}:${rule.origin.line}]` : '';
  const head = `Nearest rule that would ${what}:\n    ${fw.textOf(chain, rule)}${place}\n`;
  if (missing.length === 0) return `${head}  it matches this packet, but another rule or policy decided before it.\n`;
  const holds = asked - missing.length;
  const lines = missing.map(({ rule: from, chain: of, condition }) => {
    const elsewhere = from === rule ? '' : `   (of ${fw.textOf(of, from)})`;
    return `    ${refusalText(condition)}${elsewhere}\n`;
  });
  return `${head}  ${holds} of ${asked} conditions hold; not:\n${lines.join('')}`;
}
