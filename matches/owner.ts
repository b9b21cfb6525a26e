import { defineMatch } from '../engine/extension.ts';
import type { Names } from '../grammar/names.ts';
import type { Given, ListScope, ValueScope } from '../grammar/options.ts';
import { scanNumber } from '../grammar/scan.ts';
import { flag, type NumberRange, own } from '../grammar/values.ts';
import type { Owner } from '../packet/packet.ts';
import { words } from './shared/text.ts';

/** The largest number is no user: it means "none". */
const LARGEST = 0xffff_fffe;

/** A name, a number, or a range of numbers. */
const idRange = (find: (names: Names, word: string) => number | undefined) => ({
  words: 1 as const,
  metavar: 'name|id[-id]',
  parse([word]: readonly string[], scope: ValueScope): NumberRange {
    const named = find(scope.names, word);
    if (named !== undefined) return [named, named];
    const bad = (): never => scope.fail(`owner: Bad value for "--${scope.option}" option: "${word}"`);
    const low = scanNumber(word);
    if (!low || low.value > LARGEST) return bad();
    if (low.end === word.length) return [Number(low.value), Number(low.value)];
    const high = word[low.end] === '-' ? scanNumber(word, low.end + 1) : undefined;
    if (!high || high.value > LARGEST || high.end !== word.length) return bad();
    return [Number(low.value), Number(high.value)];
  },
  print: ([low, high]: NumberRange): string => (low === high ? `${low}` : `${low}-${high}`),
});

const user = idRange((names, word) => names.user(word));
const group = idRange((names, word) => names.group(word));

interface Asked {
  readonly range: NumberRange;
  readonly inverted: boolean;
}

interface Checked {
  readonly socket?: { readonly inverted: boolean };
  readonly user?: Asked;
  readonly group?: Asked;
  /** The groups that the owner is in besides count as well. */
  readonly supplementary: boolean;
}

const asked = ({ value, inverted }: Given<NumberRange>): Asked => ({ range: value, inverted });
const not = (inverted: boolean): string => (inverted ? '! ' : '');
const isReversed = (one: Asked | undefined): boolean => one !== undefined && one.range[0] > one.range[1];

function listIds(kind: 'UID' | 'GID', { range, inverted }: Asked, scope: ListScope): string {
  const [low, high] = range;
  const nameOf = kind === 'UID' ? scope.names.userName : scope.names.groupName;
  const name = scope.numeric || low !== high ? undefined : nameOf(low);
  return `${not(inverted)}owner ${kind} match ${name ?? user.print(range)}`;
}

export const owner = defineMatch({
  name: 'owner',
  families: [4, 6],
  summary: 'Who sent a packet of this host.',
  supplied:
    'Inline: what the router sends itself (resets, ICMP errors, echo replies) has no owner, as with the kernel, so only inverted conditions hold. In tests the owner of the packet.',
  kernel: 'net/netfilter/xt_owner.c owner_mt()',
  placement: {
    hooks: ['OUTPUT', 'POSTROUTING'],
    refuses: (checked: Checked) =>
      isReversed(checked.user) || isReversed(checked.group) ? 'the first id must be the smaller one' : undefined,
  },
  effect: 'pure',
  options: {
    'uid-owner': own(user, { help: 'user, or users from id to id', invert: true }),
    'gid-owner': own(group, { help: 'group, or groups from id to id', invert: true }),
    'socket-exists': flag({ help: 'the packet belongs to a socket', invert: true }),
    'suppl-groups': flag({ help: "--gid-owner looks at the user's other groups as well" }),
  },
  check(given, scope): Checked {
    const uid = given['uid-owner'];
    const gid = given['gid-owner'];
    const socket = given['socket-exists'];
    const more = given['suppl-groups'];
    if (more && !(gid && gid.span.start < more.span.start)) {
      scope.fail('owner: Bad value for "--suppl-groups" option: "you need to use --gid-owner first"', more);
    }
    if (!uid && !gid && !socket) {
      scope.fail('owner: At least one of --uid-owner, --gid-owner or --socket-exists is required');
    }
    return {
      ...(socket && { socket: { inverted: socket.inverted } }),
      ...(uid && { user: asked(uid) }),
      ...(gid && { group: asked(gid) }),
      supplementary: more !== undefined,
    };
  },
  save: (c) =>
    words(
      c.socket && `${not(c.socket.inverted)}--socket-exists`,
      c.user && `${not(c.user.inverted)}--uid-owner ${user.print(c.user.range)}`,
      c.group && `${not(c.group.inverted)}--gid-owner ${group.print(c.group.range)}`,
      c.supplementary && '--suppl-groups',
    ),
  list: (c, scope) =>
    words(
      c.socket && `${not(c.socket.inverted)}owner socket exists`,
      c.user && listIds('UID', c.user, scope),
      c.group && listIds('GID', c.group, scope),
      c.supplementary && 'incl. suppl. groups',
    ),
  compile(c) {
    // Without a socket a rule matches when everything in it is inverted.
    const withoutSocket = [c.socket, c.user, c.group].every((one) => one === undefined || one.inverted);
    const withoutFile = [c.user, c.group].every((one) => one === undefined || one.inverted);
    return ({ owner: of }) => {
      if (of === undefined) return withoutSocket;
      if (c.socket?.inverted) return false;
      // A socket that no process holds any more has no owner.
      if (of.uid === undefined && of.gid === undefined) return withoutFile;
      if (c.user && holds(c.user, of.uid) === c.user.inverted) return false;
      return !c.group || inGroup(c.group, of, c.supplementary) !== c.group.inverted;
    };
  },
  saw: (_checked, { owner: of }) => (of ? `uid ${of.uid ?? '-'} gid ${of.gid ?? '-'}` : 'no socket'),
});

const holds = ({ range: [low, high] }: Asked, id: number | undefined): boolean =>
  id !== undefined && low <= id && id <= high;

const inGroup = (wanted: Asked, of: Owner, supplementary: boolean): boolean =>
  holds(wanted, of.gid) || (supplementary && (of.groups?.some((id) => holds(wanted, id)) ?? false));
