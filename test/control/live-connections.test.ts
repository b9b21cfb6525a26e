import { expect, test } from 'vitest';
import type { FlowGiven } from '../../conntrack/editor.ts';
import { type ConntrackRequest, ConntrackService } from '../../conntrack/service.ts';
import { LiveConnections } from '../../control/live/live-connections.ts';
import { parseAddress } from '../../packet/address.ts';
import { IPPROTO_UDP } from '../../packet/numbers.ts';
import { newTracker } from '../conntrack/player.ts';

const [client, server] = [parseAddress('10.0.0.1', 4)!, parseAddress('192.0.2.1', 4)!];
const flow = (port: number): FlowGiven => ({
  family: 4,
  orig: { protocol: IPPROTO_UDP, src: client, dst: server, srcKey: port, dstKey: 53 },
  reply: { protocol: IPPROTO_UDP, src: server, dst: client, srcKey: 53, dstKey: port },
  timeout: 60,
});

const service = (): ((request: ConntrackRequest) => unknown) => {
  const asked = new ConntrackService(newTracker());
  return (request) => asked.answer(request, { now: 1_000, epoch: 0 });
};

/** 300 flows, one of them twice. */
const twice = (at: number): FlowGiven[] => Array.from({ length: 300 }, (_, index) => flow(index === at ? 0 : index));

test.each([
  ['the first of a lot', 128, false],
  ['the last of a lot', 127, false],
  ['in the middle', 200, false],
  ['that does not matter', 127, true],
])('many are made in lots, with the same answers, up to one that is there already: %s', async (_name, at, content) => {
  const whole = service();
  const inLots = service();
  const lots: number[] = [];
  const live = new LiveConnections(
    async (asked) => {
      const { request } = asked as { request: ConntrackRequest };
      if ('given' in request && Array.isArray(request.given)) lots.push(request.given.length);
      return inLots(request);
    },
    '/nowhere',
    () => {},
  );
  for (const request of [
    { do: 'create', given: twice(at), content },
    { do: 'delete', given: twice(at) },
    { do: 'create', given: [] },
    { do: 'statistics' },
  ] as const) {
    expect(await live.answer(request)).toEqual(whole(request));
  }
  expect(Math.max(...lots)).toBe(128);
});
