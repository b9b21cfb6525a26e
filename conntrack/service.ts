// What may be asked of the connection table from outside: requests and answers that can be copied between threads, each so small that the
// data plane hardly notices. Whoever wants all connections asks for page after page.

import { ConnectionEditor, type Errno, type FlowGiven } from './editor.ts';
import { ExpectationEditor, type ExpectFlow, type ExpectGiven } from './expect-flow.ts';
import { FlowPacker, type FlowPage, WHOLE } from './flow.ts';
import { type MemoryReport, memoryReport } from './memory.ts';
import type { Statistics } from './statistics.ts';
import type { ConnectionTracker } from './tracker.ts';

export type ConntrackRequest =
  /** Connections from an id on. `zero`: their counters start anew. */
  | { do: 'list'; from: number; family?: 4 | 6; zero?: boolean }
  | { do: 'get'; given: FlowGiven }
  /** Several, in order, up to the first that cannot be: what came of each. EEXIST does not end it where `content`. */
  | { do: 'create'; given: readonly FlowGiven[]; content?: boolean; by?: string }
  | { do: 'update'; given: FlowGiven; by?: string }
  /** Several at once; what came of each. */
  | { do: 'delete'; given: readonly FlowGiven[]; by?: string }
  /** Ends all, from an id on. */
  | { do: 'flush'; from: number; by?: string }
  | { do: 'expectations'; family?: 4 | 6 }
  | { do: 'expect-get'; expect: ExpectGiven }
  | { do: 'expect-create'; expect: ExpectGiven }
  | { do: 'expect-delete'; expect: ExpectGiven }
  | { do: 'expect-flush' }
  | { do: 'statistics' }
  | { do: 'memory' };

/** Where to go on; -1: that was all. */
export interface Going {
  next: number;
}

export interface StatisticsAnswer extends Statistics {
  connections: number;
  expectations: number;
}

export interface Answers {
  list: FlowPage;
  get: FlowPage | Errno;
  create: (Errno | null)[];
  update: Errno | undefined;
  delete: (Errno | null)[];
  flush: Going;
  expectations: ExpectFlow[];
  'expect-get': ExpectFlow | Errno;
  'expect-create': Errno | undefined;
  'expect-delete': Errno | undefined;
  'expect-flush': undefined;
  statistics: StatisticsAnswer;
  memory: MemoryReport;
}

/** Flows in a page, and ids looked at for it: about as much as a batch of packets costs. */
const PAGE = 512;
const LOOKED_AT = 65_536;
const FLUSHED_AT_ONCE = 1_024;

export interface Clocks {
  /** Monotonic ms. */
  now: number;
  /** Milliseconds since 1970 when the monotonic clock was 0. */
  epoch: number;
}

const errnoOf = (done: number | Errno): Errno | null => (typeof done === 'string' ? done : null);

export class ConntrackService {
  private readonly tracker: ConnectionTracker;
  private readonly editor: ConnectionEditor;
  private readonly expect: ExpectationEditor;
  private readonly packer = new FlowPacker();

  constructor(tracker: ConnectionTracker) {
    this.tracker = tracker;
    this.editor = new ConnectionEditor(tracker);
    this.expect = new ExpectationEditor(tracker);
  }

  answer<Request extends ConntrackRequest>(request: Request, clocks: Clocks): Answers[Request['do']];
  answer(request: ConntrackRequest, clocks: Clocks): Answers[ConntrackRequest['do']] {
    const { now } = clocks;
    this.tracker.advance(now);
    switch (request.do) {
      case 'list':
        return this.list(request, clocks);
      case 'get':
        return this.get(request.given, clocks);
      case 'flush':
        return this.as(request.by, () => this.flush(request.from));
      case 'create':
        return this.as(request.by, () => this.create(request, now));
      case 'update':
        return this.as(request.by, () => errnoOf(this.editor.update(request.given, now)) ?? undefined);
      case 'delete':
        return this.as(request.by, () => request.given.map((one) => errnoOf(this.editor.remove(one, now))));
      case 'expectations':
        return this.expect.list(request.family);
      case 'expect-get':
        return this.expect.get(request.expect);
      case 'expect-create':
        return this.expect.create(request.expect);
      case 'expect-delete':
        return this.expect.remove(request.expect);
      case 'expect-flush':
        this.tracker.expectations.flush();
        return undefined;
      case 'statistics':
        return this.statistics();
      case 'memory':
        return memoryReport(this.tracker);
    }
  }

  /** Events of what `run` does tell who did it. */
  private as<T>(by: string | undefined, run: () => T): T {
    const { events } = this.tracker;
    events.by = by ?? '';
    try {
      return run();
    } finally {
      events.by = undefined;
    }
  }

  private list({ from, family, zero }: Extract<ConntrackRequest, { do: 'list' }>, clocks: Clocks): FlowPage {
    const { tracker, packer } = this;
    const { table } = tracker;
    const end = Math.min(table.top, from + LOOKED_AT);
    const time = Math.floor(clocks.now) | 0;
    let id = Math.max(0, from);
    for (; id < end && packer.count < PAGE; id++) {
      if (!table.live(id) || table.expired(id, time)) continue;
      if (family !== undefined && table.family(id) !== family) continue;
      packer.add(tracker, id, clocks.now, clocks.epoch, WHOLE);
      if (zero) tracker.accounting.zero(id);
    }
    return packer.take(id < table.top ? id : -1);
  }

  private get(given: FlowGiven, { now, epoch }: Clocks): FlowPage | Errno {
    const id = this.editor.find(given);
    if (typeof id === 'string') return id;
    this.packer.add(this.tracker, id, now, epoch, WHOLE);
    return this.packer.take(-1);
  }

  private create({ given, content }: Extract<ConntrackRequest, { do: 'create' }>, now: number): (Errno | null)[] {
    const done: (Errno | null)[] = [];
    for (const one of given) {
      const errno = errnoOf(this.editor.create(one, now));
      done.push(errno);
      if (errno !== null && !(content && errno === 'EEXIST')) break;
    }
    return done;
  }

  private flush(from: number): Going {
    const to = Math.max(0, from) + FLUSHED_AT_ONCE;
    this.editor.flush({}, from, to);
    return { next: to < this.tracker.table.top ? to : -1 };
  }

  private statistics(): StatisticsAnswer {
    const { statistics, table, expectations } = this.tracker;
    return { ...statistics, connections: table.count, expectations: expectations.count };
  }
}
