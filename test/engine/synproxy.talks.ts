// Talks with SYNPROXY, one for each thing that it does.

import type { Family } from '../../packet/numbers.ts';
import type { Scenario, Step } from '../../testing/scenario/scenario-format.ts';
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
} from './synproxy.rig.ts';

const ALL = '--sack-perm --timestamp --wscale 7 --mss 1460 --ecn';
/** The cookie, and with an MSS before it the time, of the answer in that step. */
const cookie = (step: number): Seen => [step, 4, 8, 1];
const clock = (step: number): Seen => [step, 28, 28];

const syn = (family: Family): Step =>
  client(family, {
    flags: 'S',
    seq: CLIENT_SEQUENCE,
    window: 5_000,
    options: { mss: 1400, sackPermitted: true, timestamps: [CLIENT_TIME, 0], nop: 1, windowScale: 3 },
  });
const ack = (family: Family, of: number): Step =>
  client(
    family,
    { flags: 'A', seq: CLIENT_SEQUENCE + 1, window: 6_000, options: { nop: 2, timestamps: [CLIENT_TIME + 10, 0] } },
    cookie(of),
    clock(of),
  );
const synAck = (family: Family): Step =>
  server(family, {
    flags: 'SA',
    seq: SERVER_SEQUENCE,
    ack: CLIENT_SEQUENCE + 1,
    window: 7_000,
    options: { mss: 1300, sackPermitted: true, timestamps: [SERVER_TIME, CLIENT_TIME + 10], nop: 1, windowScale: 2 },
  });

const handshake = (family: Family): Step[] => [syn(family), ack(family, 0), synAck(family)];

const plainSyn = client(4, { flags: 'S', seq: CLIENT_SEQUENCE, window: 5_000 });
const plainAck = client(4, { flags: 'A', seq: CLIENT_SEQUENCE + 1, window: 6_000 }, cookie(0));
const plainSynAck = server(4, { flags: 'SA', seq: SERVER_SEQUENCE, ack: CLIENT_SEQUENCE + 1, window: 7_000 });

export const talks: readonly Scenario[] = [
  ...([4, 6] as const).map((family) =>
    talk(`IPv${family}: options, numbers and times of both ends`, family, rules(ALL), [
      ...handshake(family),
      client(
        family,
        {
          flags: 'PA',
          seq: CLIENT_SEQUENCE + 1,
          window: 6_000,
          options: { nop: 2, timestamps: [CLIENT_TIME + 20, 0] },
          data: 10,
        },
        cookie(0),
        [2, 24, 28],
      ),
      server(family, {
        flags: 'PA',
        seq: SERVER_SEQUENCE + 1,
        ack: CLIENT_SEQUENCE + 11,
        window: 900,
        options: { nop: 2, timestamps: [SERVER_TIME + 10, CLIENT_TIME + 20] },
        data: 20,
      }),
    ]),
  ),
  talk('a client without options, and one that acknowledges selectively', 4, rules('--mss 1400'), [
    plainSyn,
    plainAck,
    plainSynAck,
    client(
      4,
      { flags: 'A', seq: CLIENT_SEQUENCE + 1, window: 6_000, options: { nop: 2, sack: [[0, 0]] } },
      cookie(0),
      [0, 4, 24, 11],
      [0, 4, 28, 31],
    ),
  ]),
  talk('an ACK with another number gets no connection', 4, rules(ALL), [
    plainSyn,
    client(4, { flags: 'A', seq: CLIENT_SEQUENCE + 1 }, [0, 4, 8, 2]),
    client(4, { flags: 'A', seq: CLIENT_SEQUENCE + 2 }, cookie(0)),
    client(4, { flags: 'A', seq: CLIENT_SEQUENCE + 1, ack: 77 }),
  ]),
  talk('a SYN with a wrong checksum, and segments that are neither', 4, rules(ALL), [
    client(4, { flags: 'S', seq: 1, checksum: 0x1234 }),
    client(4, { flags: 'SF', seq: 1 }),
    client(4, { flags: 'R', seq: 1 }),
    client(4, { flags: 'F', seq: 1 }),
    client(4, { flags: 'S', seq: 1, headerLength: 40 }),
  ]),
  talk('the client asks again while the SYN to the server is lost', 4, rules('--mss 1400'), [
    plainSyn,
    plainAck,
    client(4, { flags: 'A', seq: CLIENT_SEQUENCE, window: 6_000 }, cookie(0)),
    plainSynAck,
  ]),
  talk('the port of the server is closed', 4, rules('--mss 1400'), [
    plainSyn,
    plainAck,
    server(4, { flags: 'RA', seq: 0, ack: CLIENT_SEQUENCE + 1, window: 0 }),
  ]),
  talk('a SYN that the tracker has seen', 6, rules(ALL, false), handshake(6)),
];
