// Expected connections of translated masters: they are translated as their master is, and the port that is announced in their stead is one that
// nobody else expects. Source: net/netfilter/nf_nat_helper.c nf_nat_follow_master(), nf_nat_exp_find_port()

import type { Expectation, ExpectFunction } from '../helping/expectation.ts';
import type { Expectations } from '../helping/expectations.ts';
import { Tuple } from '../table/tuple.ts';
import { DESTINATION, SOURCE } from './range.ts';

const MOST_TRIES = 128;

const tuple = new Tuple();

/** It comes from where its master's packets seem to come from, and goes to whom they come from, at the port that was announced. */
export const followMaster: ExpectFunction = {
  name: 'nat-follow-master',
  run({ table, nat }, id, { master, direction, savedKey }) {
    table.readTuple(master.id, direction === 0 ? 1 : 0, tuple);
    const source = tuple.words.slice(4, 8);
    const destination = tuple.words.slice(0, 4);
    nat.assign(id, SOURCE, { addresses: [source, source] });
    nat.assign(id, DESTINATION, { addresses: [destination, destination], ports: [savedKey, savedKey] });
  },
};

/** Adds the expectation with the first free destination port from `port` on that is found; 0: there is none, and nothing was added. */
export function findPort(
  expectations: Expectations,
  expectation: Expectation,
  port: number,
  random: () => number,
): number {
  const range = 0xffff - port;
  for (let tries = Math.min(range, MOST_TRIES), tried = port; ; tried = port + (random() % range)) {
    expectation.destinationKey = tried;
    const refused = expectations.add(expectation);
    if (refused === undefined) return tried;
    if (refused !== 'taken' || --tries < 0) return 0;
  }
}
