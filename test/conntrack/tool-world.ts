// The conntrack tool on a table in memory, as tests drive it: what it wrote, what it complained of, and its exit code.

import { ConntrackService } from '../../conntrack/service.ts';
import type { Moment } from '../../conntrack/text/names.ts';
import { runConntrack } from '../../conntrack/tool/run.ts';
import type { EventBatch, ToolWorld } from '../../conntrack/tool/world.ts';
import type { ConnectionTracker } from '../../conntrack/tracker.ts';

export interface ToolRun {
  stdout: string;
  stderr: string;
  code: number;
}

export interface TestTool {
  run(...argv: string[]): Promise<ToolRun>;
}

/** Numbers of /etc/protocols that tests speak of. */
const PROTOCOLS: Readonly<Record<string, number>> = { esp: 50, ah: 51, 'ipv6-icmp': 58, ipip: 4, ospf: 89, ipv6: 41 };

export function utc(epochMs: number): Moment {
  const date = new Date(epochMs);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  };
}

export interface TestWorld {
  labels?: string;
  files?: Readonly<Record<string, string>>;
  events?: readonly EventBatch[];
  /** Milliseconds since 1970 at the monotonic 0. */
  epoch?: number;
}

/** `now` is the clock of the packets. */
export function testTool(tracker: ConnectionTracker, now: () => number, given: TestWorld = {}): TestTool {
  const service = new ConntrackService(tracker);
  const epoch = given.epoch ?? 0;
  return {
    async run(...argv) {
      const result: ToolRun = { stdout: '', stderr: '', code: 0 };
      const world: ToolWorld = {
        ask: async (request) => service.answer(request, { now: now(), epoch }),
        async *events() {
          yield* given.events ?? [];
        },
        out(text) {
          result.stdout += text;
        },
        err(text) {
          result.stderr += text;
        },
        names: { protocol: (name) => PROTOCOLS[name], labels: () => given.labels },
        clock: utc,
        now: () => now() + epoch,
        file: (path) => given.files?.[path],
        by: 'portid=1 progname=conntrack',
      };
      result.code = await runConntrack(argv, world);
      return result;
    },
  };
}
