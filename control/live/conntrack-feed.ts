// Connection events on their way from the data plane to those who watch: packed there, some at a time, and made into objects and texts on
// the main thread.

import { readExpectation } from '../../conntrack/expect-flow.ts';
import { FlowPacker, type Telling, unpack } from '../../conntrack/flow.ts';
import { entryOf } from '../../conntrack/format.ts';
import { IPCT_HELPER, IPCT_LABEL, IPCT_PROTOINFO } from '../../conntrack/status.ts';
import { expectLine } from '../../conntrack/text/expect.ts';
import { type EventType, plainLine } from '../../conntrack/text/plain.ts';
import type { ConnectionTracker } from '../../conntrack/tracker.ts';
import type { EventKind, Happening } from '../watch/event-stream.ts';

/** Events of some connections, in order. */
export interface PackedEvents {
  words: Int32Array;
  names: string[];
  /** By event: what happened, and who did it. */
  types: EventType[];
  by: (string | undefined)[];
  /** Events before these that nobody took in time. */
  lost: number;
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
  private readonly emit: (events: PackedEvents) => boolean;
  private readonly clocks: () => { now: number; epoch: number };
  private readonly packer = new FlowPacker();
  private types: EventType[] = [];
  private by: (string | undefined)[] = [];
  private lost = 0;
  private lostExpectations = 0;
  private tell: ((happening: Happening) => boolean) | undefined;
  private end: (() => void) | undefined;

  constructor(
    tracker: ConnectionTracker,
    emit: (events: PackedEvents) => boolean,
    clocks: () => { now: number; epoch: number },
  ) {
    this.tracker = tracker;
    this.emit = emit;
    this.clocks = clocks;
  }

  /** Whether somebody wants those of expectations, which are few: each is told at once. */
  wantExpectations(wanted: boolean, tell: (happening: Happening) => boolean): void {
    const { tracker } = this;
    this.tell = wanted ? tell : undefined;
    this.lostExpectations = 0;
    tracker.expectations.listener = wanted
      ? (type, one) => {
          this.tellLost();
          const expect = readExpectation(tracker, one);
          if (!tell({ kind: 'expectation', type, text: expectLine(expect, type), expect })) this.lostExpectations++;
        }
      : undefined;
  }

  private tellLost(): void {
    const count = this.lostExpectations;
    if (count > 0 && this.tell?.(lostOf('expectation', count))) this.lostExpectations = 0;
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
    this.lost = 0;
    this.end = this.tracker.events.listen((what, id, bits, by) => {
      const { now, epoch } = this.clocks();
      this.packer.add(this.tracker, id, now, epoch, tellingOf(what, bits));
      this.types.push(what);
      this.by.push(by);
      if (this.types.length >= BATCH) this.flush();
    });
  }

  flush(): void {
    this.tellLost();
    const { types, by, lost } = this;
    if (types.length + lost === 0) return;
    const { words, names } = this.packer.take(-1);
    this.lost = this.emit({ words, names, types, by, lost }) ? 0 : lost + types.length;
    this.types = [];
    this.by = [];
  }
}

const lostOf = (of: EventKind, count: number): Happening => ({
  kind: 'lost',
  of,
  count,
  text: `${count} ${of} events were lost: they came faster than they could be taken`,
});

/** On the main thread: what watchers get. `packed` are the flow's words, for tools that print it in their own way. */
export function* happenings({ words, names, types, by, lost }: PackedEvents): Generator<Happening> {
  if (lost > 0) yield lostOf('connection', lost);
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
