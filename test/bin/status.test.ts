import { expect, test } from 'vitest';
import { statusText } from '../../bin/ask-daemon.ts';

test('status says what passed each device and why packets were dropped', () => {
  const text = statusText({
    mode: 'bridge',
    uptime: 7,
    devices: {
      inside: { receivedPackets: 3, receivedBytes: 180, sentPackets: 2, sentBytes: 120, drops: { down: 1 } },
    },
    drops: [{ hook: 'FORWARD', reason: 'filter web rule 3', packets: 2 }],
  });
  expect(text.split('\n')).toEqual([
    'bridge mode, up 7 s',
    'inside: in 3 packets 180 octets, out 2 packets 120 octets',
    '  not sent: 1 down',
    'dropped in FORWARD: 2 filter web rule 3',
    '',
  ]);
});
