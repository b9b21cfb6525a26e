// What goes with what: options that a command needs, takes or refuses, in the order in which the real tool complains.

import type { Command } from './command.ts';
import { CHECKED, listed, type ProtocolOptions, RULES } from './options.ts';
import { Complaint } from './values.ts';

const OURS: ReadonlySet<string> = new Set(['proc', 'ip_conntrack', 'json']);

/** Throws a Complaint. `own`: options of the protocol that were given. */
export function checkCommand(
  command: Command,
  protocol: ProtocolOptions | undefined,
  protocolGiven: ReadonlySet<string>,
): void {
  const { given, letter, table } = command;
  if (given.has('label-add') && given.has('label-del'))
    throw new Complaint('cannot use --label-add and --label-del at the same time', 1);
  if (given.has('any-nat') && (given.has('src-nat') || given.has('dst-nat')))
    throw new Complaint("cannot specify `--src-nat' or `--dst-nat' with `--any-nat'");
  const rules = RULES[table === 'expect' ? 'expect' : 'conntrack'][letter] ?? {};
  // Our own words for what is shown are good with every command that shows something.
  const checked = new Set(given);
  if ([...command.output].every((word) => OURS.has(word))) checked.delete('output');
  checkOptions(CHECKED, checked, rules.required, rules.optional);
  if (rules.pair) {
    checkPairs(
      given,
      [
        ['src', 'dst'],
        ['reply-src', 'reply-dst'],
      ],
      ["you have to specify `--src' and `--dst'", "you have to specify `--reply-src' and `--reply-dst'"],
    );
  }
  if (!protocol || letter === 'h') return;
  const own = protocol.rules[table === 'expect' ? `${letter} expect` : letter];
  // A command that does not look at connections does not look at these options either.
  if (!own && !(table === 'expect' && 'IDG'.includes(letter))) return;
  checkOptions(
    protocol.options.map(([name]) => name),
    protocolGiven,
    own?.required,
    own?.optional,
  );
  if (own?.pair && protocol.pairs) checkPairs(protocolGiven, protocol.pairs.keys, protocol.pairs.complaints);
}

function checkOptions(all: readonly string[], given: ReadonlySet<string>, required?: string, optional?: string): void {
  const [needed, allowed] = [listed(required), listed(optional)];
  for (const name of all) {
    if (needed.has(name) && !given.has(name))
      throw new Complaint(`You need to supply the \`--${name}' option for this command`);
    if (given.has(name) && !needed.has(name) && !allowed.has(name))
      throw new Complaint(`Illegal option \`--${name}' with this command`);
  }
}

/** One of the pairs is whole; else the first of which a half is there is complained of, or the first of all. */
function checkPairs(
  given: ReadonlySet<string>,
  pairs: readonly (readonly [string, string])[],
  complaints: readonly string[],
): void {
  if (pairs.some((pair) => pair.every((name) => given.has(name)))) return;
  const half = pairs.findIndex((pair) => pair.some((name) => given.has(name)));
  throw new Complaint(complaints[Math.max(0, half)]);
}
