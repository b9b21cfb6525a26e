// Keeps a data plane running. When one ends by itself its devices are closed and nothing passes; another is started and made ready (rules,
// sets, connections) before its devices come up, at once the first time, then after pauses that double. One that lives for a while makes
// up for those before it. When several in a row do not come to life, the keeper gives up: then somebody else must look.
//
// Who asks meanwhile waits for the next one.

import { setTimeout as pause } from 'node:timers/promises';
import { type CountsByQueue, DataPlane, type DataPlaneOptions } from '../../tun/data-plane.ts';
import type { Io } from '../../tun/holding.ts';
import type { EngineRequest } from './engine.ts';

export interface KeeperOptions {
  readonly plane: Omit<DataPlaneOptions, 'onDeath'>;
  /**
   * Makes a new data plane what the daemon is: rules, connections; at last its devices. `lastWords` of the one before. `row`: how many have
   * failed in a row, this one to follow; 0 for the first of all.
   */
  prepare(ask: (request: EngineRequest) => Promise<unknown>, lastWords: unknown, row: number): Promise<void>;
  /** Why there can be no other data plane now, if so; asked before each start but the first. `lastWords` as in prepare(). */
  unable?(lastWords: unknown): string | undefined;
  /** Tells people. */
  say(line: string): void;
  /** No more tries. */
  onGone(error: Error): void;
  readonly backOff?: BackOff;
}

export interface BackOff {
  /** Milliseconds before the second try; doubled for each one after it. */
  readonly first: number;
  readonly longest: number;
  /** Tries in a row. */
  readonly most: number;
  /** One that lived for so long begins a new row. */
  readonly settled: number;
  /** Between two looks whether the thread still turns, of which two in a row must fail; installing the largest rule sets takes a few seconds. */
  readonly look: number;
}

const BACK_OFF: BackOff = { first: 500, longest: 30_000, most: 8, settled: 60_000, look: 10_000 };

export interface Death {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: string;
}

export class Keeper {
  /** How often a data plane was started again. */
  restarts = 0;
  lastDeath: Death | undefined;
  private readonly options: KeeperOptions;
  private readonly backOff: BackOff;
  private readonly looking: NodeJS.Timeout;
  private plane: DataPlane | undefined;
  /** Waited for while there is none. */
  private next: Promise<DataPlane> | undefined;
  private bornAt = 0;
  private failures = 0;
  private stopping = false;
  private eventsLostBefore = 0;

  /** Resolves when the first one is ready; rejects with its reason, and nothing is left. */
  static async start(options: KeeperOptions): Promise<Keeper> {
    const keeper = new Keeper(options);
    try {
      keeper.plane = await keeper.launch(undefined);
      return keeper;
    } catch (error) {
      await keeper.stop();
      throw error;
    }
  }

  private constructor(options: KeeperOptions) {
    this.options = options;
    this.backOff = options.backOff ?? BACK_OFF;
    this.looking = setInterval(() => this.plane?.watch(), this.backOff.look);
    this.looking.unref();
  }

  /** How packets are read and written. Undefined: there is no data plane at the moment. */
  get io(): Io | undefined {
    return this.plane?.io;
  }

  /** Counts of each device, as given to the plane; since the last start of the thread. Undefined: there is none at the moment. */
  deviceCounts(): CountsByQueue[] | undefined {
    return this.plane?.deviceCounts();
  }

  get eventsLost(): number {
    return this.eventsLostBefore + (this.plane?.eventsLost ?? 0);
  }

  get running(): boolean {
    return this.plane !== undefined;
  }

  /** Asks the engine, or the next one when there is none at the moment. */
  async request(request: EngineRequest): Promise<unknown> {
    const plane = this.plane ?? (await this.next);
    if (!plane) throw new Error('the data plane is gone');
    return plane.request(request);
  }

  private async launch(lastWords: unknown): Promise<DataPlane> {
    let dead: Error | undefined;
    const plane: DataPlane = await DataPlane.start({
      ...this.options.plane,
      onDeath: (error, words) => {
        dead = error;
        if (plane === this.plane) this.died(plane, error, words);
      },
    });
    try {
      await this.options.prepare((request) => plane.request(request), lastWords, this.failures);
      if (dead) throw dead;
      this.bornAt = performance.now();
      return plane;
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  private died(plane: DataPlane, error: Error, lastWords: unknown): void {
    this.plane = undefined;
    this.eventsLostBefore += plane.eventsLost;
    this.lastDeath = { at: Date.now(), reason: error.message };
    if (performance.now() - this.bornAt > this.backOff.settled) this.failures = 0;
    this.options.say(`the data plane ended, its devices are closed, nothing passes: ${error.stack ?? error.message}`);
    this.next = this.revive(lastWords);
    this.next.catch((reason: Error) => {
      if (!this.stopping) this.options.onGone(reason);
    });
  }

  private async revive(lastWords: unknown): Promise<DataPlane> {
    for (;;) {
      await this.rest();
      if (this.stopping) throw new Error('the daemon ends');
      const reason = this.options.unable?.(lastWords);
      if (reason !== undefined) throw new Error(reason);
      this.failures++;
      try {
        const plane = await this.launch(lastWords);
        this.restarts++;
        this.plane = plane;
        this.next = undefined;
        this.options.say(`the data plane runs again (restart ${this.restarts})`);
        return plane;
      } catch (error) {
        this.options.say(`the data plane did not start again: ${(error as Error).message}`);
        if (this.failures >= this.backOff.most) throw error;
      }
    }
  }

  private async rest(): Promise<void> {
    if (this.failures === 0) return;
    const span = Math.min(this.backOff.first * 2 ** (this.failures - 1), this.backOff.longest);
    this.options.say(`next try in ${span / 1000} s`);
    await pause(span, undefined, { ref: false });
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.looking);
    await this.plane?.stop();
    this.plane = undefined;
  }
}
