// Random scenarios for the kernel and for us, each from one seed; and the way from one that differs to the few lines that matter.

import { protocols } from '../../conntrack/l4/index.ts';
import type { AnyTarget, CompileContext } from '../../engine/extension.ts';
import { RuleError } from '../../grammar/error.ts';
import { matches } from '../../matches/index.ts';
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from '../../packet/icmp.ts';
import { ICMPV6_PKT_TOOBIG } from '../../packet/icmpv6.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { play } from '../../testing/scenario/scenario.ts';
import type { Result, Scenario, Step } from '../../testing/scenario/scenario-format.ts';
import { Dice } from './dice.ts';
import { randomAnswers } from './random-answers.ts';
import { type Hints, hintsOf, type RuleOptions, randomTables, rulesText, type TableText } from './random-rules.ts';
import { randomTraffic, stepOf, type TrafficOptions } from './random-traffic.ts';

/** A scenario in parts that can be taken out one by one. */
export interface RandomCase {
  seed: number;
  v4: TableText[];
  v6: TableText[];
  rest: Omit<Scenario, 'name' | 'v4rules' | 'v6rules' | 'steps'>;
  steps: RandomStep[];
}

/** A step, or a reload of rules kept as lines. */
type RandomStep = Step | { reload: { v4: TableText[]; v6: TableText[] } };

const SYSCTLS: readonly (readonly [string, readonly number[]])[] = [
  ['net.netfilter.nf_conntrack_tcp_loose', [0]],
  ['net.netfilter.nf_conntrack_tcp_be_liberal', [1]],
  ['net.netfilter.nf_conntrack_checksum', [0]],
  ['net.netfilter.nf_conntrack_acct', [1]],
  ['net.netfilter.nf_conntrack_tcp_max_retrans', [1, 5]],
  ['net.netfilter.nf_conntrack_tcp_ignore_invalid_rst', [1]],
  ['net.netfilter.nf_conntrack_udp_timeout', [77]],
  ['net.netfilter.nf_conntrack_generic_timeout', [55]],
];

/** Whether a target does something: those that only read and print say so as soon as they are compiled. */
function acts({ compile }: AnyTarget): boolean {
  try {
    compile({}, {} as CompileContext);
    return true;
  } catch (error) {
    return !(error instanceof RuleError);
  }
}

/** Names of the attached extensions that act on packets, and tables that go with them. */
function ruleOptions(without: readonly string[]): RuleOptions {
  const wanted = ({ name }: { name: string }) => !without.includes(name);
  const acting = new Set(targets.filter((target) => wanted(target) && acts(target)).map(({ name }) => name));
  return {
    matches: new Set(matches.filter(wanted).map(({ name }) => name)),
    targets: acting,
    tables: { raw: 0.3, mangle: 0.4, filter: 0.95, security: 0.1, nat: acting.has('SNAT') ? 0.4 : 0 },
  };
}

/** Protocols whose tracking (or lack of it) is the kernel's. */
function trafficOptions(dice: Dice, packets: number): TrafficOptions {
  const tracked = protocols.map(({ protocol }) => protocol);
  const names = [
    [47, 'gre'],
    [136, 'udplite'],
    [132, 'sctp'],
  ] as const;
  const known = names.filter(([number]) => tracked.includes(number)).map(([, name]) => name);
  const families = dice.pick([[4], [6], [6], [4, 6]] as const);
  return { packets, families, protocols: new Set(['esp', 'ah', 'other', ...known]) };
}

export interface CaseOptions {
  packets?: number;
  /** Extensions that are not to appear: to see what else differs. */
  without?: readonly string[];
}

export function randomCase(seed: number, { packets = 100, without = [] }: CaseOptions = {}): RandomCase {
  const dice = new Dice(seed);
  const traffic = trafficOptions(dice, packets);
  const sent = randomTraffic(dice, traffic);
  const options = ruleOptions(without);
  const hints = { 4: hintsOf(4, sent), 6: hintsOf(6, sent) };
  const rest = randomRest(dice);
  if (dice.chance(0.2)) rest.setup = traffic.families.flatMap((family) => randomSets(dice, hints[family]));
  const tables = (family: 4 | 6): TableText[] =>
    traffic.families.includes(family) ? randomTables(dice, hints[family], options) : [];
  const [v4, v6] = [tables(4), withoutStaleSums(tables(6))];
  const translates = [...v4, ...v6].some(({ name }) => name === 'nat');
  let steps: RandomStep[] = sent.filter(({ octets }) => !(translates && tellsMtu(octets))).map(stepOf);
  if (translates) steps = withAnswers(dice, { seed, v4, v6, rest, steps });
  if (dice.chance(0.1))
    steps.splice(steps.length >> 1, 0, { reload: { v4: tables(4), v6: withoutStaleSums(tables(6)) } });
  if (dice.chance(0.05)) steps.splice(dice.int(0, steps.length), 0, { flush_ct: true });
  if (dice.chance(0.3)) steps.splice(steps.length >> 1, 0, { ct: true });
  steps.push({ counters: true }, { ct: true });
  return { seed, v4, v6, rest, steps };
}

