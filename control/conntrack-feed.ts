// Connection events on their way from the data plane to those who watch: packed there, some at a time, and made into objects and texts on
// the main thread.

import { readExpectation } from '../conntrack/expect-flow.ts';
import { FlowPacker, type Telling, unpack } from '../conntrack/flow.ts';
import { entryOf } from '../conntrack/format.ts';
import { IPCT_HELPER, IPCT_LABEL, IPCT_PROTOINFO } from '../conntrack/status.ts';
import { expectLine } from '../conntrack/text/expect.ts';
import { type EventType, plainLine } from '../conntrack/text/plain.ts';
import type { ConnectionTracker } from '../conntrack/tracker.ts';
import type { Happening } from './event-stream.ts';

/** Events of some connections, in order. */
export interface PackedEvents {
  words: Int32Array;
  names: string[];
  /** By event: what happened, and who did it. */
  types: EventType[];
  by: (string | undefined)[];
}

/** So many at once, or those of a tick. */
const BATCH = 64;

/** What the kernel puts into each message. net/netfilter/nf_conntrack_netlink.c ctnetlink_conntrack_event() */
function tellingOf(what: EventType, bits: number): Telling {
  const over = what === 'destroy';
  return {
    timeout: true,
    state: over || (bits & IPCT_PROTOINFO) !== 0,
    counters: over,
    times: over,
    stop: over,
    labels: (bits & IPCT_LABEL) !== 0,
    helper: (bits & IPCT_HELPER) !== 0,
    context: !over,
  };
}

/** On the data plane: packs events while somebody wants them. */
export class ConnectionFeed {
  private readonly tracker: ConnectionTracker;
  private readonly emit: (events: PackedEvents) => void;
  private readonly clocks: () => { now: number; epoch: number };
  private readonly packer = new FlowPacker();
  private types: EventType[] = [];
  private by: (string | undefined)[] = [];
  private end: (() => void) | undefined;

  constructor(
    tracker: ConnectionTracker,
    emit: (events: PackedEvents) => void,
    clocks: () => { now: number; epoch: number },
  ) {
    this.tracker = tracker;
    this.emit = emit;
    this.clocks = clocks;
  }

  /** Whether somebody wants those of expectations, which are few: each is told at once. */
  wantExpectations(wanted: boolean, tell: (happening: Happening) => void): void {
    const { tracker } = this;
    tracker.expectations.listener = wanted
      ? (type, one) => {
          const expect = readExpectation(tracker, one);
          tell({ kind: 'expectation', type, text: expectLine(expect, type), expect });
        }
      : undefined;
  }

  /** Whether somebody wants them. */
  want(wanted: boolean): void {
    if (wanted === (this.end !== undefined)) return;
    if (!wanted) {
      this.end?.();
      this.end = undefined;
      this.flush();
      return;
    }
    this.end = this.tracker.events.listen((what, id, bits, by) => {
      const { now, epoch } = this.clocks();
      this.packer.add(this.tracker, id, now, epoch, tellingOf(what, bits));
      this.types.push(what);
      this.by.push(by);
      if (this.types.length >= BATCH) this.flush();
    });
  }

  flush(): void {
    if (this.types.length === 0) return;
    const { words, names } = this.packer.take(-1);
    this.emit({ words, names, types: this.types, by: this.by });
    this.types = [];
    this.by = [];
  }
}

/** On the main thread: what watchers get. `packed` are the flow's words, for tools that print it in their own way. */
export function* happenings({ words, names, types, by }: PackedEvents): Generator<Happening> {
  let at = 0;
  let index = 0;
  for (const flow of unpack({ words, names })) {
    const type = types[index];
    const packed = Array.from(words.subarray(at, at + words[at]));
    at += words[at];
    yield {
      kind: 'connection',
      type,
      text: plainLine(flow, {}, type),
      entry: entryOf(flow),
      packed,
      names: flow.helper === undefined && flow.secctx === undefined ? undefined : names,
      by: by[index],
    };
    index++;
  }
}
