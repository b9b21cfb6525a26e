import { defineTarget } from '../engine/extension.ts';
import type { Given, RuleScope, ValueScope } from '../grammar/options.ts';
import { wholeNumber } from '../grammar/scan.ts';
import type { HookName } from '../grammar/tables.ts';
import { flag, own } from '../grammar/values.ts';
import { notThereYet } from './shared/not-there-yet.ts';
import { words } from './shared/text.ts';

interface Named {
  readonly set: string;
  /** 'src' and 'dst', one for each part of the set's members. */
  readonly parts: readonly string[];
}

const LONGEST_NAME = 31;
const MOST_PARTS = 6;
const LONGEST_TIMEOUT = 0xffff_fffe;

const PARTS = "You must spefify (the comma separated list of) 'src' or 'dst'.";

const setAndParts = {
  words: 2 as const,
  metavar: 'name src|dst[,...]',
  parse([set, list]: readonly string[], scope: ValueScope): Named {
    if (set.length > LONGEST_NAME) scope.fail(`setname \`${set}' too long, max ${LONGEST_NAME} characters.`);
    const parts = list.split(',');
    for (const [index, part] of parts.entries()) {
      if (index === MOST_PARTS) scope.fail(`Can't be more src/dst options than ${MOST_PARTS}.`);
      if (part !== 'src' && part !== 'dst') scope.fail(PARTS, 'such as src,dst');
    }
    return { set, parts };
  },
  print: ({ set, parts }: Named): string => `${set} ${parts.join(',')}`,
};

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
  readonly add?: Named & { readonly exist: boolean; readonly timeout?: number };
  readonly del?: Named;
  readonly map?: Named & { readonly to: readonly string[] };
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
  textOnly: 'there are no sets yet',
  compile: notThereYet('SET'),
});
