// `limit` over time: (milliseconds, matches), at 250 Hz. The first trace was seen on the kernel.

import { expect, test } from 'vitest';
import { Registry } from '../../engine/registry.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { limit } from '../../matches/limit.ts';
import { ip6, udp } from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';
import { bareServices } from '../../testing/bare-services.ts';

type Trace = readonly (readonly [at: number, matches: string])[];

/** One letter a packet: M or -. */
function run(options: string, trace: Trace): Trace {
  const command = parseCommand(`-A c -m limit ${options}`, { family: 6, lookup: new Registry({ matches: [limit] }) });
  if (command.kind !== 'append') throw new Error(command.kind);
  const predicate = limit.compile(command.rules[0].matches[0].checked as never, {
    family: 6,
    table: 'filter',
    services: bareServices(),
    state: (make) => make(),
    shared: (_name, make) => make(),
  });
  const pkt = Packet.of(ip6({}, udp()));
  return trace.map(([at, matches]) => {
    pkt.now = at;
    return [at, [...matches].map(() => (predicate(pkt) ? 'M' : '-')).join('')] as const;
  });
}

const rows: readonly (readonly [options: string, trace: Trace])[] = [
  [
    '--limit 2/sec --limit-burst 3',
    [
      [0, 'MMM--'],
      [600, 'M--'],
      [1700, 'MM-'],
      [4700, 'MMM--'],
    ],
  ],
  // A burst is all at once, then one an hour.
  [
    '--limit 1/hour --limit-burst 2',
    [
      [0, 'MM-'],
      [3_599_996, '-'],
      [3_600_000, 'M-'],
    ],
  ],
  [
    '--limit 100/sec --limit-burst 1',
    [
      [0, 'M-'],
      [8, '-'],
      [12, 'M-'],
      [20, '-'],
      [24, 'M-'],
    ],
  ],
  // Time goes in steps of 4 ms, each worth 42 packets at this rate; the burst caps them.
  [
    '--limit 10000/sec --limit-burst 3',
    [
      [0, 'MMM-'],
      [3.9, '-'],
      [4, 'MMM-'],
    ],
  ],
  // Less than a jiffy more often adds up as it does in one piece.
  [
    '--limit 10/sec --limit-burst 1',
    [
      [0, 'M'],
      [33, '-'],
      [66, '-'],
      [99, '-'],
      [100, 'M'],
    ],
  ],
];

for (const [options, trace] of rows) {
  test(`-m limit ${options}`, () => {
    expect(run(options, trace)).toEqual(trace);
  });
}

test('the bucket outlives a recompile: state() hands it back', () => {
  const kept: unknown[] = [];
  const compile = () =>
    limit.compile(
      { period: 10_000, burst: 1 },
      {
        family: 6,
        table: 'filter',
        services: bareServices(),
        state<T>(make: () => T): T {
          kept[0] ??= make();
          return kept[0] as T;
        },
        shared: (_name, make) => make(),
      },
    );
  const pkt = Packet.of(ip6({}, udp()));
  expect(compile()(pkt)).toBe(true);
  expect(compile()(pkt)).toBe(false);
});
