import { expect, test } from 'vitest';
import { statusText } from '../../bin/ask-daemon.ts';

test('status says what passed each device and why packets were dropped', () => {
  const text = statusText({
    mode: 'bridge',
    uptime: 7,
    devices: {
      inside: { receivedPackets: 3, receivedBytes: 180, sentPackets: 2, sentBytes: 120, drops: { down: 1 } },
    },
    dataPlane: { state: 'running', restarts: 0, eventsLost: 0 },
    extensions: { '/etc/dnsname.mjs': ['dnsname'] },
    drops: [{ hook: 'FORWARD', reason: 'filter web rule 3', packets: 2 }],
  });
  expect(text.split('\n')).toEqual([
    'bridge mode, up 7 s',
    'attached: dnsname (/etc/dnsname.mjs)',
    'inside: in 3 packets 180 octets, out 2 packets 120 octets',
    '  not sent: 1 down',
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
