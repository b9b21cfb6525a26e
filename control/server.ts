// The daemon's side of the control socket. A client that hangs, floods or lies costs the data plane nothing, which has a thread of its
// own, and other clients little: messages are bounded, one request of a client is in work at a time, no more is read from it before it
// has taken the answer, and who does not finish what he began is cut off.

import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { isServed } from './client.ts';
import { Lines, LineTooLong, MAX_MESSAGE } from './framing.ts';
import { type Answer, parseRequest, type Request } from './protocol.ts';

/** `descriptor` is that of the client's connection, for its credentials; undefined where the runtime does not tell. */
export type Serve = (request: Request, descriptor: number | undefined) => unknown | Promise<unknown>;

export interface ServerLimits {
  /** Octets of one request. */
  readonly message?: number;
  /** A client may take this long to complete a request, counted from its arrival or its last answer, and to take an answer. */
  readonly patienceMs?: number;
  /** Beyond so many the one that has been waited for longest is let go. */
  readonly clients?: number;
}

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

/** sockaddr_un's path, its closing zero not counted. */
const LONGEST_PATH = 107;

/** Listens on `path`, mode 0600. Throws when another daemon serves it. */
export async function listen(path: string, serve: Serve, limits: ServerLimits = {}): Promise<ControlServer> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new Error(
      `${path}: a socket's path has at most ${LONGEST_PATH} octets; name a shorter one with SEKISHO_SOCKET`,
    );
  }
  if (await isServed(path)) throw new Error(`another daemon serves ${path}`);
  rmSync(path, { force: true });
  // In the order of their last answer, so the first is the one that has been waited for longest.
  const clients = new Set<Client>();
  const { clients: most = 64 } = limits;
  // A client may have said all (`echo ... | nc -NU`) and still wait for the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (clients.size >= most) [...clients].find((client) => !client.busy)?.drop();
    const client: Client = new Client(socket, serve, limits, () => {
      clients.delete(client);
      clients.add(client);
    });
    clients.add(client);
    socket.once('close', () => clients.delete(client));
  });
  await bind(server, path);
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        // The socket file goes with the server: from here on tools find the stored rules.
        server.close(() => resolve());
        for (const client of clients) client.finish();
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

class Client {
  private readonly socket: Socket;
  private readonly serve: Serve;
  private readonly answered: () => void;
  private readonly lines: Lines;
  private readonly waiting: string[] = [];
  private readonly patienceMs: number;
  private deadline: NodeJS.Timeout | undefined;
  private ending = false;
  busy = false;

  constructor(
    socket: Socket,
    serve: Serve,
    { message = MAX_MESSAGE, patienceMs = 10_000 }: ServerLimits,
    answered: () => void,
  ) {
    this.socket = socket;
    this.serve = serve;
    this.answered = answered;
    this.patienceMs = patienceMs;
    this.lines = new Lines(message);
    socket.on('error', () => this.drop());
    socket.on('close', () => clearTimeout(this.deadline));
    socket.on('data', (chunk) => this.take(chunk as Buffer));
    socket.on('end', () => {
      this.ending = true;
      if (!this.busy) this.socket.end();
    });
    this.wait();
  }

  drop(): void {
    this.ending = true;
    this.waiting.length = 0;
    this.socket.destroy();
  }

  /** No more requests; the answer to the one in work still goes out. */
  finish(): void {
    this.ending = true;
    this.waiting.length = 0;
    if (!this.busy) this.socket.destroy();
  }

  /** What still comes is read and thrown away, so that the other side's end is seen. */
  private hangUp(): void {
    this.socket.end();
    this.socket.resume();
    this.wait();
  }

  private wait(): void {
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.drop(), this.patienceMs);
  }

  private take(chunk: Buffer): void {
    try {
      this.waiting.push(...this.lines.feed(chunk));
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error;
      this.ending = true;
      this.socket.removeAllListeners('data');
      this.socket.write(`${JSON.stringify({ ok: false, error: error.message })}\n`);
      this.hangUp();
      return;
    }
    if (!this.busy && this.waiting.length > 0) void this.work();
  }

  /** One request after the other: two writers are serialised, and a client reads its answers in order. */
  private async work(): Promise<void> {
    this.busy = true;
    this.socket.pause();
    clearTimeout(this.deadline);
    for (let line = this.waiting.shift(); line !== undefined; line = this.waiting.shift()) {
      const answer = await this.answerTo(line);
      if (this.socket.destroyed) return;
      this.wait();
      await this.send(answer);
      clearTimeout(this.deadline);
    }
    this.busy = false;
    if (this.socket.destroyed) return;
    if (this.ending) {
      this.hangUp();
      return;
    }
    this.answered();
    this.wait();
    this.socket.resume();
  }

  private async answerTo(line: string): Promise<Answer> {
    try {
      return { ok: true, result: await this.serve(parseRequest(line), descriptorOf(this.socket)) };
    } catch (error) {
      return { ok: false, error: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Resolves when the system has taken the answer, or the client is gone. */
  private send(answer: Answer): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once('close', resolve);
      this.socket.write(`${JSON.stringify(answer)}\n`, () => {
        this.socket.off('close', resolve);
        resolve();
      });
    });
  }
}

/** Node keeps the descriptor in the handle that it does not document; -1 there means that it is closed. */
function descriptorOf(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}
