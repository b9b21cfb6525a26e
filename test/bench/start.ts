// How long a tool takes as a whole process, against an empty start of Node: medians of runs taken in turn, ratios of one run. The processor's
// time (user and system) stands beside the clock's: it says the same on a machine that has other things to do.
//
//   node test/bench/run.mjs start [RULES] [RUNS]        (500 rules, 20 runs)

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, keep, machine, median } from './results.ts';

const rules = Number(process.argv[2] ?? 500);
const runs = Number(process.argv[3] ?? 20);
const program = join(process.env.SEKISHO_ROOT ?? '.', 'dist/bin/sekisho.cjs');
const directory = mkdtempSync(join(tmpdir(), 'sekisho-start-'));
const env = { ...process.env, SEKISHO_STATE_DIR: directory };

const RULE = ['-p', 'tcp', '--dport', '22', '-j', 'DROP'];
const tool = (...words: readonly string[]): readonly string[] => [program, ...words];

const CASES: Record<string, readonly string[]> = {
  'node -e 0': ['-e', '0'],
  'ip6tables -S': tool('ip6tables', '-S'),
  'ip6tables-save -c': tool('ip6tables-save', '-c'),
  'ip6tables -nvL': tool('ip6tables', '-nvL'),
  'ip6tables -h': tool('ip6tables', '-h'),
  'ip6tables -P INPUT DROP': tool('ip6tables', '-P', 'INPUT', 'DROP'),
  'ip6tables -A INPUT ...': tool('ip6tables', '-A', 'INPUT', ...RULE),
  'ip6tables -C INPUT ...': tool('ip6tables', '-C', 'INPUT', ...RULE),
  'ip6tables -D INPUT ...': tool('ip6tables', '-D', 'INPUT', ...RULE),
  'ip6tables -R FORWARD 1 ...': tool('ip6tables', '-R', 'FORWARD', '1', ...RULE),
};
const REAL: Record<string, readonly string[]> = { 'ip6tables-legacy -S': ['-n', 'ip6tables-legacy', '-S'] };

function save(): string {
  const line = (index: number): string =>
    `-A FORWARD -s fd00:${index.toString(16)}::/32 -p tcp --dport ${(index % 65_535) + 1} -m conntrack --ctstate NEW -j ACCEPT\n`;
  return `*filter\n${Array.from({ length: rules }, (_, index) => line(index)).join('')}COMMIT\n`;
}

/** Milliseconds of processor that ended children took; the kernel counts in hundredths of a second. proc(5), cutime and cstime. */
function childrenTime(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

interface Taken {
  /** Each run's. */
  readonly elapsed: number[];
  /** All runs'. */
  processor: number;
}

function time(taken: Taken, command: string, argv: readonly string[]): void {
  const [start, before] = [performance.now(), childrenTime()];
  const { status } = spawnSync(command, argv, { env, stdio: 'ignore' });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}`);
  taken.elapsed.push(performance.now() - start);
  taken.processor += childrenTime() - before;
}

try {
  const restored = spawnSync(process.execPath, [program, 'ip6tables-restore'], { env, input: save() });
  if (restored.status !== 0) throw new Error(String(restored.stderr));
  const all = Object.entries(CASES).map(([name, argv]) => [name, process.execPath, argv] as const);
  const real = existsSync('/usr/sbin/ip6tables-legacy') && process.getuid?.() === 0 ? Object.entries(REAL) : [];
  const cases = [...all, ...real.map(([name, argv]) => [name, 'unshare', argv] as const)];
  const times = new Map<string, Taken>(cases.map(([name]) => [name, { elapsed: [], processor: 0 }]));
  for (let run = 0; run < runs; run++) {
    for (const [name, command, argv] of cases) time(times.get(name)!, command, argv);
  }
  const base = times.get('node -e 0')!;
  console.log(`${describe(machine())}\n${rules} rules, medians of ${runs}`);
  const rows = [...times].map(([name, { elapsed, processor }]) => ({
    name,
    ms: median(elapsed),
    ofNode: median(elapsed) / median(base.elapsed),
    processorMs: processor / runs,
    processorOfNode: processor / base.processor,
  }));
  const column = (ms: number, ofNode: number): string =>
    `${ms.toFixed(1).padStart(8)} ms ${ofNode.toFixed(2).padStart(6)}`;
  for (const { name, ms, ofNode, processorMs, processorOfNode } of rows)
    console.log(`${column(ms, ofNode)}   processor${column(processorMs, processorOfNode)}  ${name}`);
  keep('start', rows);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
