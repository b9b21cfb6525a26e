// Rules of a daemon between two hosts: a restore and single edits, as whole processes of the tools and on the control socket, beside the kernel's
// legacy tables; and how long a packet had to wait meanwhile, told by pings two milliseconds apart, of which none may be lost.
//
//   node test/bench/run.mjs reload [--shapes acl,kube] [--counts 5000,100000] [--edits 20]
//
// Times on the socket are the daemon's and the data plane's, what is stored included; those of a tool have the start of Node in them.
// The longest wait without a restore says what the machine itself adds: it is taken in the same way, for as long.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ask } from '../../control/client.ts';
import type { ToolAnswer, ToolRequest } from '../../control/protocol.ts';
import { ADDRESS, Lab } from '../inline/lab.ts';
import { keep, median } from './results.ts';
import { type Shape, saveText } from './rulesets.ts';

const { values } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'acl,fw,kube,blocklist' },
    counts: { type: 'string', default: '5000,10000,50000,100000' },
    edits: { type: 'string', default: '20' },
  },
});

const PROGRAM = join(process.env.SEKISHO_ROOT ?? '.', 'dist/bin/sekisho.cjs');
if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: npm run build`);

const elapsed = async (act: () => Promise<void>): Promise<number> => {
  const start = performance.now();
  await act();
  return performance.now() - start;
};

async function medianOf(runs: number, act: (run: number) => Promise<void>): Promise<number> {
  const all: number[] = [];
  for (let run = 0; run < runs; run++) all.push(await elapsed(() => act(run)));
  return median(all);
}

/** Runs a program to its end; throws when that is not a good one. */
async function finish(command: string, argv: readonly string[], env: NodeJS.ProcessEnv, input = ''): Promise<void> {
  const child = spawn(command, argv, { env, stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.on('error', () => {}).end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}`);
}

/** A daemon between the hosts of a lab. */
class Daemon {
  private readonly directory = mkdtempSync(join(tmpdir(), 'sekisho-reload-'));
  private readonly lab = new Lab();
  private readonly env: NodeJS.ProcessEnv = { ...process.env, SEKISHO_STATE_DIR: this.directory };
  private process: ChildProcess | undefined;

