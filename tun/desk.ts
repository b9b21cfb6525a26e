// Requests to the engine of a data plane's thread: those that wait, and those that take long. They are served for about a millisecond between
// two turns of the loop, whatever there is, so that no packet waits longer for them than for one step.

import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Answer, Engine, Request } from './data-plane.ts';

/** Milliseconds. To look at the devices once more takes a fiftieth of that. */
export const SLICE_MS = 1;

/** What Engine.handle() returns for a request that takes long: the rest of it, in steps. Its end is the answer. */
export type Rest = Iterator<void, unknown>;

const isRest = (value: unknown): value is Rest =>
  typeof (value as { next?: unknown } | null | undefined)?.next === 'function';

export class Desk {
  private readonly port: MessagePort;
  private readonly engine: Engine;
  private readonly post: (answer: Answer) => void;
  private waiting = false;
  private readonly begun: { readonly id: number; readonly rest: Rest }[] = [];

  constructor(port: MessagePort, engine: Engine, post: (answer: Answer) => void) {
    this.port = port;
    this.engine = engine;
    this.post = post;
  }

  /** Somebody has posted a request. */
  ring(): void {
    this.waiting = true;
  }

  /** There is something to do. */
  get busy(): boolean {
    return this.waiting || this.begun.length > 0;
  }

  /** Does some of it; false: told to stop. Throws when told that another thread failed. */
  serve(): boolean {
    const until = performance.now() + SLICE_MS;
    do {
      const got = receiveMessageOnPort(this.port);
      this.waiting = got !== undefined;
      if (!got) this.proceed();
      else {
        const message = got.message as Request;
        if ('stop' in message) return false;
        if ('fail' in message) throw new Error(message.fail);
        this.answer(message.id, () => this.engine.handle(message.request));
      }
    } while (this.busy && performance.now() < until);
    return true;
  }

  /** One step of what was begun first. */
  private proceed(): void {
    const [first] = this.begun;
    if (!first) return;
    this.answer(first.id, () => {
      const { done, value } = first.rest.next();
      return done ? value : first.rest;
    });
  }

  private answer(id: number, act: () => unknown): void {
    let answer: Answer;
    const at = this.begun.findIndex((one) => one.id === id);
    try {
      const value = act();
      if (isRest(value)) {
        if (at < 0) this.begun.push({ id, rest: value });
        return;
      }
      answer = { id, value };
    } catch (error) {
      answer = { id, error: error instanceof Error ? error.message : String(error) };
    }
    if (at >= 0) this.begun.splice(at, 1);
    this.post(answer);
  }
}
