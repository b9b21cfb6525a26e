// Inline forwarding, as ratios of one run: a bare forwarder in C, our bare loop, and `sekisho run` with rules, between the same two
// namespaces. Absolute figures move by a factor of two with whatever else the machine does; only the ratios count.
//
//   node test/bench/run.mjs inline [--seconds 2] [--rounds 3] [--rules FILE] [--json]

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DataPlane } from '../../tun/data-plane.ts';
import { ADDRESS, Lab } from '../inline/lab.ts';
import { bundleProgram, findProgram, probe } from '../kernel/support.ts';

const ROOT = process.env.SEKISHO_ROOT ?? fileURLToPath(new URL('../..', import.meta.url));

interface Forwarder {
  name: string;
  /** Why it is not measured here; '' when it is. */
  missing: string;
  /** Both devices are there when it resolves; the function stops it. */
  start(): Promise<() => Promise<void>>;
}

interface Figures {
  /** Gbit/s of one TCP stream and of four, IPv6. */
  tcp: number;
  tcp4: number;
  /** Thousand 18-octet UDP datagrams a second that arrived, unpaced. */
  kpps: number;
  /** Median round trip of a ping while nothing else runs, microseconds. */
  ping: number;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    rules: { type: 'string', default: join(ROOT, 'examples/border/rules.save') },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
const SECONDS = Number(values.seconds);
const folder = mkdtempSync(join(tmpdir(), 'sekisho-bench-'));

const forwarders: Forwarder[] = [
  {
    name: 'C, bare',
    missing: findProgram('cc') ? '' : 'needs cc',
    start: () => startProgram([compiledForwarder(), 'inside', 'outside'], (text) => text.includes('ready')),
  },
  { name: 'our loop, bare', missing: '', start: startLoop },
  {
    name: 'sekisho run, with rules',
    missing:
      existsSync(join(ROOT, 'dist/bin/sekisho.js')) && existsSync(values.rules) ? '' : 'needs dist/ and a rules file',
    start: () => {
      const program = [process.execPath, join(ROOT, 'dist/bin/sekisho.js'), 'run', '--rules', values.rules];
      const state = { SEKISHO_STATE_DIR: join(folder, 'state') };
      return startProgram(
        [...program, '--inside', 'inside', '--outside', 'outside'],
        (text) => text.includes('control socket'),
        state,
      );
    },
  },
];

function compiledForwarder(): string {
  const program = join(folder, 'forward');
  if (!existsSync(program)) {
    const done = spawnSync('cc', ['-O2', '-o', program, join(ROOT, 'test/bench/forward.c')], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(done.stderr);
  }
  return program;
}

async function startProgram(argv: string[], isReady: (printed: string) => boolean, environment = {}) {
  const [program, ...args] = argv;
  const env = { ...process.env, ...environment };
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  }
  await until(() => child.exitCode !== null || isReady(printed));
  if (child.exitCode !== null) throw new Error(`${program} ended with code ${child.exitCode}: ${printed}`);
  return () =>
    new Promise<void>((resolve) => {
      child.on('exit', () => resolve());
      child.kill();
    });
}

async function startLoop() {
  const plane = await DataPlane.start({
    program: bundleProgram('tun/worker.ts'),
    engine: bundleProgram('test/inline/bare-engine.ts'),
    devices: [{ name: 'inside' }, { name: 'outside' }],
  });
  return () => plane.stop();
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('gave up waiting');
}

async function measure(forwarder: Forwarder): Promise<Figures> {
  const lab = new Lab();
  const stop = await forwarder.start();
  try {
    lab.adopt('client', 'inside');
    lab.adopt('server', 'outside');
    return {
      tcp: (await iperf(lab, [])).bits / 1e9,
      tcp4: (await iperf(lab, ['-P', '4'])).bits / 1e9,
      kpps: (await iperf(lab, ['-u', '-b', '0', '-l', '18'])).packets / 1e3,
      // Last: by then the forwarder's code is compiled.
      ping: await ping(lab),
    };
  } finally {
    await stop();
    lab.close();
  }
}

async function ping(lab: Lab): Promise<number> {
  const { stdout } = await lab.finish('client', ['ping', '-c', '100', '-i', '0.005', '-q', ADDRESS.server.v6]);
  const average = /= [\d.]+\/([\d.]+)\//.exec(stdout);
  return average ? Number(average[1]) * 1_000 : Number.NaN;
}

interface Iperf {
  end: {
    /** TCP. */
    sum_received?: { bits_per_second: number };
    /** UDP. */
    sum?: { packets: number; lost_packets: number };
  };
}

async function iperf(lab: Lab, args: string[]): Promise<{ bits: number; packets: number }> {
  const server = lab.finish('server', ['iperf3', '-s', '-1']);
  await lab.listening('server', 5201);
  const argv = ['iperf3', '-c', ADDRESS.server.v6, '-t', `${SECONDS}`, '-J', ...args];
  const { stdout, stderr } = await lab.finish('client', argv);
  await server;
  try {
    const { end } = JSON.parse(stdout) as Iperf;
    const { packets = 0, lost_packets: lost = 0 } = end.sum ?? {};
    return { bits: end.sum_received?.bits_per_second ?? 0, packets: (packets - lost) / SECONDS };
  } catch {
    throw new Error(`iperf3: ${stdout}${stderr}`);
  }
}

const median = (numbers: number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

async function main(): Promise<void> {
  const machine = probe('ip', 'ss', 'sysctl', 'iperf3', 'ping');
  if (machine.missing !== '') {
    console.log(`inline bench left out: ${machine.missing}`);
    return;
  }
  const measured = forwarders.filter(({ name, missing }) => {
    if (missing !== '') console.log(`${name}: left out, ${missing}`);
    return missing === '' && (values.only === undefined || name.includes(values.only));
  });
  const runs = new Map<string, Figures[]>(measured.map(({ name }) => [name, []]));
  // Interleaved, so that a busy minute of the machine hits all of them.
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const forwarder of measured) runs.get(forwarder.name)?.push(await measure(forwarder));
  }
  report(runs);
}

function report(runs: ReadonlyMap<string, Figures[]>): void {
  const medians = [...runs].map(([name, figures]) => {
    const of = (key: keyof Figures) => median(figures.map((figure) => figure[key]));
    return { name, tcp: of('tcp'), tcp4: of('tcp4'), kpps: of('kpps'), ping: of('ping') };
  });
  if (values.json) {
    console.log(JSON.stringify(medians));
    return;
  }
  const base = medians[0];
  console.log('forwarder'.padEnd(26), 'TCP Gb/s  ratio   4 flows  ratio   UDP kpps  ratio   ping us');
  for (const { name, tcp, tcp4, kpps, ping: trip } of medians) {
    const cell = (value: number, to: number, digits: number) =>
      `${value.toFixed(digits).padStart(8)}  ${(value / to).toFixed(2).padStart(5)}  `;
    console.log(
      name.padEnd(26),
      cell(tcp, base.tcp, 2),
      cell(tcp4, base.tcp4, 2),
      cell(kpps, base.kpps, 0),
      trip.toFixed(0).padStart(8),
    );
  }
}

try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
