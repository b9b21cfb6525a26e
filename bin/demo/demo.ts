// sekisho demo: a client and a server that only the engine joins, a real rule set, real traffic, and what became of it.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { procText } from '../../conntrack/text/proc.ts';
import { packageRoot } from '../../control/package-root.ts';
import { statePaths } from '../../control/paths.ts';
import { ask } from '../../control/socket/client.ts';
import { connectionPages } from '../../control/socket/conntrack-client.ts';
import type { ToolAnswer, ToolName } from '../../control/socket/protocol.ts';
import { colored } from '../color.ts';
import { Host } from './host.ts';
import { memoryDemo } from './memory.ts';
import { ADDRESSES, counted, type Hosts, serve, steps } from './steps.ts';

export const RULES = 'examples/border/rules.save';

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const mark = (good: boolean): string => (good ? colored('green', 'ok  ') : colored('red', 'FAIL'));

export async function demo({ memory }: { memory?: boolean }): Promise<number> {
  const lacking = memory ? 'as asked' : whyInMemory();
  if (lacking !== undefined) return memoryDemo(lacking);
  const stem = `sekisho-demo-${process.pid}`;
  const directory = mkdtempSync(join(tmpdir(), `${stem}-`));
  const opened: { close(): void | Promise<void> }[] = [
    { close: () => rmSync(directory, { recursive: true, force: true }) },
  ];
  try {
    const client = new Host(`${stem}-client`);
    opened.push(client);
    const server = new Host(`${stem}-server`);
    opened.push(server);
    const engine = await startEngine(directory, { client, server });
    opened.push(engine);
    return await show({ client, server }, engine, directory);
  } catch (error) {
    print(`${mark(false)} ${(error as Error).message}`);
    return 1;
  } finally {
    for (const part of opened.reverse()) await part.close();
  }
}

/** Undefined where the real thing can be done. */
function whyInMemory(): string | undefined {
  if (process.getuid?.() !== 0) return 'this user is not root';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  const tools = ['ip', 'ping', 'curl'].filter(
    (tool) =>
      ![...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].some((path) => existsSync(join(path, tool))),
  );
  return tools.length > 0 ? `not installed: ${tools.join(', ')}` : undefined;
}

interface Engine {
  /** Lines of the LOG target so far. */
  log(): string[];
  close(): Promise<void>;
}

/** `sekisho run` as its users run it, between the two namespaces. */
async function startEngine(directory: string, { client, server }: Hosts): Promise<Engine> {
  const device = (name: string, host: Host, side: 'client' | 'server'): string =>
    `${name},netns=${host.namespace},host=${ADDRESSES[side][4]}/24,host=${ADDRESSES[side][6]}/64`;
  const argv = [
    ...[process.argv[1], 'run'],
    ...['--inside', device('inside', client, 'client')],
    ...['--outside', device('outside', server, 'server')],
    ...['--rules', join(packageRoot(), RULES)],
  ];
  print(`sekisho run, bridge between two namespaces, rules of ${RULES}\n`);
  const child = spawn(process.execPath, argv, {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, SEKISHO_STATE_DIR: directory },
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (/control socket/.test(said)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the engine did not start (${code}): ${said.trim()}`)));
  });
  return {
    log: () => said.split('\n').filter((line) => /^<\d>/.test(line)),
    async close() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function show(hosts: Hosts, engine: Engine, directory: string): Promise<number> {
  let failures = 0;
  await serve(hosts);
  for (const { what, expected, act } of steps) {
    const got = await act(hosts);
    const good = got === expected;
    if (!good) failures++;
    print(`${mark(good)} ${what.padEnd(72)} ${good ? got : `${got || 'nothing'}, expected ${expected}`}`);
  }
  const { socket } = statePaths(directory, { ...process.env, SEKISHO_SOCKET: undefined });
  const tool = async (program: ToolName, ...argv: string[]): Promise<string> =>
    ((await ask(socket, { op: 'tool', program, argv })) as ToolAnswer).stdout;
  const name = (family: 4 | 6): ToolName => (family === 4 ? 'iptables' : 'ip6tables');
  for (const { family, chain, rule, what } of counted) {
    const text = await tool(name(family), '-v', '-S', chain);
    const line = text.split('\n').find((one) => rule.test(one)) ?? '';
    const packets = Number(/ -c (\d+) /.exec(line)?.[1] ?? 0);
    if (packets === 0) failures++;
    print(`${mark(packets > 0)} ${`counted: ${what} (IPv${family})`.padEnd(72)} ${packets}`);
  }
  for (const family of [4, 6] as const) {
    print(`\n$ sekisho ${name(family)} -nvL   (filter)`);
    print((await tool(name(family), '-n', '-v', '-L')).trimEnd());
  }
  print('\nwhat the LOG rule wrote');
  print(engine.log().join('\n'));
  print('\n$ sekisho connections');
  for await (const flows of connectionPages(socket)) print(flows.map(procText).join('\n'));
  const total = steps.length + counted.length;
  print(`\n${total - failures} of ${total} went as announced`);
  return failures === 0 ? 0 : 1;
}
