import { expect, test } from 'vitest';
import { statusText } from '../../bin/ask-daemon.ts';

test('status says what passed each device and why packets were dropped', () => {
  const text = statusText({
    mode: 'bridge',
    uptime: 7,
    devices: {
      inside: { receivedPackets: 3, receivedBytes: 180, sentPackets: 2, sentBytes: 120, drops: { down: 1 } },
      outside: {
        ...{ receivedPackets: 5, receivedBytes: 300, sentPackets: 4, sentBytes: 240, drops: {} },
        queues: [
          { receivedPackets: 2, receivedBytes: 120, sentPackets: 4, sentBytes: 240, drops: {}, held: 0 },
          { receivedPackets: 3, receivedBytes: 180, sentPackets: 0, sentBytes: 0, drops: {}, held: 6 },
        ],
      },
    },
    dataPlane: {
      state: 'running',
      io: { method: 'calls', why: 'io_uring_setup: Operation not permitted' },
      restarts: 0,
      eventsLost: 0,
    },
    extensions: { '/etc/dnsname.mjs': ['dnsname'] },
    drops: [{ hook: 'FORWARD', reason: 'filter web rule 3', packets: 2 }],
  });
  expect(text.split('\n')).toEqual([
    'bridge mode, up 7 s',
    'packets are read and written by a system call each: io_uring_setup: Operation not permitted',
    'attached: dnsname (/etc/dnsname.mjs)',
    'inside: in 3 packets 180 octets, out 2 packets 120 octets',
    '  not sent: 1 down',
    'outside: in 5 packets 300 octets, out 4 packets 240 octets',
    '  queue 0: in 2 packets, out 4 packets',
    '  queue 1: in 3 packets, out 0 packets, waited 6 times for the engine',
    'dropped in FORWARD: 2 filter web rule 3',
    '',
  ]);
});

test('status says when nothing passes, and what came before', () => {
  const lastDeath = { at: 0, reason: 'out of memory' };
  const dataPlane = { state: 'down', restarts: 1, lastDeath, eventsLost: 9 } as const;
  expect(
    statusText({ mode: 'router', uptime: 7, devices: { inside: undefined }, drops: [], dataPlane, extensions: {} }),
  ).toBe(
    [
      'router mode, up 7 s',
      'the data plane is being started again: nothing passes',
      '1 restart of the data plane, the last end at 1970-01-01T00:00:00.000Z: out of memory',
      '9 log lines and events lost: they came faster than they could be taken',
      '',
    ].join('\n'),
  );
});
