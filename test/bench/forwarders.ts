// Who stands between the two hosts of a lab: the bare loop in C, our own bare loop, `sekisho run` with rules, and the kernel with the same
// rules. All but the kernel hold two TUN devices; the kernel routes between two veth pairs in a namespace of its own, and works in the
// sender's context, without a process that could be charged for it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataPlane } from '../../tun/data-plane.ts';
import type { IoMethod } from '../../tun/io-method.ts';
import { ADDRESS, type Host, type Lab } from '../inline/lab.ts';
import { bundleProgram, findProgram } from '../kernel/support.ts';
import { translated } from './translated.ts';

const ROOT = process.env.SEKISHO_ROOT ?? fileURLToPath(new URL('../..', import.meta.url));

export interface Running {
  /** Nanoseconds of the processor that it took so far; undefined where nobody keeps that account. */
  spentNs(): number | undefined;
  stop(): Promise<void>;
}

export interface Forwarder {
  readonly name: string;
  /** Why it cannot be measured here; '' when it can. */
  readonly missing: string;
  /** When it resolves, the lab's two hosts reach each other through it. `rules`: an ip6tables save text; those without rules ignore it. */
  start(lab: Lab, rules: string): Promise<Running>;
}

/** The device that is the way out of each host. */
const DEVICE: Readonly<Record<Host, string>> = { client: 'inside', server: 'outside' };
export const deviceOf = (host: Host): string => DEVICE[host];

const folder = mkdtempSync(join(tmpdir(), 'sekisho-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function fileOf(text: string, ending: string): string {
  const file = join(folder, `${++files}.${ending}`);
  writeFileSync(file, text);
  return file;
}

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(`${program} ${args.slice(0, 6).join(' ')}: ${stderr}`);
  return stdout;
}

const needs = (...programs: string[]): string =>
  programs
    .filter((program) => !findProgram(program))
    .map((program) => `needs ${program}`)
    .join(', ');

// --- Programs between two TUN devices -----------------------------------------------------------------------------------------------

/** Nanoseconds, of all threads that are there: the scheduler's own account, for that of the process is taken by ticks of 10 ms. */
const spentBy = (pid: number) => (): number =>
  readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + spentByThread(pid, thread), 0);

function spentByThread(pid: number, thread: string): number {
  try {
    return Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'), 10);
  } catch {
    return 0; // it has just ended
  }
}

function joinHosts(lab: Lab): void {
  for (const host of ['client', 'server'] as const) lab.adopt(host, DEVICE[host]);
}

async function startProgram(
  lab: Lab,
  argv: readonly string[],
  isReady: (printed: string) => boolean,
  environment = {},
): Promise<Running> {
  const [program, ...args] = argv;
  const env = { ...process.env, ...environment };
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  }
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      child.on('exit', () => resolve());
      child.kill();
    });
  await until(() => child.exitCode !== null || isReady(printed));
  if (child.exitCode !== null)
    throw new Error(`${program} ended with code ${child.exitCode}: ${printed.slice(0, 500)}`);
  joinHosts(lab);
  return { spentNs: spentBy(child.pid!), stop };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3_000; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('gave up waiting');
}

/** The program of test/bench/NAME.c. */
export function compiled(name: 'forward' | 'rtt'): string {
  const program = join(folder, name);
  if (!existsSync(program)) run('cc', '-O2', '-pthread', '-o', program, join(ROOT, `test/bench/${name}.c`));
  return program;
}

export const bareCOf = (queues: number): Forwarder => ({
  name: 'C, bare',
  missing: needs('cc'),
  start: (lab) =>
    startProgram(lab, [compiled('forward'), DEVICE.client, DEVICE.server, `${queues}`], (text) =>
      text.includes('ready'),
    ),
});

export const bareC = bareCOf(1);

