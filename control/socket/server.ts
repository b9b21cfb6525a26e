// The daemon's side of the control socket. A client that hangs, floods or lies costs the data plane nothing, which has a thread of its
// own, and other clients little: messages are bounded, one request of a client is in work at a time, no more is read from it before it
// has taken the answer, requests of all clients together have a pace, and who does not finish what he began is cut off. Who watches
// events gets them until he hangs up, or reads too slowly.

import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Watcher } from '../watch/event-stream.ts';
import { isServed } from './client.ts';
import { Lines, LineTooLong, MAX_MESSAGE } from './framing.ts';
import { parseRequest } from './parse-request.ts';
import type { Answer, Request } from './protocol.ts';

/** The answer; a Watcher: the events that it takes. */
export type Serve = (request: Request) => unknown | Promise<unknown>;

export interface ServerLimits {
  /** Octets of one request. */
  readonly message?: number;
  /** Octets of all requests that have begun to come and are not answered: beyond, the client with most that is not being answered is let go. */
  readonly requests?: number;
  /** A client may take this long to complete a request, counted from its arrival or its last answer, and to take an answer. */
  readonly patienceMs?: number;
  /** Beyond so many the one that has been waited for longest is let go. */
  readonly clients?: number;
  /** Clients that watch events. */
  readonly watchers?: number;
  /** Requests a second, of all clients together: who asks for more waits. */
  readonly pace?: number;
  /** Why the client of that connection may not ask. Undefined: it may. Not asked where the runtime does not tell the descriptor. */
  refuse?(descriptor: number): string | undefined;
}

const DEFAULTS = {
  message: MAX_MESSAGE,
  requests: 4 * MAX_MESSAGE,
  patienceMs: 10_000,
  clients: 64,
  watchers: 16,
  pace: 500,
  refuse: () => undefined,
};
type Limits = Required<ServerLimits>;

/** What the clients of a server have in common. */
interface House {
  readonly serve: Serve;
  readonly limits: Limits;
  readonly pace: Pace;
  watchers: number;
  /** Has been given its answer. */
  answered(client: Client): void;
  /** A client has sent something. */
  received(): void;
}

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

/** sockaddr_un's path, its closing zero not counted. */
const LONGEST_PATH = 107;

/** Listens on `path`, mode 0600. Throws when another daemon serves it. */
export async function listen(path: string, serve: Serve, given: ServerLimits = {}): Promise<ControlServer> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new Error(
      `${path}: a socket's path has at most ${LONGEST_PATH} octets; name a shorter one with SEKISHO_SOCKET`,
    );
  }
  if (await isServed(path)) throw new Error(`another daemon serves ${path}`);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there && !there.isSocket()) {
    throw new Error(`${path} is there, and no socket: it is left as it is. Name another path with SEKISHO_SOCKET`);
  }
  rmSync(path, { force: true });
  // In the order of their last answer, so the first is the one that has been waited for longest.
  const clients = new Set<Client>();
  const limits: Limits = { ...DEFAULTS, ...given };
  const house: House = {
    serve,
    limits,
    pace: new Pace(limits.pace),
    watchers: 0,
    answered(client) {
      clients.delete(client);
      clients.add(client);
    },
    received() {
      const held = [...clients].reduce((octets, client) => octets + client.held, 0);
      if (held > limits.requests) largestOf(clients)?.refuse('the requests of all clients together are too long');
    },
  };
  // A client may have said all (`echo ... | nc -NU`) and still wait for the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const descriptor = descriptorOf(socket);
    const refusal = descriptor === undefined ? undefined : limits.refuse(descriptor);
    if (refusal !== undefined) return turnAway(socket, refusal);
    if (clients.size >= limits.clients) {
      const idle = [...clients].find((client) => !client.busy);
      if (!idle) return turnAway(socket, `${limits.clients} clients are being served already`);
      idle.drop();
      clients.delete(idle);
    }
    const client = new Client(socket, house);
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

/** Of those that may be let go. */
const largestOf = (clients: ReadonlySet<Client>): Client | undefined =>
  [...clients].filter(({ busy }) => !busy).sort((one, other) => other.held - one.held)[0];

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

/** Says why, and is done with him; what he says is read and thrown away, or he would see a broken connection instead of the answer. */
function turnAway(socket: Socket, error: string): void {
  const over = setTimeout(() => socket.destroy(), 1_000);
  socket.on('error', () => {});
  socket.on('close', () => clearTimeout(over));
  socket.resume().end(lineOf({ ok: false, error }));
}

const lineOf = (answer: Answer): string => `${JSON.stringify(answer)}\n`;

