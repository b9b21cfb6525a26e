// Calls of the real iptables-like programs, one sequence after the other, each in a network namespace of its own.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call } from './random-calls.ts';
import { toolEnvironment } from './support.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  /** The first line of standard error. */
  readonly said: string;
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
const real = (program: string): string => program.replace('tables', 'tables-legacy');

/** With -v twice the real programs dump the kernel's structures octet by octet. Differs: we have none. */
const DUMP = /^libiptc v[\s\S]*?^error=`ERROR'\n\n/gm;

/** Without what no two runs share: dates, and the name that the real program was called by. */
export function outcome(code: number, stdout: string, stderr: string): Outcome {
  return {
    code,
    stdout: stdout.replace(/^# (Generated|Completed).*\n/gm, '').replace(DUMP, ''),
    said: stderr.split('\n')[0].replaceAll('tables-legacy', 'tables'),
  };
}

export function runRealCalls(sequences: readonly (readonly Call[])[]): Outcome[][] {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-calls-'));
  try {
    const all = sequences.map((calls, at) => {
      const lines = calls.map(({ program, argv, stdin = '' }, index) => {
        const base = `${at}.${index}`;
        writeFileSync(join(folder, `${base}.in`), stdin);
        const words = [real(program), ...argv.map(quoted)].join(' ');
        return `${words} < ${base}.in > ${base}.out 2> ${base}.err; echo $? > ${base}.code\n`;
      });
      writeFileSync(join(folder, `${at}.sh`), lines.join(''));
      return `unshare -n sh ${at}.sh\n`;
    });
    writeFileSync(join(folder, 'all.sh'), all.join(''));
    spawnSync('sh', ['all.sh'], { cwd: folder, env: toolEnvironment() });
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    return sequences.map((calls, at) =>
      calls.map((_call, index) => {
        const base = `${at}.${index}`;
        return outcome(Number(read(`${base}.code`)), read(`${base}.out`), read(`${base}.err`));
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
