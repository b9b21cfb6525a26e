// sekisho monitor: what happens in the daemon, as it happens.

import { statePaths } from '../control/paths.ts';
import { NotServed, watch } from '../control/socket/client.ts';
import { type EventFilter, parseFilter } from '../control/watch/event-filter.ts';
import type { DaemonEvent } from '../control/watch/event-stream.ts';

export interface MonitorOptions {
  json?: boolean;
  ipv4?: boolean;
  ipv6?: boolean;
  protocol?: string;
  address?: string;
  port?: string;
  level?: string;
  match?: string;
  type?: readonly string[];
}

const USAGE = 2;
const UNREACHABLE = 69;

/** Runs until SIGINT or SIGTERM, or until the daemon has no more to say. */
export async function monitor(kinds: readonly string[], options: MonitorOptions): Promise<number> {
  let filter: EventFilter;
  try {
    filter = filterOf(kinds, options);
  } catch (error) {
    process.stderr.write(`sekisho: ${(error as Error).message}\n`);
    return USAGE;
  }
  const show = options.json ? (event: DaemonEvent) => JSON.stringify(event) : eventLine;
  const enough = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  try {
    await watch(statePaths().socket, filter, (event) => process.stdout.write(`${show(event)}\n`), enough);
    return 0;
  } catch (error) {
    process.stderr.write(`sekisho: ${(error as Error).message}\n`);
    return error instanceof NotServed ? UNREACHABLE : 1;
  }
}

/** Throws as parseFilter() does. */
export function filterOf(kinds: readonly string[], options: MonitorOptions): EventFilter {
  const { ipv4, ipv6, protocol, address, match, type } = options;
  const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  return parseFilter({
    kinds: kinds.length > 0 ? kinds : undefined,
    types: type,
    level: number(options.level),
    family: ipv4 === ipv6 ? undefined : ipv4 ? 4 : 6,
    protocol,
    address,
    port: number(options.port),
    text: match,
  });
}

/** One event, one line: time of day, kind, text. */
export function eventLine(event: DaemonEvent): string {
  const time = new Date(event.at).toISOString().slice(11, 23);
  const level = 'level' in event ? ` <${event.level}>` : '';
  return `${time} ${event.kind}${level} ${event.text.trim()}`;
}
