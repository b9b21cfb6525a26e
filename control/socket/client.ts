// The tools' side of the control socket.

import { createConnection } from 'node:net';
import type { EventFilter } from '../watch/event-filter.ts';
import type { DaemonEvent } from '../watch/event-stream.ts';
import { Lines } from './framing.ts';
import type { Answer, Request } from './protocol.ts';

/** No daemon serves the socket: the caller works on the stored rules instead. */
export class NotServed extends Error {
  constructor(path: string) {
    super(`no daemon on ${path} (is "sekisho run" running, and SEKISHO_STATE_DIR the same?)`);
  }
}

/** Sends one request and waits for its answer. Rejects with NotServed when nobody listens, with an Error when the daemon says no. */
export function ask(path: string, request: Request): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const lines = new Lines();
    const socket = createConnection(path);
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('error', (error: NodeJS.ErrnoException) => reject(connectError(path, error)));
    socket.on('close', () => reject(new Error(`the daemon on ${path} hung up before it answered`)));
    socket.on('data', (chunk) => {
      try {
        const [line] = lines.feed(chunk as Buffer);
        if (line === undefined) return;
        const answer = JSON.parse(line) as Answer;
        if (answer.ok) resolve(answer.result);
        else reject(new Error(answer.error));
      } catch (error) {
        reject(new Error(`what answers on ${path} is no daemon of ours: ${(error as Error).message}`));
      }
      socket.end();
    });
  });
}

/**
 * Watches the daemon's events: `each` gets them in order, until `until` is resolved. Rejects with NotServed when nobody listens, with an
 * Error when the daemon says no, or ends, or found us too slow.
 */
export function watch(
  path: string,
  filter: EventFilter,
  each: (event: DaemonEvent) => void,
  until: Promise<unknown>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const lines = new Lines();
    const socket = createConnection(path);
    socket.once('connect', () => socket.write(`${JSON.stringify({ op: 'watch', filter } satisfies Request)}\n`));
    socket.on('error', (error: NodeJS.ErrnoException) => reject(connectError(path, error)));
    socket.on('close', () => reject(new Error(`the daemon on ${path} hung up`)));
    socket.on('data', (chunk) => {
      for (const line of lines.feed(chunk as Buffer)) {
        const message = JSON.parse(line) as Answer | { event: DaemonEvent };
        if ('event' in message) each(message.event);
        else if (!message.ok) reject(new Error(message.error));
      }
    });
    void until.then(() => {
      resolve();
      socket.destroy();
    });
  });
}

export function connectError(path: string, error: NodeJS.ErrnoException): Error {
  const nobody = error.code === 'ENOENT' || error.code === 'ECONNREFUSED';
  return nobody ? new NotServed(path) : error;
}

/** Whether somebody listens on a socket: a file without a listener is left from a crash. */
export function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
