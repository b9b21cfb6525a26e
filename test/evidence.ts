// How each extension is known to do as the kernel and the real tools do, counted from the tests themselves. docs/extensions.md and
// `sekisho extensions --json` tell it (bin/evidence.json).

import type { Family } from '../packet/numbers.ts';
import { APART } from './kernel/apart.ts';
import { MATCHES, TARGETS } from './kernel/random-extensions.ts';
import type { Sheet } from './matches/sheet.ts';
import { allSheets } from './matches/sheets.ts';
import { effects } from './targets/effects/index.ts';
import { subjects } from './targets/rows/index.ts';

export interface Evidence {
  readonly kind: 'match' | 'target';
  readonly name: string;
  readonly family: Family;
  /** What was put before the kernel and the real tools. */
  readonly checked: 'text and packets' | 'text';
  readonly how: string;
}

const HOST = 'cgroup connlabel devgroup nfacct osf owner policy rateest realm socket'.split(' ');

/** Tests beside the kernel, or recordings of it, that are about few extensions. */
const ELSEWHERE: readonly (readonly [test: string, names: readonly string[]])[] = [
  ['test/kernel/host-matches.test.ts', HOST],
  ['test/kernel/match-routes.test.ts', ['addrtype', 'rpfilter']],
  ['test/kernel/ipset-packets.test.ts', ['set', 'SET']],
  ['test/kernel/proc-files.test.ts', ['recent', 'hashlimit']],
  ['test/kernel/helpers.test.ts', ['helper']],
  ['test/kernel/synproxy.test.ts', ['SYNPROXY']],
  ['test/kernel/nat.test.ts', ['SNAT', 'DNAT', 'MASQUERADE', 'REDIRECT', 'NETMAP']],
  ['test/kernel/targets-marks.test.ts', ['CONNMARK']],
  ['test/kernel/targets-scenarios.test.ts', ['TEE', 'TPROXY', 'HMARK']],
  ['test/kernel/conntrack.test.ts', ['conntrack', 'state', 'CT', 'NOTRACK']],
  ['test/data/scenarios/remembering.json', ['recent', 'connlimit', 'cluster']],
  ['test/data/scenarios/connbytes.json', ['connbytes']],
  ['test/data/scenarios/trace.json', ['TRACE']],
  ['test/data/scenarios/log.json', ['LOG']],
];

/** Why no packet of theirs goes beside the kernel. */
const NOT_THERE: Readonly<Record<string, string>> = {
  'match ipvs': 'kernels often lack IP_VS',
  'match time': 'the clock of the kernel cannot be set for one test',
  'target CLUSTERIP': 'Linux has dropped it',
  'target LED': 'there are no lights',
  'target SECMARK': 'without a security module the kernel knows no context',
  'target ULOG': 'Linux has dropped it',
};

/** Not how many: the page would change with every row. */
const some = (rows: readonly unknown[]): string => (rows.length === 0 ? '' : 'rows');
const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join('; ');

function elsewhere(name: string): string {
  return ELSEWHERE.filter(([, names]) => names.includes(name))
    .map(([test]) => test)
    .join(', ');
}

function told(kind: Evidence['kind'], name: string, family: Family, text: string, packets: string): Evidence {
  const absent = NOT_THERE[`${kind} ${name}`] ?? '';
  if (packets === '' && absent === '') throw new Error(`${kind} ${name}: no packets beside the kernel, and no reason`);
  if (packets !== '' && absent !== '') throw new Error(`${kind} ${name}: ${packets}, and a reason why not: ${absent}`);
  const how = joined(`text: ${text}`, packets === '' ? `no packets: ${absent}` : `packets: ${packets}`);
  return { kind, name, family, checked: packets === '' ? 'text' : 'text and packets', how };
}

function ofMatch({ match, rows, generate, lacking }: Sheet, family: Family): Evidence {
  const apart = APART.filter(([name]) => name === match.name);
  const packets = (rows.packets ?? []).filter(
    (row) =>
      row[1] instanceof Uint8Array &&
      row[1][0] >>> 4 === family &&
      lacking === undefined &&
      !apart.some(([, , left]) => left(row)),
  );
  const text = (rows.rules ?? []).filter((row) => row[2] === undefined || row[2] === family);
  const isRandom = MATCHES.some(({ name }) => name === match.name);
  return told(
    'match',
    match.name,
    family,
    joined(
      some(text),
      generate ? 'random options' : '',
      lacking === undefined ? '' : `a kernel that takes every rule, for ${lacking} is often missing`,
    ),
    joined(some(packets), isRandom ? 'random scenarios' : '', elsewhere(match.name)),
  );
}

function ofTarget({ target, rules, notInKernel }: (typeof subjects)[number], family: Family): Evidence {
  const { name } = target;
  const text = rules.filter(([, , only]) => only === undefined || only === family);
  const rows = effects.flatMap((of) => (of.target.name === name && notInKernel === undefined ? of.rows : []));
  const shown = rows.filter((row) => row.oursOnly === undefined);
  const isRandom = TARGETS.some((one) => one.name === name);
  return told(
    'target',
    name,
    family,
    joined(
      some(text),
      'random options',
      notInKernel === undefined ? '' : 'what the tool itself says, for the kernel may not have it',
    ),
    joined(some(shown), isRandom ? 'random scenarios' : '', elsewhere(name)),
  );
}

export async function evidence(): Promise<Evidence[]> {
  const matches = (await allSheets()).flatMap((sheet) => sheet.match.families.map((family) => ofMatch(sheet, family)));
  const targets = subjects.flatMap((subject) => subject.target.families.map((family) => ofTarget(subject, family)));
  const key = ({ kind, name, family }: Evidence): string => `${kind} ${name} ${family}`;
  return [...matches, ...targets].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