/** Lets so many through a second, and a second's worth at once. */
class Pace {
  private readonly perSecond: number;
  /** When the bucket would be full again. */
  private fullAt = 0;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
  }

  async turn(): Promise<void> {
    const now = performance.now();
    this.fullAt = Math.max(this.fullAt, now) + 1000 / this.perSecond;
    const early = this.fullAt - now - 1000;
    if (early > 0) await pause(early);
  }
}

class Client {
  private readonly socket: Socket;
  private readonly house: House;
  private readonly lines: Lines;
  private readonly waiting: string[] = [];
  private deadline: NodeJS.Timeout | undefined;
  private watcher: Watcher | undefined;
  private ending = false;
  /** Octets of the request in work. */
  private inWork = 0;
  busy = false;

  constructor(socket: Socket, house: House) {
    this.socket = socket;
    this.house = house;
    this.lines = new Lines(house.limits.message);
    socket.on('error', () => this.drop());
    socket.on('close', () => {
      clearTimeout(this.deadline);
      this.watcher?.end();
    });
    socket.on('data', (chunk) => this.take(chunk as Buffer));
    socket.on('end', () => {
      this.ending = true;
      this.watcher?.end();
      if (!this.busy) this.socket.end();
    });
    this.wait();
  }

  /** Octets of what it has asked, or begun to, that wait for us. */
  get held(): number {
    return this.lines.pending + this.inWork + this.waiting.reduce((length, line) => length + line.length, 0);
  }

  drop(): void {
    this.ending = true;
    this.waiting.length = 0;
    this.lines.clear();
    this.socket.destroy();
  }

  /** Ends what is not in work, and says why. */
  refuse(error: string): void {
    this.ending = true;
    this.lines.clear();
    this.socket.removeAllListeners('data');
    this.socket.write(lineOf({ ok: false, error }));
    this.hangUp();
  }

  /** No more requests; the answer to the one in work still goes out. */
  finish(): void {
    this.ending = true;
    this.waiting.length = 0;
    this.watcher?.end('the daemon ends');
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
    this.deadline = setTimeout(() => this.drop(), this.house.limits.patienceMs);
  }

  private take(chunk: Buffer): void {
    if (this.watcher) return; // has nothing more to say
    try {
      this.waiting.push(...this.lines.feed(chunk));
    } catch (error) {
      if (!(error instanceof LineTooLong)) throw error;
      this.refuse(error.message);
      return;
    }
    if (!this.busy && this.waiting.length > 0) void this.work();
    this.house.received();
  }

  /** One request after the other: two writers are serialised, and a client reads its answers in order. */
  private async work(): Promise<void> {
    this.busy = true;
    this.socket.pause();
    clearTimeout(this.deadline);
    for (let line = this.waiting.shift(); line !== undefined; line = this.waiting.shift()) {
      this.inWork = line.length;
      await this.house.pace.turn();
      const answer = await this.answerTo(line);
      this.inWork = 0;
      if (this.socket.destroyed) {
        if (answer instanceof Watcher) answer.end();
        return;
      }
      if (answer instanceof Watcher) await this.stream(answer);
      else {
        this.wait();
        await this.send(lineOf(answer));
        clearTimeout(this.deadline);
      }
    }
    this.busy = false;
    if (this.socket.destroyed) return;
    if (this.ending) {
      this.hangUp();
      return;
    }
    this.house.answered(this);
    this.wait();
    this.socket.resume();
  }

  private async answerTo(line: string): Promise<Answer | Watcher> {
    try {
      const result = await this.house.serve(parseRequest(line));
      return result instanceof Watcher ? this.admit(result) : { ok: true, result };
    } catch (error) {
      return { ok: false, error: error instanceof Error ? error.message : String(error) };
    }
  }

  private admit(watcher: Watcher): Watcher {
    if (this.house.watchers < this.house.limits.watchers) return watcher;
    watcher.end();
    throw new Error(`${this.house.limits.watchers} clients are watching already`);
  }

  /** Sends events until one side has had enough. What waits when the daemon has enough is not sent any more: its reader is slow. */
  private async stream(watcher: Watcher): Promise<void> {
    this.house.watchers++;
    this.watcher = watcher;
    this.waiting.length = 0;
    this.socket.resume(); // to see its end
    await this.send(lineOf({ ok: true, result: 'watching' }));
    while (watcher.goesOn) {
      const events = await watcher.take();
      const text = events.map((event) => `${JSON.stringify({ event })}\n`).join('');
      if (text !== '') await Promise.race([this.send(text), watcher.over]);
    }
    this.house.watchers--;
    this.ending = true;
    if (watcher.ended !== undefined) this.socket.write(lineOf({ ok: false, error: watcher.ended }));
  }

  /** Resolves when the system has taken the answer, or the client is gone. */
  private send(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once('close', resolve);
      this.socket.write(text, () => {
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