/** Where a nat table may bring to the router what mangle has changed before: see notToSelf() in random-extensions.ts. */
const withoutStaleSums = (tables: TableText[]): TableText[] =>
  tables.some(({ name }) => name === 'nat')
    ? tables.map((table) => ({ ...table, rules: table.rules.filter((rule) => !isGuarded(rule)) }))
    : tables;

const isGuarded = (rule: string): boolean => /-j (DSCP|TOS|HL) /.test(rule) && rule.includes('! --dst-type LOCAL');

/** An error that teaches the router a path MTU, if rules bring it there: how it then cuts its packets is not done here. */
export function tellsMtu(octets: Uint8Array): boolean {
  const { family, protocol, bytes, l4 } = Packet.of(octets);
  if (family === 6) return protocol === IPPROTO_ICMPV6 && bytes[l4] === ICMPV6_PKT_TOOBIG;
  return protocol === IPPROTO_ICMP && bytes[l4] === ICMP_DEST_UNREACH && bytes[l4 + 1] === ICMP_FRAG_NEEDED;
}

/** Commands that make sets of the family's addresses, whose names then stand in `hints`. */
function randomSets(dice: Dice, hints: Hints): string[][] {
  const family = hints.family === 4 ? 'inet' : 'inet6';
  const types = ['hash:ip', 'hash:net', 'hash:ip counters'];
  return types.flatMap((type, index) => {
    const name = `s${hints.family}${index}`;
    hints.sets.push(name);
    const prefix = type === 'hash:net' ? (hints.family === 4 ? '/24' : '/48') : '';
    const addresses = dice.some([...new Set([...hints.sources, ...hints.destinations])], 0.3).filter(Boolean);
    const members = new Set(addresses.map((address) => `${address}${prefix}`));
    return [
      ['ipset', 'create', name, ...type.split(' ').toSpliced(1, 0, 'family', family)],
      ...Array.from(members, (member) => ['ipset', '-exist', 'add', name, member]),
    ];
  });
}

/** Rounds of answers to what comes out, as we do it. */
function withAnswers(dice: Dice, given: RandomCase): RandomStep[] {
  let { steps } = given;
  let fresh = new Set(steps);
  for (let round = 0; round < 4; round++) {
    const { steps: results } = playOrNothing({ ...given, steps });
    const added = new Set<RandomStep>();
    steps = steps.flatMap((step, index) => {
      if ('reload' in step || !fresh.has(step)) return [step];
      const answers = randomAnswers(dice, step, results[index]?.out ?? []);
      for (const one of answers) added.add(one);
      return [step, ...answers];
    });
    fresh = added;
  }
  return steps;
}

/** A ruleset that is refused has no results. */
function playOrNothing(given: RandomCase): Result {
  try {
    return play(scenarioOf(given));
  } catch {
    return { steps: [], late: [] };
  }
}

function randomRest(dice: Dice): RandomCase['rest'] {
  const rest: RandomCase['rest'] = {};
  if (dice.chance(0.15)) rest.force_ct = true;
  if (dice.chance(0.3)) {
    const chosen = dice.some(SYSCTLS, 0.15);
    rest.sysctls = Object.fromEntries(chosen.map(([name, values]) => [name, dice.pick(values)]));
  }
  if (dice.chance(0.2)) rest.topology = { [dice.pick(['A', 'B'])]: { mtu: dice.pick([1280, 1400, 9000]) } };
  return rest;
}

