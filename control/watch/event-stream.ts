// What happens in the daemon, for whoever watches: log lines, traces, connections, and what the daemon itself has to say.
//
// An event's life: the data plane emits it (or the daemon says it), the bus hands it to every watcher that wants it, and the control
// socket takes it from the watcher's queue as fast as its client reads. The queue is bounded: who reads too slowly is ended and told so,
// never waited for. Nobody watching, nothing is made: the bus tells the data plane which kinds are wanted at all.

import type { ExpectFlow } from '../../conntrack/expect-flow.ts';
import type { Entry } from '../../conntrack/format.ts';
import type { LogRecord } from '../../engine/services.ts';

/** What an event is without its time. Kinds may be added; readers pass over those that they do not know. */
export type Happening =
  /** LOG, NFLOG (`group`, `prefix`) and targets that tell of something else; `text` as the kernel prints it. */
  | {
      readonly kind: 'log';
      readonly level: number;
      readonly text: string;
      readonly group?: number;
      readonly prefix?: string;
    }
  /** A rule that a packet under TRACE met. */
  | { readonly kind: 'trace'; readonly level: number; readonly text: string }
  /** `text` is the line that `conntrack -E` has for it, without a time. */
  | {
      readonly kind: 'connection';
      readonly type: 'new' | 'update' | 'destroy';
      readonly text: string;
      readonly entry: Entry;
      /** The connection in the words of conntrack/flow.ts, with the names that they speak of, and who did it by a tool. */
      readonly packed?: readonly number[];
      readonly names?: readonly string[];
      readonly by?: string;
    }
  | {
      readonly kind: 'expectation';
      readonly type: 'new' | 'destroy';
      readonly text: string;
      readonly expect?: ExpectFlow;
    }
  /** Events of that kind came faster than this program could take them, and here some are missing. */
  | { readonly kind: 'lost'; readonly of: EventKind; readonly count: number; readonly text: string }
  /** The daemon: rules loaded, data plane restarted. */
  | { readonly kind: 'note'; readonly text: string };

/** Kinds that may be asked for; who asks for one is told what is lost of it. */
export type EventKind = 'log' | 'trace' | 'connection' | 'expectation' | 'note';
export const EVENT_KINDS: readonly EventKind[] = ['log', 'trace', 'connection', 'expectation', 'note'];

/** `at`: milliseconds since 1970, when it reached the daemon's main thread. */
export type DaemonEvent = Happening & { readonly at: number };

export interface Wish {
  readonly kinds: readonly EventKind[];
  /** Asked of every event of those kinds. Must not throw. */
  wants?(event: DaemonEvent): boolean;
  /** What the watcher is sent for it, as JSON; the event itself where left out. */
  show?(event: DaemonEvent): unknown;
}

/** Events that may wait for a slow reader, beside what the system's socket buffers hold. */
export const LONGEST_QUEUE = 8_192;

/** One watcher's events, in order: take them until there are no more. */
export class Watcher {
  /** Why it ended; undefined while it goes on, and where the watcher itself had enough. */
  ended: string | undefined;
  /** Resolves at the end. */
  readonly over: Promise<void>;
  private readonly wish: Wish;
  private readonly most: number;
  private readonly leave: (watcher: Watcher) => void;
  private queue: unknown[] = [];
  private finish: (() => void) | undefined;
  private wake: (() => void) | undefined;

  constructor(wish: Wish, most: number, leave: (watcher: Watcher) => void) {
    this.wish = wish;
    this.most = most;
    this.leave = leave;
    this.over = new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  get kinds(): readonly EventKind[] {
    return this.wish.kinds;
  }

  get goesOn(): boolean {
    return this.finish !== undefined;
  }

  offer(event: DaemonEvent): void {
    const { kinds, wants, show } = this.wish;
    const kind = event.kind === 'lost' ? event.of : event.kind;
    if (!this.finish || !kinds.includes(kind) || wants?.(event) === false) return;
    if (this.queue.length >= this.most) {
      this.end(`too slow: ${this.most} events were waiting to be read`);
      return;
    }
    this.queue.push(show ? show(event) : event);
    this.wake?.();
  }

  /** All that waits, as soon as there is something; an empty list: no more will come. */
  async take(): Promise<readonly unknown[]> {
    while (this.queue.length === 0 && this.finish) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.wake = undefined;
    const taken = this.queue;
    this.queue = [];
    return taken;
  }

  /** No more events; what waits may still be taken. */
  end(reason?: string): void {
    if (!this.finish) return;
    this.finish();
    this.finish = undefined;
    this.ended = reason;
    this.leave(this);
    this.wake?.();
  }
}

export class EventBus {
  private readonly watchers = new Set<Watcher>();
  private readonly interest: (kinds: ReadonlySet<EventKind>) => void;
  private wanted = '';

  /** `interest` hears which kinds are watched, whenever that changes. */
  constructor(interest: (kinds: ReadonlySet<EventKind>) => void = () => {}) {
    this.interest = interest;
  }

  publish(happening: Happening, at = Date.now()): void {
    if (this.watchers.size === 0) return;
    const event: DaemonEvent = { ...happening, at };
    for (const watcher of this.watchers) watcher.offer(event);
  }

  watch(wish: Wish, most = LONGEST_QUEUE): Watcher {
    const watcher = new Watcher(wish, most, (gone) => {
      this.watchers.delete(gone);
      this.tell();
    });
    this.watchers.add(watcher);
    this.tell();
    return watcher;
  }

  /** Kinds that somebody watches. */
  get kinds(): ReadonlySet<EventKind> {
    return new Set([...this.watchers].flatMap(({ kinds }) => kinds));
  }

  /** Ends every watcher. */
  close(reason: string): void {
    for (const watcher of [...this.watchers]) watcher.end(reason);
  }

  private tell(): void {
    const { kinds } = this;
    const wanted = [...kinds].sort().join();
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    this.interest(kinds);
  }
}

/** What a record of the log is to watchers. */
export function logged({ level, text, nflog, trace }: LogRecord): Happening {
  if (nflog) return { kind: 'log', level, text, group: nflog.group, prefix: nflog.prefix };
  return { kind: trace ? 'trace' : 'log', level, text };
}
