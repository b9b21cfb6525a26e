// conntrack: asks the daemon that serves the state directory. Without one there are no connections to speak of; only what needs none works.

import { readFileSync } from 'node:fs';
import type { Moment } from '../conntrack/text/names.ts';
import { runConntrack } from '../conntrack/tool/run.ts';
import type { ToolWorld } from '../conntrack/tool/world.ts';
import { hostNames } from '../control/host-names.ts';
import { statePaths } from '../control/paths.ts';
import { NotServed } from '../control/socket/client.ts';
import { ConntrackClient, connectionEvents } from '../control/socket/conntrack-client.ts';

const UNREACHABLE = 69;
/** Of the real tool: words that make no sense. */
const USAGE = 2;

/** Where the names of labels are, as for connlabel. */
const LABELS = '/etc/xtables/connlabel.conf';

/** Runs the tool; the value is the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const path = statePaths().socket;
  const client = new ConntrackClient(path);
  try {
    let said = '';
    const world = worldOf(client, path, (text) => {
      said += text;
    });
    const code = await runConntrack(argv, world);
    if (code === USAGE) {
      const { hintOf } = await import('./hints.ts');
      process.stderr.write(await hintOf('conntrack', argv, said));
    }
    return code;
  } catch (error) {
    const nobody = error instanceof NotServed;
    process.stderr.write(`conntrack: ${(error as Error).message}\n`);
    return nobody ? UNREACHABLE : 1;
  } finally {
    client.close();
  }
}

function worldOf(client: ConntrackClient, path: string, heard: (text: string) => void): ToolWorld {
  const err = (text: string): void => {
    heard(text);
    process.stderr.write(text);
  };
  return {
    ask: (request) => client.ask(request),
    events: (kind) => connectionEvents(path, kind, interrupted()),
    out: write,
    err,
    names: { protocol: hostNames().protocol, labels: () => textOf(LABELS) },
    clock: momentOf,
    now: Date.now,
    file: (name) => textOf(name === '-' ? 0 : name),
    by: `portid=${process.pid} progname=conntrack`,
  };
}

/** Waits for a slow reader, so that a list of a million does not pile up here. */
function write(text: string): Promise<void> | undefined {
  if (text === '' || process.stdout.write(text)) return undefined;
  return new Promise((resolve) => process.stdout.once('drain', resolve));
}

const interrupted = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });

function textOf(file: string | number): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** In the time zone of this machine, as the real tool says it. */
function momentOf(epochMs: number): Moment {
  const date = new Date(epochMs);
  return {
    year: date.getFullYear(),
    month: date.getMonth() + 1,
    day: date.getDate(),
    weekday: date.getDay(),
    hour: date.getHours(),
    minute: date.getMinutes(),
    second: date.getSeconds(),
  };
}
