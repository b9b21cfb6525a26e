import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import type { Engine } from '../../tun/data-plane.ts';
import { Desk } from '../../tun/desk.ts';

const { port1, port2 } = new MessageChannel();
afterEach(() => {
  while (receiveMessageOnPort(port2));
});

/** A desk over an engine that answers so, and what it has said. */
function desk(handle: Engine['handle']) {
  const answers: unknown[] = [];
  const engine: Engine = { receive() {}, advance: () => 100, handle };
  return { answers, desk: new Desk(port2, engine, (answer) => answers.push(answer)) };
}

let lastId = 0;
const post = (request: unknown): number => {
  port1.postMessage({ id: ++lastId, request });
  return lastId;
};

function* counting(steps: number, note: () => void): Generator<void, string> {
  for (let step = 0; step < steps; step++) {
    note();
    yield;
  }
  return 'counted';
}

/** A step that takes 0.4 ms: two and a half of them are a slice. */
const dawdle = (): void => {
  for (const until = performance.now() + 0.4; performance.now() < until; );
};

function serveAll(given: Desk): number {
  given.ring();
  let turns = 0;
  for (; given.busy; turns++) expect(given.serve()).toBe(true);
  return turns;
}

test('what takes long is done in several turns, and what comes meanwhile goes first', () => {
  const { answers, desk: given } = desk((request) => (request === 'long' ? counting(50, dawdle) : request));
  const long = post('long');
  given.ring();
  given.serve();
  const short = post('short');
  expect(serveAll(given)).toBeGreaterThan(5);
  expect(answers).toEqual([
    { id: short, value: 'short' },
    { id: long, value: 'counted' },
  ]);
});

test('one after the other is worked at in the order in which they came; one that fails says so', () => {
  const { answers, desk: given } = desk((request) =>
    counting(request as number, () => {
      if (request === 2) throw new Error('no');
    }),
  );
  const ids = [3, 2, 1].map(post);
  serveAll(given);
  expect(answers).toEqual([
    { id: ids[0], value: 'counted' },
    { id: ids[1], error: 'no' },
    { id: ids[2], value: 'counted' },
  ]);
});

test('told to stop, it does, whatever is left', () => {
  const { answers, desk: given } = desk(() => counting(1e9, dawdle));
  post('long');
  given.ring();
  expect(given.serve()).toBe(true);
  port1.postMessage({ stop: true });
  given.ring();
  expect(given.serve()).toBe(false);
  expect(answers).toEqual([]);
});
