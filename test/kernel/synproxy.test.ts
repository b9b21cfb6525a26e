// SYNPROXY beside the kernel: the same talks, in which each end takes up what it was sent, and the same segments but for what the cookie
// and the clock are. The talks of test/engine/synproxy.test.ts, and random ones.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TcpFields } from '../../packet/build-transport.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Result, Scenario, Step } from '../../testing/scenario/scenario-format.ts';
import {
  CLIENT_SEQUENCE,
  CLIENT_TIME,
  client,
  rules,
  SERVER_SEQUENCE,
  SERVER_TIME,
  type Seen,
  server,
  talk,
  told,
} from '../engine/synproxy.rig.ts';
import { talks } from '../engine/synproxy.talks.ts';
import { beside, unlike } from './beside.ts';
import { Dice } from './dice.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const seed = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const count = Number(process.env.SEKISHO_CASES ?? 150);

/**
 * A talk that goes right for the most part. It ends before the same ports are used again: then it hangs on the cookie whether the new numbers fit
 * into the old window.
 */
function randomTalk(dice: Dice, index: number): Scenario {
  const family: Family = dice.pick([4, 6]);
  const maybe = <T>(share: number, value: T): T | undefined => (dice.chance(share) ? value : undefined);
  const text = dice.some(
    ['--sack-perm', '--timestamp', `--wscale ${dice.int(0, 15)}`, `--mss ${dice.int(500, 9000)}`, '--ecn'],
    0.7,
  );
  const timed = dice.chance(0.75);
  const stamps = (value: number, echo: number): [number, number] | undefined => (timed ? [value, echo] : undefined);
  const nop = timed ? 2 : 0;
  const ecn = dice.chance(0.3) ? 'EC' : '';
  const first: TcpFields = {
    flags: `S${ecn}`,
    seq: CLIENT_SEQUENCE,
    window: dice.int(0, 65_535),
    options: {
      mss: maybe(0.85, dice.pick([dice.int(0, 1_500), 536, 1300, 1440, 1460, 8940, 65_535])),
      sackPermitted: maybe(0.6, true),
      timestamps: stamps(CLIENT_TIME, dice.pick([0, 0, 77])),
      nop: dice.int(0, 2),
      windowScale: maybe(0.6, dice.int(0, 15)),
    },
  };
  const steps: Step[] = [client(family, first)];
  const takes = (step: number): Seen[] => [[step, 4, 8, dice.chance(0.96) ? 1 : dice.int(-3, 3)]];
  // Where the times stand in the answer: behind the MSS, if that was sent.
  const mssSent =
    text.some((word) => word.startsWith('--mss')) &&
    first.options !== undefined &&
    'mss' in first.options &&
    first.options.mss !== undefined;
  const echoes = (step: number): Seen[] =>
    timed && text.includes('--timestamp') ? [[step, 20 + (mssSent ? 4 : 0) + 4, 28]] : [];
  if (dice.chance(0.1)) steps.push(client(family, first));
  const answer = steps.length - 1;
  const ack: TcpFields = {
    flags: dice.pick(['A', 'A', 'A', 'PA', 'FA', 'UA']),
    seq: CLIENT_SEQUENCE + (dice.chance(0.96) ? 1 : dice.int(0, 3)),
    window: dice.int(0, 65_535),
    options: { nop, timestamps: stamps(CLIENT_TIME + 10, 0) },
    data: dice.chance(0.1) ? 5 : 0,
  };
  steps.push(client(family, ack, ...takes(answer), ...echoes(answer)));
  // Lost on the way to the server: the client asks again.
  if (dice.chance(0.15)) {
    const keepAlive = { ...ack, flags: 'A', seq: dice.pick([CLIENT_SEQUENCE, CLIENT_SEQUENCE + 1]), data: 0 };
    steps.push(client(family, keepAlive, ...takes(answer), ...echoes(answer)));
  }
  const reply: TcpFields = {
    flags: dice.weighted([
      [10, 'SA'],
      [1, 'RA'],
      [1, 'SAE'],
      [0.5, 'A'],
    ]),
    seq: SERVER_SEQUENCE,
    ack: CLIENT_SEQUENCE + 1,
    window: dice.int(0, 65_535),
    options: {
      mss: maybe(0.8, dice.int(500, 9_000)),
      sackPermitted: maybe(0.6, true),
      timestamps: stamps(SERVER_TIME, CLIENT_TIME + 10),
      nop: dice.int(0, 1),
      windowScale: maybe(0.6, dice.int(0, 14)),
    },
  };
  steps.push(server(family, reply));
  let [sent, got, time] = [CLIENT_SEQUENCE + 1, SERVER_SEQUENCE + 1, 20];
  const turns = reply.flags === 'A' ? 0 : dice.int(0, 4);
  for (let turn = 0; turn < turns; turn++) {
    const data = dice.int(0, 60);
    const ofClient = { nop, timestamps: stamps(CLIENT_TIME + time, 0) };
    const ofServer = { nop, timestamps: stamps(SERVER_TIME + time, CLIENT_TIME + time) };
    if (dice.chance(0.5)) {
      const shift = got - SERVER_SEQUENCE;
      const sack: Seen[] =
        dice.chance(0.3) && !timed
          ? [
              [answer, 4, 24, shift + 10],
              [answer, 4, 28, shift + 30],
            ]
          : [];
      const fields: TcpFields = {
        flags: dice.pick(['A', 'PA', 'FA']),
        seq: sent,
        window: 6_000,
        options: sack.length > 0 ? { nop: 2, sack: [[0, 0]] } : ofClient,
        data,
      };
      steps.push(client(family, fields, [answer, 4, 8, shift], ...echoes(answer), ...sack));
      sent += data + (fields.flags === 'FA' ? 1 : 0);
    } else {
      const fields: TcpFields = {
        flags: dice.pick(['A', 'PA', 'FA', 'RA']),
        seq: got,
        ack: sent,
        window: 900,
        options: ofServer,
        data,
      };
      steps.push(server(family, fields));
      got += data + (fields.flags === 'FA' ? 1 : 0);
    }
    time += 10;
  }
  return talk(`talk ${index}`, family, rules(text.join(' '), dice.chance(0.8)), steps);
}

const compare = (kernel: Result, ours: Result): string[] => unlike(told(kernel), told(ours));

const machine = probeTwin();
describe.skipIf(!ready('SYNPROXY beside the kernel', machine))('SYNPROXY', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  test.each(talks.map((one) => [one.name, one] as const))('%s', async (_, scenario) => {
    expect(await beside(twin, scenario, { compare })).toEqual([]);
  });

  test(`${count} random talks from seed ${seed} on`, async () => {
    for (let index = 0; index < count; index++) {
      const scenario = randomTalk(new Dice(seed + index), seed + index);
      expect(await beside(twin, scenario, { compare }), JSON.stringify(scenario)).toEqual([]);
    }
  });
});
