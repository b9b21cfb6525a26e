// The connections of a daemon and the file that keeps them: written at intervals and at the end, given to the next data plane.
//
// The engine writes a snapshot in pieces, one for each request, so that packets pass between them. A file that cannot be read is put aside and
// said so: a start without it loses connections, not the network.

import { renameSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Errno } from '../../conntrack/editor.ts';
import type { Answers, ConntrackRequest } from '../../conntrack/service.ts';
import type { Restored } from '../../conntrack/snapshot/snapshot.ts';
import { AtomicFile, writeAtomically } from '../stored/atomic-file.ts';
import type { AskEngine } from './live-rules.ts';

/** No snapshot of ours is longer: several million connections. */
const LONGEST_FILE = 1 << 30;

/** Connections made or deleted by one request to the engine. */
const LOT = 128;

export class LiveConnections {
  private readonly ask: AskEngine;
  private readonly path: string;
  private readonly say: (line: string) => void;
  private saving: Promise<void> | undefined;

  constructor(ask: AskEngine, path: string, say: (line: string) => void) {
    this.ask = ask;
    this.path = path;
    this.say = say;
  }

  /** The engine's answer. What is to be done to many is asked for in lots, so that packets pass between them. */
  async answer(request: ConntrackRequest): Promise<Answers[ConntrackRequest['do']]> {
    const asked = (one: ConntrackRequest) => this.ask({ op: 'conntrack', request: one });
    if (request.do !== 'create' && request.do !== 'delete') return (await asked(request)) as Answers['list'];
    const done: Answers['create'] = [];
    const { given } = request;
    for (let at = 0; at < given.length && !endedBy(request, done.at(-1)); at += LOT) {
      done.push(...((await asked({ ...request, given: given.slice(at, at + LOT) })) as Answers['create']));
    }
    return done;
  }

  /** Gives an engine that has none yet the connections of the one before: as it said with its last words, else those of the file. */
  async giveBack(ask: AskEngine, lastWords: Uint8Array | undefined): Promise<void> {
    const bytes = lastWords ?? (await this.read());
    if (!bytes) return;
    try {
      const restored = (await ask({ op: 'restore', bytes, wallClock: Date.now() })) as Restored;
      if (restored.connections > 0) this.say(describe(restored));
    } catch (error) {
      if (lastWords) this.say(`the connections are lost: ${(error as Error).message}`);
      else this.putAside((error as Error).message);
    }
  }

  private async read(): Promise<Uint8Array | undefined> {
    const there = statSync(this.path, { throwIfNoEntry: false });
    if (!there) return undefined;
    const { size } = there;
    if (!there.isFile()) {
      this.putAside('not a file');
      return undefined;
    }
    if (size === 0) return undefined;
    if (size <= LONGEST_FILE) return readFile(this.path);
    this.putAside(`${size} octets are too many`);
    return undefined;
  }

  private putAside(reason: string): void {
    const aside = `${this.path}.refused`;
    renameSync(this.path, aside);
    this.say(`${this.path}: ${reason}; put aside as ${aside}, no connections are restored`);
  }

  /** Puts a snapshot into the file. */
  keep(snapshot: Uint8Array): void {
    writeAtomically(this.path, snapshot);
  }

  /** Writes all connections; one at a time. */
  save(): Promise<void> {
    this.saving ??= this.write().finally(() => {
      this.saving = undefined;
    });
    return this.saving;
  }

  private async write(): Promise<void> {
    const file = new AtomicFile(this.path);
    try {
      let piece = (await this.ask({ op: 'snapshot', begin: Date.now() })) as Uint8Array | undefined;
      for (; piece; piece = (await this.ask({ op: 'snapshot' })) as Uint8Array | undefined) file.write(piece);
      file.commit();
    } catch (error) {
      file.abandon();
      throw error;
    }
  }
}

/** A create ends at the first that cannot be, a delete does not. */
const endedBy = (request: Extract<ConntrackRequest, { do: 'create' | 'delete' }>, last: Errno | null = null): boolean =>
  request.do === 'create' && last !== null && !(request.content && last === 'EEXIST');

function describe({ connections, expectations, leftOut, elapsed }: Restored): string {
  const rest = Object.entries({
    'are over': leftOut.over,
    'found no room': leftOut.full,
    'are there already': leftOut.taken,
  })
    .filter(([, count]) => count > 0)
    .map(([what, count]) => `, ${count} ${what}`)
    .join('');
  const expected = expectations > 0 ? ` and ${expectations} expectations` : '';
  return `${connections} connections${expected} of ${Math.round(elapsed / 1000)} s ago go on${rest}`;
}