  async start(): Promise<void> {
    const device = (host: 'client' | 'server', name: string): string =>
      `${name}${process.pid},netns=${this.lab.namespace(host)},host=${ADDRESS[host].v6}/64`;
    const argv = [PROGRAM, 'run', '--inside', device('client', 'ri'), '--outside', device('server', 'ro')];
    this.process = spawn(process.execPath, argv, { env: this.env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    while (!said.includes('control socket')) {
      if (this.process.exitCode !== null) throw new Error(said);
      await pause(10);
    }
  }

  /** On the socket. */
  async ask(argv: string[], stdin?: string): Promise<void> {
    const program = stdin === undefined ? 'ip6tables' : 'ip6tables-restore';
    const request: ToolRequest = { op: 'tool', program, argv, stdin };
    const { exitCode, stderr } = (await ask(join(this.directory, 'control.sock'), request)) as ToolAnswer;
    if (exitCode !== 0) throw new Error(stderr);
  }

  /** By the tool. */
  tool(program: string, argv: readonly string[], input?: string): Promise<void> {
    return finish(process.execPath, [PROGRAM, program, ...argv], this.env, input);
  }

  /** The longest that a ping took while `act` ran, and how many were lost. */
  async waits(act: () => Promise<unknown>): Promise<{ longest: number; lost: number }> {
    const ping = this.lab.start('client', ['ping', '-6', '-q', '-i', '0.002', ADDRESS.server.v6]);
    let said = '';
    ping.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = once(ping, 'close');
    await pause(200);
    await act();
    await pause(200);
    ping.kill('SIGINT');
    await ended;
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? [];
    // The last one may still be on its way.
    const lost = Math.max(0, Number(sent) - Number(received) - 1);
    return { longest: Number(/= [\d.]+\/[\d.]+\/([\d.]+)\//.exec(said)?.[1]), lost };
  }

  async stop(): Promise<void> {
    this.process?.kill('SIGKILL');
    if (this.process) await once(this.process, 'close');
    this.lab.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** What the kernel's own tool takes, the start of the process included, with `rules` in its table or none. */
function legacy(file: string, edit: string): { restore?: number; edit?: number } {
  const timed = (script: string): number | undefined => {
    const start = performance.now();
    const { status } = spawnSync('unshare', ['-n', 'sh', '-c', script, 'sh', file], { stdio: 'ignore' });
    return status === 0 ? performance.now() - start : undefined;
  };
  const load = 'ip6tables-legacy-restore < "$1"';
  const of = (script: string): number | undefined => {
    const all = Array.from({ length: 3 }, () => timed(script)).filter((one) => one !== undefined);
    return all.length === 3 ? median(all) : undefined;
  };
  const [empty, restored] = [of(':'), of(load)];
  const edited = of(`${load}${`; ${edit}`.repeat(5)}`);
  if (empty === undefined || restored === undefined || edited === undefined) return {};
  return { restore: restored - empty, edit: (edited - restored) / 5 };
}

async function measure(shape: Shape, count: number) {
  // Pings pass.
  const text = saveText(shape, 6, count).replace(/^-A (?=FORWARD)/m, '-A FORWARD -p ipv6-icmp -j ACCEPT\n-A ');
  const rules = text.match(/^-A/gm)!.length;
  const [table, chain] = shape === 'kube' ? ['nat', 'KUBE-SERVICES'] : ['filter', 'FORWARD'];
  const edit = (run: number): string[] =>
    `-t ${table} -A ${chain} -s 2001:db8::${(run + 1).toString(16)} -j ${table === 'nat' ? 'RETURN' : 'ACCEPT'}`.split(
      ' ',
    );
  const daemon = new Daemon();
  const file = join(tmpdir(), `sekisho-reload-${process.pid}.save`);
  try {
    writeFileSync(file, text);
    await daemon.start();
    const first = await elapsed(() => daemon.ask([], text));
    const tool = await medianOf(3, () => daemon.tool('ip6tables-restore', [], text));
    let restore = 0;
    const waits = await daemon.waits(async () => {
      restore = await medianOf(3, () => daemon.ask([], text));
    });
    const idle = await daemon.waits(() => pause(3 * restore));
    const edited = await medianOf(Number(values.edits), (run) => daemon.ask(edit(run)));
    const editing = await daemon.waits(async () => {
      for (let run = 0; run < Number(values.edits); run++) await daemon.ask(edit(run + 1000));
    });
    const byTool = await medianOf(5, (run) => daemon.tool('ip6tables', edit(run + 2000)));
    const real = legacy(file, `ip6tables-legacy ${edit(1).join(' ')}`);
    return {
      shape,
      rules,
      first,
      restore,
      tool,
      legacy: real.restore,
      longest: waits.longest,
      idle: idle.longest,
      lost: waits.lost + editing.lost,
      edit: edited,
      editLongest: editing.longest,
      editTool: byTool,
      legacyEdit: real.edit,
    };
  } finally {
    await daemon.stop();
    rmSync(file, { force: true });
  }
}

const cell = (value: number | undefined, width: number, digits = 1): string =>
  (value?.toFixed(digits) ?? '-').padStart(width);

console.log(
  '                 restore ms                        longest wait of a ping, ms         edit ms\n' +
    'shape      rules    first   socket     tool   legacy   restore    idle    edit  lost   socket     tool   legacy',
);
const rows = [];
for (const shape of values.shapes.split(',') as Shape[]) {
  for (const count of values.counts.split(',').map(Number)) {
    const row = await measure(shape, count);
    rows.push(row);
    console.log(
      `${shape.padEnd(9)}${cell(row.rules, 7, 0)}${cell(row.first, 9, 0)}${cell(row.restore, 9, 0)}${cell(row.tool, 9, 0)}${cell(row.legacy, 9, 0)}` +
        `${cell(row.longest, 10)}${cell(row.idle, 8)}${cell(row.editLongest, 8)}${cell(row.lost, 6, 0)}` +
        `${cell(row.edit, 9, 2)}${cell(row.editTool, 9, 0)}${cell(row.legacyEdit, 9)}`,
    );
  }
}
keep('reload', rows);
