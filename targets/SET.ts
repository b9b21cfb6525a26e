import { defineTarget } from '../engine/extension.ts';
import { findSet, queryOf } from '../engine/sets/for-rules.ts';
import { CONTINUE } from '../engine/verdict.ts';
import type { Given, RuleScope, ValueScope } from '../grammar/options.ts';
import { wholeNumber } from '../grammar/scan.ts';
import { type SetAndParts, setAndParts } from '../grammar/set-values.ts';
import type { HookName } from '../grammar/tables.ts';
import { flag, own } from '../grammar/values.ts';
import { words } from './shared/text.ts';

const LONGEST_TIMEOUT = 0xffff_fffe;
/** The kernel counts milliseconds in 31 bits, and cuts what is more. */
const MOST_SECONDS = 2_147_483;

/** An exclamation mark in front is read, and means nothing. */
const which = (name: string, help: string) =>
  own(setAndParts, { help, invert: true, twice: `--${name} can be specified only once` });

const timeout = {
  words: 1 as const,
  metavar: 'seconds',
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    wholeNumber(word, 0, LONGEST_TIMEOUT) ??
    scope.fail(`Invalid value for option --timeout or out of range 0-${LONGEST_TIMEOUT}`),
  print: (seconds: number): string => seconds.toString(),
};

const MAPS = ['map-mark', 'map-prio', 'map-queue'] as const;

interface Checked {
  readonly add?: SetAndParts & { readonly exist: boolean; readonly timeout?: number };
  readonly del?: SetAndParts;
  readonly map?: SetAndParts & { readonly to: readonly string[] };
}

/** What only one of the three can have. */
function alone(given: Given<unknown> | undefined, kind: 'Flag' | 'Option', owner: string, scope: RuleScope): void {
  if (given) scope.fail(`${kind} \`--${given.name}' can be used with \`--${owner}' only`, given);
}

const print = ({ add, del, map }: Checked, dashes: string): string =>
  words(
    add && `${dashes}add-set ${setAndParts.print(add)}`,
    add?.exist && `${dashes}exist`,
    add?.timeout !== undefined && `${dashes}timeout ${add.timeout}`,
    del && `${dashes}del-set ${setAndParts.print(del)}`,
    map && `${dashes}map-set ${setAndParts.print(map)}`,
    ...(map?.to ?? []).map((name: string) => `${dashes}${name}`),
  );

const LEAVING: readonly HookName[] = ['FORWARD', 'OUTPUT', 'POSTROUTING'];

export const SET = defineTarget({
  name: 'SET',
  families: [4, 6],
  summary: 'Adds addresses or ports of the packet to a set, deletes them, or takes marks from it.',
  kernel: 'net/netfilter/xt_set.c set_target_v3()',
  options: {
    'add-set': which('add-set', 'add to this set'),
    'del-set': which('del-set', 'delete from this set'),
    'map-set': which('map-set', 'look up in this set'),
    exist: flag({ help: 'start the timeout of a member anew that is there already', many: true }),
    timeout: own(timeout, { help: 'seconds that the member stays', many: true }),
    'map-mark': flag({ help: "set the packet's mark from the set", many: true }),
    'map-prio': flag({ help: "set the packet's priority from the set", many: true }),
    'map-queue': flag({ help: "set the device's queue from the set", many: true }),
  },
  check(options, scope): Checked {
    const [add, del, map] = [options['add-set'], options['del-set'], options['map-set']];
    if (!add && !del && !map) scope.fail("You must specify either `--add-set' or `--del-set' or `--map-set'");
    if (!add) {
      alone(options.exist, 'Flag', 'add-set', scope);
      alone(options.timeout, 'Option', 'add-set', scope);
    }
    if (!map) for (const name of MAPS) alone(options[name], 'Flag', 'map-set', scope);
    const to = MAPS.filter((name) => options[name]);
    if (map && to.length === 0) scope.fail("You must specify flags `--map-mark' or '--map-prio` or `--map-queue'", map);
    return {
      add: add && { ...add.value, exist: options.exist !== undefined, timeout: options.timeout?.value },
      del: del?.value,
      map: map && { ...map.value, to },
    };
  },
  save: (checked) => print(checked, '--'),
  list: (checked) => print(checked, ''),
  placement: {
    refuses({ map }, { table, hooks }) {
      if (!map) return undefined;
      if (table !== 'mangle') return 'xt_set: mapping of prio or/and queue is allowed only from the mangle table';
      const late = map.to.some((name: string) => name !== 'map-mark');
      return late && hooks.some((hook) => !LEAVING.includes(hook))
        ? 'xt_set: mapping of prio or/and queue is allowed only from OUTPUT/FORWARD/POSTROUTING chains'
        : undefined;
    },
  },
  sets: ({ add, del, map }) => [add, del, map].filter((named) => named !== undefined).map(({ set }) => set),
  // Differs: --map-queue is looked up and goes nowhere: our devices choose a queue by the flow.
  compile({ add, del, map }, context) {
    const adding = add && { slot: findSet(add.set, context), query: queryOf(add.parts), ...add };
    const deleting = del && { slot: findSet(del.set, context), query: queryOf(del.parts) };
    const mapping = map && { slot: findSet(map.set, context), query: queryOf(map.parts) };
    const timeout = add?.timeout === undefined ? undefined : Math.min(add.timeout, MOST_SECONDS);
    const [marks, priorities] = ['map-mark', 'map-prio'].map((name) => map?.to.includes(name) ?? false);
    return (pkt) => {
      if (adding) adding.slot.add(pkt, adding.query, adding.exist, timeout);
      if (deleting) deleting.slot.delete(pkt, deleting.query);
      if (!mapping?.slot.test(pkt, mapping.query)) return CONTINUE;
      const { mark, markMask, priority } = mapping.query;
      if (marks) pkt.mark = ((pkt.mark & ~markMask) ^ mark) >>> 0;
      if (priorities) pkt.priority = priority;
      return CONTINUE;
    };
  },
});
