import { describe, expect, test } from 'vitest';
import { Tuple } from '../../conntrack/table/tuple.ts';
import type { ConnectionTracker } from '../../conntrack/tracker.ts';
import * as build from '../../packet/build.ts';
import { ctStateName, newTracker, pass } from './player.ts';

const CLIENT = { 4: '10.0.1.2', 6: 'fd00:a::2' };
const SERVER = { 4: '10.0.2.2', 6: 'fd00:b::2' };
const CLIENT_CALL = 7;
const SERVER_CALL = 9;

const there = (family: 4 | 6, callId = SERVER_CALL) =>
  build.ip(family, { src: CLIENT[family], dst: SERVER[family] }, build.gre({ version: 1, callId }));
const back = (family: 4 | 6, callId = CLIENT_CALL) =>
  build.ip(family, { src: SERVER[family], dst: CLIENT[family] }, build.gre({ version: 1, callId }));

/** As the helper does when a call is agreed on: what the client's packets look like, and what the server's do. */
function agree(tracker: ConnectionTracker, family: 4 | 6): number {
  const control = pass(
    tracker,
    build.ip(family, { src: CLIENT[family], dst: SERVER[family] }, build.tcp({ dport: 1723, flags: 'S' })),
    0,
  );
  const tuple = tupleOf(there(family), family, CLIENT_CALL, SERVER_CALL);
  expect(tracker.greKeys.add(control.connection, 0, tuple)).toBe(true);
  tuple.invert();
  expect(tracker.greKeys.add(control.connection, 1, tuple)).toBe(true);
  return control.connection;
}

function tupleOf(octets: Uint8Array, family: 4 | 6, source: number, destination: number): Tuple {
  const tuple = new Tuple();
  tuple.setAddresses(octets, 0, family);
  tuple.protocol = 47;
  tuple.setPorts(source, destination);
  return tuple;
}

describe.each([4, 6] as const)('calls of PPTP over IPv%i', (family) => {
  test('that the helper knows are one connection, either way', () => {
    const tracker = newTracker();
    agree(tracker, family);
    const first = pass(tracker, there(family), 1);
    const answer = pass(tracker, back(family), 2);
    expect(ctStateName(answer)).toBe('ESTABLISHED');
    expect(answer.connection).toBe(first.connection);
    expect(tracker.connections.sourceKey(first.connection, 0)).toBe(CLIENT_CALL);
  });

  test('that nobody knows are one each', () => {
    const tracker = newTracker();
    agree(tracker, family);
    expect(ctStateName(pass(tracker, there(family, 10), 1))).toBe('NEW');
    expect(ctStateName(pass(tracker, back(family, 8), 2))).toBe('NEW');
    expect(tracker.table.count).toBe(3);
  });

  test('are forgotten with the control connection', () => {
    const tracker = newTracker();
    tracker.kill(agree(tracker, family));
    pass(tracker, there(family), 1);
    expect(ctStateName(pass(tracker, back(family), 2))).toBe('NEW');
  });

  test('one each way for a master: the same again is fine, another is not', () => {
    const tracker = newTracker();
    const master = agree(tracker, family);
    const octets = there(family);
    expect(tracker.greKeys.add(master, 0, tupleOf(octets, family, CLIENT_CALL, SERVER_CALL))).toBe(true);
    expect(tracker.greKeys.add(master, 0, tupleOf(octets, family, CLIENT_CALL + 1, SERVER_CALL))).toBe(false);
    expect(tracker.greKeys.add(master, 0, tupleOf(octets, family, CLIENT_CALL, SERVER_CALL + 1))).toBe(false);
  });
});
