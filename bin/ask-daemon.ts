// Commands that ask the daemon.

import { once } from 'node:events';
import { flowJson } from '../conntrack/text/json.ts';
import { procText } from '../conntrack/text/proc.ts';
import { statePaths } from '../control/paths.ts';
import { ask, NotServed } from '../control/socket/client.ts';
import { connectionPages } from '../control/socket/conntrack-client.ts';
import type { Request } from '../control/socket/protocol.ts';
import type { DataPlaneStatus, Status } from '../control/socket/status.ts';
import type { QueueCounts } from '../tun/queue-threads.ts';

const UNREACHABLE = 69;

const asked = (request: Request, show: (result: unknown) => string): Promise<number> =>
  reached(async () => show(await ask(statePaths().socket, request)));

/** Prints what the daemon was asked for; the value is the exit code. */
export async function reached(text: () => Promise<string>): Promise<number> {
  try {
    process.stdout.write(await text());
    return 0;
  } catch (error) {
    return complain(error as Error);
  }
}

function complain(error: Error): number {
  const nobody = error instanceof NotServed;
  process.stderr.write(`sekisho: ${error.message}\n`);
  return nobody ? UNREACHABLE : 1;
}

export const status = ({ json }: { json?: boolean }): Promise<number> =>
  asked({ op: 'status' }, (result) => (json ? `${JSON.stringify(result)}\n` : statusText(result as Status)));

export const metrics = ({ json = false }: { json?: boolean }): Promise<number> =>
  asked({ op: 'metrics', json }, (result) => (json ? `${JSON.stringify(result)}\n` : String(result)));

export async function connections({ json }: { json?: boolean }): Promise<number> {
  try {
    for await (const flows of connectionPages(statePaths().socket)) {
      const lines = flows.map((flow) => `${json ? JSON.stringify(flowJson(flow)) : procText(flow)}\n`);
      // Waits for a slow reader.
      if (!process.stdout.write(lines.join(''))) await once(process.stdout, 'drain');
    }
    return 0;
  } catch (error) {
    return complain(error as Error);
  }
}

export const tell = (op: 'reload' | 'stop'): Promise<number> => asked({ op }, (result) => `${String(result)}\n`);

/** Every line with its newline. */
export function statusText({ mode, uptime, devices, drops, dataPlane, extensions }: Status): string {
  const lines = [`${mode} mode, up ${uptime} s`, ...planeLines(dataPlane)];
  for (const [file, names] of Object.entries(extensions)) lines.push(`attached: ${names.join(', ')} (${file})`);
  for (const [name, counts] of Object.entries(devices)) {
    if (!counts) continue;
    lines.push(
      `${name}: in ${counts.receivedPackets} packets ${counts.receivedBytes} octets, out ${counts.sentPackets} packets ${counts.sentBytes} octets`,
    );
    for (const [reason, count] of Object.entries(counts.drops)) lines.push(`  not sent: ${count} ${reason}`);
    for (const [queue, own] of (counts.queues ?? []).entries()) lines.push(queueText(queue, own));
  }
  for (const { hook, reason, packets } of drops) lines.push(`dropped in ${hook}: ${packets} ${reason}`);
  return `${lines.join('\n')}\n`;
}

const queueText = (queue: number, { receivedPackets, sentPackets, held }: QueueCounts): string =>
  `  queue ${queue}: in ${receivedPackets} packets, out ${sentPackets} packets${held > 0 ? `, waited ${held} times for the engine` : ''}`;

const IO = { io_uring: 'in batches (io_uring)', calls: 'by a system call each' } as const;

function planeLines({ state, io, restarts, lastDeath, eventsLost }: DataPlaneStatus): string[] {
  const lines: string[] = [];
  if (io) lines.push(`packets are read and written ${IO[io.method]}${io.why === undefined ? '' : `: ${io.why}`}`);
  if (state === 'down') lines.push('the data plane is being started again: nothing passes');
  if (lastDeath) {
    const times = `${restarts} restart${restarts === 1 ? '' : 's'} of the data plane`;
    lines.push(`${times}, the last end at ${new Date(lastDeath.at).toISOString()}: ${lastDeath.reason}`);
  }
  if (eventsLost > 0) lines.push(`${eventsLost} log lines and events lost: they came faster than they could be taken`);
  return lines;
}
