// Rules of a daemon between two hosts: restores and edits, as whole processes of the tools and on the control socket, beside the kernel's
// legacy tables; and how long a packet had to wait meanwhile, told by pings two milliseconds apart, of which none may be lost.
//
// Edits: one rule, one after the other (`-A`) and a second and a half after the one before (`alone`, as people type them); a chain (`-N`); ten rules by
// one restore -n; and what kube-proxy restores when a service has come to have another endpoint (`service`).
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
import { ask } from '../../control/socket/client.ts';
import type { ToolAnswer, ToolRequest } from '../../control/socket/protocol.ts';
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

/** Something small that is done to the rules, other each time. */
interface Edit {
  readonly argv: (run: number) => string;
  /** With it the program is a restore. */
  readonly stdin?: (run: number) => string;
  /** Milliseconds in front of each. */
  readonly after?: number;
}

/** When an edit is an edit by itself: what the daemon did at leisure behind the last one is over. */
const ALONE_MS = 1_500;

function editsOf(shape: Shape, text: string): Record<string, Edit> {
  const [table, chain, target] =
    shape === 'kube' ? ['nat', 'KUBE-SERVICES', 'RETURN'] : ['filter', 'FORWARD', 'ACCEPT'];
  const line = (run: number): string => `-A ${chain} -s 2001:db8::${(run + 1).toString(16)} -j ${target}`;
  const rule = (run: number): string => `-t ${table} ${line(run)}`;
  const lines = (run: number): string => Array.from({ length: 10 }, (_, at) => `${line(10 * run + at)}\n`).join('');
  const edits: Record<string, Edit> = {
    '-A': { argv: rule },
    alone: { argv: (run) => rule(run + 3000), after: ALONE_MS },
    '-N': { argv: (run) => `-t ${table} -N bench${run}` },
    ten: { argv: () => '-n', stdin: (run) => `*${table}\n${lines(run + 400)}COMMIT\n` },
  };
  if (shape === 'kube') edits.service = { argv: () => '-n', stdin: endpointOf(text) };
  return edits;
}

/** Another endpoint of the first service that has one: its chains are declared, which empties them, and filled anew. */
function endpointOf(text: string): (run: number) => string {
  const service = /^-A (KUBE-SVC-\S+) .*-j KUBE-SEP-/m.exec(text)![1];
  const before = text.match(new RegExp(`^-A ${service} .*$`, 'gm'))!.join('\n');
  return (run) => {
    const [endpoint, address] = [`KUBE-SEP-BENCH${run}`, `2001:db8:1::${(run + 1).toString(16)}`];
    const own = `-A ${endpoint} -s ${address}/128 -j KUBE-MARK-MASQ\n-A ${endpoint} -p tcp -m tcp -j DNAT --to-destination [${address}]:8080`;
    return `*nat\n:${service} - [0:0]\n:${endpoint} - [0:0]\n${before}\n-A ${service} -j ${endpoint}\n${own}\nCOMMIT\n`;
  };
}

/** What the kernel's own tool takes, the start of the process included, with the rules of `file` in its table. */
function legacy(
  file: string,
  edits: Record<string, Edit>,
): { restore?: number; edits: Record<string, number | undefined> } {
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
  if (empty === undefined || restored === undefined) return { edits: {} };
  const times = Object.entries(edits).map(([name, { argv, stdin }]): [string, number | undefined] => {
    const one = (run: number): string =>
      stdin ? `ip6tables-legacy-restore ${argv(run)} <<'END'\n${stdin(run)}END` : `ip6tables-legacy ${argv(run)}`;
    const edited = of([load, ...[1, 2, 3, 4, 5].map(one)].join('\n'));
    return [name, edited === undefined ? undefined : (edited - restored) / 5];
  });
  return { restore: restored - empty, edits: Object.fromEntries(times) };
}

async function measure(shape: Shape, count: number) {
  // Pings pass.
  const text = saveText(shape, 6, count).replace(/^-A (?=FORWARD)/m, '-A FORWARD -p ipv6-icmp -j ACCEPT\n-A ');
  const rules = text.match(/^-A/gm)!.length;
  const edits = editsOf(shape, text);
  const daemon = new Daemon();
  const file = join(tmpdir(), `sekisho-reload-${process.pid}.save`);
  const some = Number(values.edits);
  const ask = ({ argv, stdin }: Edit, run: number): Promise<void> => daemon.ask(argv(run).split(' '), stdin?.(run));
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
    const times: Record<string, number> = {};
    for (const [name, one] of Object.entries(edits)) {
      const all: number[] = [];
      for (let run = 0; run < (one.after ? Math.ceil(some / 4) : some); run++) {
        await pause(one.after ?? 0);
        all.push(await elapsed(() => ask(one, run)));
      }
      times[name] = median(all);
    }
    const editing = await daemon.waits(async () => {
      for (let run = 0; run < some; run++) await ask(edits['-A'], run + 1000);
    });
    const byTool = await medianOf(5, (run) => daemon.tool('ip6tables', edits['-A'].argv(run + 2000).split(' ')));
    const real = legacy(file, edits);
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
      edit: times['-A'],
      editLongest: editing.longest,
      editTool: byTool,
      legacyEdit: real.edits['-A'],
      editAlone: times.alone,
      chain: times['-N'],
      legacyChain: real.edits['-N'],
      tenRules: times.ten,
      legacyTenRules: real.edits.ten,
      service: times.service,
      legacyService: real.edits.service,
    };
  } finally {
    await daemon.stop();
    rmSync(file, { force: true });
  }
}

type Row = Awaited<ReturnType<typeof measure>>;

const cell = (value: number | undefined, width: number, digits = 1): string =>
  (value?.toFixed(digits) ?? '-').padStart(width);

const nameOf = ({ shape, rules }: Row): string => `${shape.padEnd(9)}${cell(rules, 7, 0)}`;

console.log(
  '                 restore ms                        longest wait of a ping, ms\n' +
    'shape      rules    first   socket     tool   legacy   restore    idle    edit  lost',
);
const rows: Row[] = [];
for (const shape of values.shapes.split(',') as Shape[]) {
  for (const count of values.counts.split(',').map(Number)) {
    const row = await measure(shape, count);
    rows.push(row);
    console.log(
      `${nameOf(row)}${cell(row.first, 9, 0)}${cell(row.restore, 9, 0)}${cell(row.tool, 9, 0)}${cell(row.legacy, 9, 0)}` +
        `${cell(row.longest, 10)}${cell(row.idle, 8)}${cell(row.editLongest, 8)}${cell(row.lost, 6, 0)}`,
    );
  }
}
console.log(
  '\n                 edits, ms, and the same by the legacy tool\n' +
    'shape      rules      -A   alone   tool  legacy       -N  legacy      ten  legacy  service  legacy',
);
for (const row of rows) {
  console.log(
    `${nameOf(row)}${cell(row.edit, 8, 2)}${cell(row.editAlone, 8, 2)}${cell(row.editTool, 7, 0)}${cell(row.legacyEdit, 8)}` +
      `${cell(row.chain, 9, 2)}${cell(row.legacyChain, 8)}${cell(row.tenRules, 9, 2)}${cell(row.legacyTenRules, 8)}${cell(row.service, 9, 2)}${cell(row.legacyService, 8)}`,
  );
}
keep('reload', rows);