export const bareLoop = (name = 'our loop, bare', io?: IoMethod): Forwarder => ({
  name,
  missing: '',
  async start(lab) {
    const plane = await DataPlane.start({
      program: bundleProgram('tun/worker.ts'),
      engine: bundleProgram('test/inline/bare-engine.ts'),
      devices: [{ name: DEVICE.client }, { name: DEVICE.server }],
      io,
    });
    joinHosts(lab);
    return { spentNs: spentBy(process.pid), stop: () => plane.stop() };
  },
});

const PROGRAM = join(ROOT, 'dist/bin/sekisho.cjs');

/** `sekisho run`; `options` are more of its arguments, `node` those of Node itself. */
export const sekisho = (
  name = 'sekisho run',
  options: readonly string[] = [],
  node: readonly string[] = [],
): Forwarder => ({
  name,
  missing: existsSync(PROGRAM) ? '' : 'needs npm run build',
  start(lab, rules) {
    const devices = ['--inside', DEVICE.client, '--outside', DEVICE.server];
    // The file is for both families unless a line says otherwise.
    const file = fileOf(rules.replaceAll(/^-A /gm, '-6 -A '), 'save');
    const argv = [process.execPath, ...node, PROGRAM, 'run', '--rules', file, ...devices, ...options];
    const state = { SEKISHO_STATE_DIR: mkdtempSync(join(folder, 'state-')) };
    return startProgram(lab, argv, (text) => text.includes('control socket'), state);
  },
});

// --- The kernel ---------------------------------------------------------------------------------------------------------------------

/** Link addresses are told, not asked for: nothing but what is measured is on the wire. */
const LINK = { client: '02:77:00:00:00:01', server: '02:77:00:00:00:02' } as const;
const PORT = { client: '02:77:00:00:01:01', server: '02:77:00:00:01:02' } as const;
const HOSTS = ['client', 'server'] as const;

let routers = 0;

function route(lab: Lab): string {
  const router = `sekisho-router-${process.pid}-${++routers}`;
  const inRouter = (...argv: string[]): string => run('ip', 'netns', 'exec', router, ...argv);
  run('ip', 'netns', 'add', router);
  inRouter('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.conf.all.rp_filter=0');
  for (const host of HOSTS) {
    const [port, peer] = [`to-${host}`, host === 'client' ? 'server' : 'client'] as const;
    run(
      'ip',
      'link',
      'add',
      DEVICE[host],
      'address',
      LINK[host],
      'type',
      'veth',
      'peer',
      'name',
      port,
      'netns',
      router,
    );
    inRouter('ip', 'link', 'set', port, 'address', PORT[host], 'up');
    lab.adopt(host, DEVICE[host]);
    for (const family of ['v4', 'v6'] as const) {
      const neighbour = (address: string, link: string, device: string): string[] => [
        'ip',
        'neigh',
        'add',
        address,
        'lladdr',
        link,
        'dev',
        device,
        'nud',
        'permanent',
      ];
      inRouter('ip', 'route', 'add', ADDRESS[host][family], 'dev', port);
      inRouter(...neighbour(ADDRESS[host][family], LINK[host], port));
      lab.run(host, neighbour(ADDRESS[peer][family], PORT[host], DEVICE[host]));
    }
  }
  return router;
}

const kernel = (name: string, missing: string, load: (router: string, rules: string) => void): Forwarder => ({
  name,
  missing,
  async start(lab, rules) {
    const router = route(lab);
    load(router, rules);
    return {
      spentNs: () => undefined,
      async stop() {
        run('ip', 'netns', 'delete', router);
      },
    };
  },
});

export const legacy: Forwarder = kernel('kernel, legacy', needs('ip6tables-legacy-restore'), (router, rules) => {
  run('ip', 'netns', 'exec', router, 'sh', '-c', 'ip6tables-legacy-restore < "$1"', 'sh', fileOf(rules, 'save'));
});

/** The same rules one by one, as the translator writes them: nft's linear form. */
export const nft: Forwarder = kernel('kernel, nft', needs('nft', 'ip6tables-restore-translate'), (router, rules) => {
  run('ip', 'netns', 'exec', router, 'nft', '-f', fileOf(translated(rules), 'nft'));
});
