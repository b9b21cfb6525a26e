import { defineMatch } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own } from '../grammar/values.ts';
import { STATES, sawState, stateConstraints, stateMatch } from './shared/ctstate.ts';
import { choicesOf, parseNames, printNames } from './shared/name-lists.ts';
import { option } from './shared/text.ts';

const states = {
  words: 1 as const,
  metavar: 'state[,state...]',
  choices: choicesOf(STATES),
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    parseNames(
      word,
      STATES,
      {
        bad: (rest) => `Bad state "${rest}"`,
        empty: '"--state" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED',
      },
      scope,
    ),
  print: (bits: number): string => printNames(bits, STATES),
};

export const state = defineMatch({
  name: 'state',
  families: [4, 6],
  summary: 'Connection state of the packet; the old spelling of conntrack --ctstate.',
  kernel: 'net/netfilter/xt_conntrack.c conntrack_mt()',
  needsTracking: true,
  effect: 'pure',
  options: { state: own(states, { help: 'one of these states', invert: true, required: true }) },
  check: ({ state: { value, inverted } }) => ({ bits: value, inverted }),
  save: ({ bits, inverted }) => option('state', printNames(bits, STATES), inverted),
  list: ({ bits, inverted }) => `${inverted ? '! ' : ''}state ${printNames(bits, STATES)}`,
  compile: (checked, { services }) => stateMatch(checked, services),
  constrain: stateConstraints,
  saw: (_checked, pkt, services) => sawState(pkt, services),
});
