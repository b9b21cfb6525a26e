// What the conntrack tool needs around it: somebody to ask, events, places for text, the machine's names and clock.

import type { ExpectFlow } from '../expect-flow.ts';
import type { Flow } from '../flow.ts';
import type { Answers, ConntrackRequest } from '../service.ts';
import type { Clock } from '../text/names.ts';
import type { EventType } from '../text/plain.ts';
import type { ToolNames } from './parse.ts';

export interface FlowEvent {
  type: EventType;
  flow: Flow;
  /** Name and number of the program that did it. */
  by?: string;
}

/** Events that came since the last time, and how many of them were lost; Infinity: nobody counted. */
export interface EventBatch {
  events: readonly FlowEvent[];
  expect?: readonly ExpectEvent[];
  lost: number;
}

export interface ExpectEvent {
  type: 'new' | 'destroy';
  expect: ExpectFlow;
}

export interface ToolWorld {
  ask<Request extends ConntrackRequest>(request: Request): Promise<Answers[Request['do']]>;
  /** Events from now on, until somebody ends them. */
  events(kind: 'connection' | 'expectation'): AsyncIterable<EventBatch>;
  /** Resolves when more may come. */
  out(text: string): Promise<void> | void;
  err(text: string): void;
  readonly names: ToolNames;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  now(): number;
  /** Text of a file, or of standard input for `-`; undefined: it cannot be read. */
  file(path: string): string | undefined;
  /** Told as the one who did what events tell: `portid=1234 progname=conntrack`. */
  readonly by: string;
}
