// The daemon's side of the control socket. A client that hangs, floods or lies costs the data plane nothing: it is served from
// another thread, its messages are bounded, and it is cut off when it does not finish what it began.

import { chmodSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { Lines } from './framing.ts';
import { type Answer, parseRequest, type Request } from './protocol.ts';

/** A client may take this long between the first octet of a message and its end. */
const MESSAGE_TIMEOUT_MS = 10_000;
const MAX_CLIENTS = 64;

/** `descriptor` is that of the client's connection, for its credentials; undefined where the runtime does not tell. */
export type Serve = (request: Request, descriptor: number | undefined) => unknown | Promise<unknown>;

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

/** Whether somebody answers on a socket: an old file without a listener is left from a crash. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/** Listens on `path`, mode 0600. Throws when another daemon serves it. */
export async function listen(path: string, serve: Serve): Promise<ControlServer> {
  if (await isServed(path)) throw new Error(`another daemon serves ${path}`);
  rmSync(path, { force: true });
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    if (clients.size >= MAX_CLIENTS) {
      socket.end(`${JSON.stringify({ ok: false, error: 'too many clients' })}\n`);
      return;
    }
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    attend(socket, serve);
  });
  await bind(server, path);
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        for (const socket of clients) socket.destroy();
        server.close(() => {
          rmSync(path, { force: true });
          resolve();
        });
      }),
  };
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Between bind and chmod the umask decides: nobody else may get in meanwhile.
    const umask = process.umask(0o177);
    server.once('error', reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve();
    });
    process.umask(umask);
  });
}

function attend(socket: Socket, serve: Serve): void {
  const lines = new Lines();
  let queue = Promise.resolve();
  let deadline: NodeJS.Timeout | undefined;
  const answer = (message: Answer): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
  };
  socket.on('error', () => socket.destroy());
  socket.on('close', () => clearTimeout(deadline));
  socket.on('data', (chunk) => {
    let complete: string[];
    try {
      complete = lines.feed(chunk as Buffer);
    } catch (error) {
      answer({ ok: false, error: (error as Error).message });
      socket.end();
      return;
    }
    clearTimeout(deadline);
    if (lines.pending) deadline = setTimeout(() => socket.destroy(), MESSAGE_TIMEOUT_MS);
    for (const line of complete) {
      // One after the other: two writers are serialised, and a client reads its answers in order. It is not read from while it
      // waits, so it cannot pile up requests.
      socket.pause();
      queue = queue.then(async () => {
        try {
          answer({ ok: true, result: await serve(parseRequest(line), descriptorOf(socket)) });
        } catch (error) {
          answer({ ok: false, error: error instanceof Error ? error.message : String(error) });
        }
        if (!socket.destroyed) socket.resume();
      });
    }
  });
}

/** Node keeps the descriptor in the handle that it does not document; -1 there means that it is closed. */
function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}
