// The conntrack tool's side of the control socket: one connection for all the pages of a list, another one for events.

import { createConnection, type Socket } from 'node:net';
import { type Flow, type FlowPage, unpack } from '../../conntrack/flow.ts';
import type { Answers, ConntrackRequest } from '../../conntrack/service.ts';
import type { EventBatch, ExpectEvent, FlowEvent } from '../../conntrack/tool/world.ts';
import type { DaemonEvent } from '../watch/event-stream.ts';
import { connectError, watch } from './client.ts';
import { answerFromJson, requestToJson } from './conntrack-requests.ts';
import { Lines } from './framing.ts';
import type { Answer } from './protocol.ts';

/** All connections of a daemon, in pages: nobody holds a million at once. */
export async function* connectionPages(path: string): AsyncGenerator<Flow[]> {
  const client = new ConntrackClient(path);
  try {
    for (let from = 0; from >= 0; ) {
      const page: FlowPage = await client.ask({ do: 'list', from });
      yield [...unpack(page)];
      from = page.next;
    }
  } finally {
    client.close();
  }
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Asks one thing after the other. Rejects with NotServed when nobody listens. */
export class ConntrackClient {
  private readonly path: string;
  private socket: Socket | undefined;
  private readonly waiting: Waiting[] = [];

  constructor(path: string) {
    this.path = path;
  }

  async ask<Request extends ConntrackRequest>(request: Request): Promise<Answers[Request['do']]> {
    this.socket ??= this.connect();
    const { socket } = this;
    const answer = await new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      socket.write(`${JSON.stringify({ op: 'conntrack', request: requestToJson(request) })}\n`);
    });
    return answerFromJson(answer) as Answers[Request['do']];
  }

  close(): void {
    this.socket?.end();
  }

  private connect(): Socket {
    const lines = new Lines();
    const socket = createConnection(this.path);
    const fail = (error: Error): void => {
      this.socket = undefined;
      for (const { reject } of this.waiting.splice(0)) reject(error);
    };
    socket.on('error', (error: NodeJS.ErrnoException) => fail(connectError(this.path, error)));
    socket.on('close', () => fail(new Error(`the daemon on ${this.path} hung up before it answered`)));
    socket.on('data', (chunk) => {
      try {
        for (const line of lines.feed(chunk as Buffer)) this.answered(JSON.parse(line) as Answer);
      } catch (error) {
        fail(new Error(`what answers on ${this.path} is no daemon of ours: ${(error as Error).message}`));
        socket.destroy();
      }
    });
    return socket;
  }

  private answered(answer: Answer): void {
    const { resolve, reject } = this.waiting.shift() as Waiting;
    if (answer.ok) resolve(answer.result);
    else reject(new Error(answer.error));
  }
}

/** Events that may wait here for a slow reader of our own output. */
const LONGEST_QUEUE = 65_536;

/** Events of connections as they come, until `until` is resolved. A daemon that found us too slow is asked again. */
export async function* connectionEvents(
  path: string,
  kind: 'connection' | 'expectation',
  until: Promise<unknown>,
): AsyncGenerator<EventBatch> {
  let queue: FlowEvent[] = [];
  let expect: ExpectEvent[] = [];
  let lost = 0;
  let over = false;
  let wake = (): void => {};
  const take = (event: DaemonEvent): void => {
    const flow = flowOf(event);
    if (event.kind === 'lost') lost += event.count;
    else if (queue.length + expect.length >= LONGEST_QUEUE) lost++;
    else if (flow) queue.push(flow);
    else if (event.kind === 'expectation' && event.expect) expect.push({ type: event.type, expect: event.expect });
    wake();
  };
  let failure: Error | undefined;
  const follow = async (): Promise<void> => {
    try {
      await watch(path, { kinds: [kind] }, take, until);
      over = true;
    } catch (error) {
      if ((error as Error).message.startsWith('too slow')) {
        // What else was for us meanwhile nobody counts.
        lost = Number.POSITIVE_INFINITY;
        wake();
        return follow();
      }
      failure = error as Error;
      over = true;
    }
  };
  void follow().finally(() => wake());
  for (;;) {
    if (queue.length + expect.length + lost > 0) {
      const batch = { events: queue, expect, lost };
      queue = [];
      expect = [];
      lost = 0;
      yield batch;
    } else if (failure) throw failure;
    else if (over) return;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}

function flowOf(event: DaemonEvent): FlowEvent | undefined {
  if (event.kind !== 'connection' || !event.packed) return undefined;
  const [flow] = unpack({ words: Int32Array.from(event.packed), names: [...(event.names ?? [])] });
  return flow && { type: event.type, flow, by: event.by };
}