export function scenarioOf(given: RandomCase): Scenario {
  const v4rules = rulesText(given.v4);
  const v6rules = rulesText(given.v6);
  const steps = given.steps.map(
    (step): Step =>
      'reload' in step ? { rules: { v4: rulesText(step.reload.v4), v6: rulesText(step.reload.v6) } } : step,
  );
  const log = `${v4rules}${v6rules}${JSON.stringify(steps)}`.includes('-j LOG');
  return { name: `seed ${given.seed}`, v4rules, v6rules, ...given.rest, ...(log && { log }), steps };
}

/** A scenario whose rules are texts, in parts. */
export function caseOf(seed: number, { name: _, v4rules = '', v6rules = '', steps, ...rest }: Scenario): RandomCase {
  return { seed, v4: tablesOf(v4rules), v6: tablesOf(v6rules), rest, steps };
}

function tablesOf(text: string): TableText[] {
  const tables: TableText[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) tables.push({ name: line.slice(1), chains: [], rules: [] });
    else if (line.startsWith(':')) tables.at(-1)?.chains.push(line);
    else if (line.startsWith('-')) tables.at(-1)?.rules.push(line);
  }
  return tables;
}

/**
 * The smallest case that still `fails`, by taking out steps, then tables, rules and conditions, then the rest, in ever smaller
 * portions. `budget` bounds how often `fails` is asked.
 */
export async function minimise(
  given: RandomCase,
  fails: (smaller: RandomCase) => Promise<boolean>,
  budget = 600,
): Promise<RandomCase> {
  let best = given;
  let left = budget;
  const keeps = async (candidate: RandomCase): Promise<boolean> => {
    if (left-- <= 0 || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let before = -1; before !== sizeOf(best) && left > 0; ) {
    before = sizeOf(best);
    await shrink(
      () => best.steps,
      (steps) => keeps({ ...best, steps }),
    );
    await shrinkRules(
      () => best,
      (tables) => keeps({ ...best, ...tables }),
    );
    for (let index = 0; index < best.steps.length; index++) {
      const step = best.steps[index];
      if (!('reload' in step)) continue;
      const reloadOf = () => (best.steps[index] as { reload: RuleLines }).reload;
      await shrinkRules(reloadOf, (tables) =>
        keeps({ ...best, steps: best.steps.with(index, { reload: { ...reloadOf(), ...tables } }) }),
      );
    }
    for (const key of Object.keys(best.rest) as (keyof RandomCase['rest'])[]) {
      const { [key]: _, ...rest } = best.rest;
      await keeps({ ...best, rest });
    }
  }
  return best;
}

type RuleLines = Pick<RandomCase, 'v4' | 'v6'>;

async function shrinkRules(
  best: () => RuleLines,
  keeps: (shorter: Partial<RuleLines>) => Promise<boolean>,
): Promise<void> {
  for (const family of ['v4', 'v6'] as const) {
    await shrink(
      () => best()[family],
      (tables) => keeps({ [family]: tables }),
    );
    for (let index = 0; index < best()[family].length; index++) {
      const table = () => best()[family][index];
      const withRules = (rules: string[]) => keeps({ [family]: best()[family].with(index, { ...table(), rules }) });
      await shrink(() => table().rules, withRules);
      for (let at = 0; at < table().rules.length; at++) {
        // "-A CHAIN" stays; every other option with its words, or with its negation, may go.
        const parts = () => table().rules[at].split(/ (?=(?:! )?-[-a-z])/);
        await shrink(
          () => parts().slice(1),
          (rest) => withRules(table().rules.with(at, [parts()[0], ...rest].join(' '))),
        );
      }
    }
  }
}

const linesOf = ({ v4, v6 }: RuleLines): number =>
  [...v4, ...v6].reduce((sum, { rules }) => sum + 1 + rules.join(' ').split(' -').length, 0);

const sizeOf = ({ steps, rest, ...rules }: RandomCase): number =>
  steps.reduce((sum, step) => sum + 1 + ('reload' in step ? linesOf(step.reload) : 0), 0) +
  linesOf(rules) +
  Object.keys(rest).length;

/** Takes portions out of a list while `keeps` says that it still fails: halves, quarters, ... single items. */
async function shrink<T>(list: () => T[], keeps: (shorter: T[]) => Promise<boolean>): Promise<void> {
  for (let portion = Math.ceil(list().length / 2); portion >= 1; portion = portion === 1 ? 0 : Math.ceil(portion / 2)) {
    for (let at = 0; at < list().length; ) {
      if (!(await keeps(list().toSpliced(at, portion)))) at += portion;
    }
  }
}
