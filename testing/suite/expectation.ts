// What stands behind the arrow of a row: claims with commas between them.
//   accepted by outside, ctstate NEW, as src 192.0.2.1 dport 8080, logged "new: ", rule "allow web"
//   dropped by filter FORWARD policy        rejected with tcp-reset        not logged        held

import { didYouMean } from '../../grammar/suggest.ts';
import type { Claim, Rewritten } from '../claims.ts';
import * as claims from '../claims.ts';
import type { Outcome } from '../outcome.ts';

/** A claim that is to be made of a packet when it has gone through. */
export interface Expected {
  readonly negated: boolean;
  readonly text: string;
  claim(outcome: Outcome): Claim;
}

export class ExpectationError extends Error {}

const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED'];
const WORDS = ['accepted', 'delivered', 'dropped', 'rejected', 'held', 'ctstate', 'as', 'logged', 'rule', 'not'];

/** Throws ExpectationError with a sentence for what makes no sense. */
export function parseExpectation(text: string): Expected[] {
  const parts = splitAtCommas(text);
  if (parts.length === 0) throw new ExpectationError('nothing is expected: write accepted, dropped, rejected ...');
  return parts.map(parseOne);
}

function parseOne(text: string): Expected {
  const negated = /^not\s/.test(text);
  const words = tokens(negated ? text.replace(/^not\s+/, '') : text);
  return { negated, text, claim: claimOf(words, text) };
}

function claimOf([word, ...rest]: readonly string[], text: string): (outcome: Outcome) => Claim {
  const joined = rest.join(' ');
  /** What stands behind `by` or `with`. */
  const behind = (preposition: string): string | undefined => {
    if (rest.length === 0) return undefined;
    if (rest[0] === preposition && rest.length > 1) return rest.slice(1).join(' ');
    throw new ExpectationError(`"${text}": behind ${word} comes nothing, or "${preposition} ..."`);
  };
  const needed = (what: string): string => {
    if (joined === '') throw new ExpectationError(`"${text}": ${what} is missing behind ${word}`);
    return joined;
  };
  switch (word) {
    case 'accepted': {
      const device = behind('by');
      return (outcome) => claims.accepted(outcome, device);
    }
    case 'delivered':
      return claims.delivered;
    case 'dropped': {
      const reason = behind('by');
      return (outcome) => claims.dropped(outcome, reason);
    }
    case 'rejected': {
      const type = behind('with');
      return (outcome) => claims.rejectedWith(outcome, type);
    }
    case 'held':
      return claims.held;
    case 'ctstate':
      return stateClaim(needed('a state').toUpperCase());
    case 'logged':
      return (outcome) => claims.loggedWith(outcome, joined);
    case 'rule': {
      const ref = needed('what the rule is called');
      return (outcome) => claims.matchesRule(outcome, ref);
    }
    case 'as': {
      const fields = fieldsFrom(rest, text);
      return (outcome) => claims.rewrittenTo(outcome, fields);
    }
    default:
      if (STATES.includes(word)) return stateClaim(word);
      throw new ExpectationError(`"${text}" is nothing that can be expected${hintFor(word)}`);
  }
}

function stateClaim(state: string): (outcome: Outcome) => Claim {
  if (!STATES.includes(state)) throw new ExpectationError(`no ctstate is called ${state}: ${STATES.join(', ')}`);
  return (outcome) => claims.hasCtstate(outcome, state);
}

const hintFor = (word: string): string => {
  const hint = didYouMean(word, WORDS);
  return hint ? `; ${hint}` : `: ${WORDS.join(', ')}`;
};

const TEXTS = ['src', 'dst', 'protocol', 'flags', 'type', 'device'];
const NUMBERS = ['sport', 'dport', 'ttl', 'tos', 'dscp', 'mss', 'mark', 'id', 'length', 'seq', 'ack'];

function fieldsFrom(words: readonly string[], text: string): Rewritten {
  const fields: Record<string, string | number> = {};
  for (let at = 0; at < words.length; at += 2) {
    const [name, value] = [words[at], words[at + 1]];
    const number = Number(value);
    if (value === undefined) throw new ExpectationError(`"${text}": the value of ${name} is missing`);
    if (TEXTS.includes(name)) fields[name] = value;
    else if (!NUMBERS.includes(name))
      throw new ExpectationError(`"${text}": no field is called ${name}: ${[...TEXTS, ...NUMBERS].join(', ')}`);
    else if (Number.isNaN(number)) throw new ExpectationError(`"${text}": ${name} is a number, not ${value}`);
    else fields[name] = number;
  }
  if (words.length === 0) throw new ExpectationError(`"${text}": behind "as" come fields: src ADDRESS dport NUMBER`);
  return fields;
}

const splitAtCommas = (text: string): string[] =>
  (text.match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? []).map((part) => part.trim()).filter((part) => part !== '');

const tokens = (text: string): string[] =>
  Array.from(
    text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g),
    ([, quoted, bare]) => quoted?.replace(/\\(.)/g, '$1') ?? bare,
  );
