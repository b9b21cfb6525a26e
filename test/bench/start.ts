// How long a tool takes as a whole process, against an empty start of Node: medians of runs taken in turn, ratios of one run.
//
//   node test/bench/run.mjs start [RULES] [RUNS]        (500 rules, 20 runs)

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const rules = Number(process.argv[2] ?? 500);
const runs = Number(process.argv[3] ?? 20);
const program = join(process.env.SEKISHO_ROOT ?? '.', 'dist/bin/sekisho.js');
const directory = mkdtempSync(join(tmpdir(), 'sekisho-start-'));
const env = { ...process.env, SEKISHO_STATE_DIR: directory };

const CASES: Record<string, readonly string[]> = {
  'node -e 0': ['-e', '0'],
  'ip6tables -S': [program, 'ip6tables', '-S'],
  'ip6tables-save -c': [program, 'ip6tables-save', '-c'],
  'ip6tables -nvL': [program, 'ip6tables', '-nvL'],
  'ip6tables -P INPUT DROP': [program, 'ip6tables', '-P', 'INPUT', 'DROP'],
  'ip6tables -R FORWARD 1 ...': [
    program,
    'ip6tables',
    '-R',
    'FORWARD',
    '1',
    '-p',
    'tcp',
    '--dport',
    '22',
    '-j',
    'DROP',
  ],
};
const REAL: Record<string, readonly string[]> = { 'ip6tables-legacy -S': ['-n', 'ip6tables-legacy', '-S'] };

function save(): string {
  const line = (index: number): string =>
    `-A FORWARD -s fd00:${index.toString(16)}::/32 -p tcp --dport ${(index % 65_535) + 1} -m conntrack --ctstate NEW -j ACCEPT\n`;
  return `*filter\n${Array.from({ length: rules }, (_, index) => line(index)).join('')}COMMIT\n`;
}

function elapsed(command: string, argv: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(command, argv, { env, stdio: 'ignore' });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}`);
  return performance.now() - start;
}

const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1];

try {
  const restored = spawnSync(process.execPath, [program, 'ip6tables-restore'], { env, input: save() });
  if (restored.status !== 0) throw new Error(String(restored.stderr));
  const all = Object.entries(CASES).map(([name, argv]) => [name, process.execPath, argv] as const);
  const real = existsSync('/usr/sbin/ip6tables-legacy') && process.getuid?.() === 0 ? Object.entries(REAL) : [];
  const cases = [...all, ...real.map(([name, argv]) => [name, 'unshare', argv] as const)];
  const times = new Map<string, number[]>(cases.map(([name]) => [name, []]));
  for (let run = 0; run < runs; run++) {
    for (const [name, command, argv] of cases) times.get(name)?.push(elapsed(command, argv));
  }
  const base = median(times.get('node -e 0')!);
  process.stdout.write(`${rules} rules, medians of ${runs}, Node ${process.versions.node}\n`);
  for (const [name, taken] of times) {
    const ms = median(taken);
    process.stdout.write(`${ms.toFixed(1).padStart(8)} ms ${(ms / base).toFixed(2).padStart(6)}  ${name}\n`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
