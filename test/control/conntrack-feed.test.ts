// Events on their way out of the data plane, when nobody takes them in time.

import { expect, test } from 'vitest';
import { ftpHelper } from '../../conntrack/helpers/ftp.ts';
import { Expectation } from '../../conntrack/helping/expectation.ts';
import { ConnectionFeed, happenings } from '../../control/live/conntrack-feed.ts';
import type { Happening } from '../../control/watch/event-stream.ts';
import * as build from '../../packet/build.ts';
import { newTracker, pass } from '../conntrack/player.ts';

const shown = (one: Happening): string => (one.kind === 'lost' ? `${one.count} ${one.of} lost` : one.kind);

/** A feed, and what arrived of it; nothing arrives while it is not `taking`. */
function feedOf() {
  const tracker = newTracker();
  const world = { taking: true, seen: [] as string[] };
  const take = (events: Iterable<Happening>): boolean => {
    if (world.taking) world.seen.push(...Array.from(events, shown));
    return world.taking;
  };
  const feed = new ConnectionFeed(
    tracker,
    (events) => take(happenings(events)),
    () => ({ now: 0, epoch: 0 }),
  );
  let sport = 1;
  const open = (count: number): void => {
    for (const end = sport + count; sport < end; sport++) pass(tracker, build.ip4({}, build.udp({ sport })), 0);
  };
  return { tracker, world, feed, open, take };
}

test('lost events are counted, and told where they are missing', () => {
  const { world, feed, open } = feedOf();
  feed.want(true);
  open(1);
  feed.flush();
  world.taking = false;
  open(150);
  feed.flush();
  world.taking = true;
  open(1);
  feed.flush();
  expect(world.seen).toEqual(['connection', '150 connection lost', 'connection']);
});

test('they are told when nothing more happens, and once', () => {
  const { world, feed, open } = feedOf();
  feed.want(true);
  world.taking = false;
  open(2);
  feed.flush();
  world.taking = true;
  feed.flush();
  feed.flush();
  expect(world.seen).toEqual(['2 connection lost']);
});

test('who begins to listen is not told of what was lost before', () => {
  const { world, feed, open } = feedOf();
  feed.want(true);
  world.taking = false;
  open(2);
  feed.want(false);
  world.taking = true;
  feed.want(true);
  open(1);
  feed.flush();
  expect(world.seen).toEqual(['connection']);
});

test('so it is with expectations', () => {
  const { tracker, world, feed, take } = feedOf();
  const master = pass(tracker, build.ip4({}, build.tcp({ sport: 1, dport: 21, flags: 'S' })), 0).connection;
  tracker.helping.assign(master, ftpHelper({}));
  feed.wantExpectations(true, (one) => take([one]));
  // FTP expects one at a time: the next one ends it, which is an event too.
  const announce = (port: number): void => {
    const one = new Expectation(tracker.helping.help(master)!);
    one.tuple.setPorts(0, port);
    expect(tracker.expectations.add(one, { timed: true })).toBeUndefined();
  };
  world.taking = false;
  announce(1);
  announce(2);
  world.taking = true;
  announce(3);
  world.taking = false;
  announce(4);
  world.taking = true;
  feed.flush();
  expect(world.seen).toEqual(['3 expectation lost', 'expectation', 'expectation', '2 expectation lost']);
});
