// The real restore and save, over many documents: each in a network namespace of its own, so that none sees another's tables.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Family } from '../../packet/numbers.ts';
import { toolEnvironment } from './support.ts';

export interface Document {
  readonly family: Family;
  readonly text: string;
  /** Rules that are there already; restored with -c. */
  readonly before?: string;
  /** Options of the restore program. */
  readonly options?: string;
  /** Options of the save program. */
  readonly saveOptions?: string;
}

export interface Restored {
  readonly code: number;
  readonly stderr: string;
  /** What the restore program printed. */
  readonly stdout: string;
  /** Without comment lines; of what was committed, whatever the exit code. */
  readonly saved: string;
}

const SCRIPT = `
while read -r n tool options; do
  IFS='|' read -r restore save <<EOF2
$options
EOF2
  export n tool restore save
  unshare -n sh -c 'if [ -f $n.before ]; then $tool-legacy-restore -c < $n.before 2>/dev/null; fi; $tool-legacy-restore $restore < $n.in > $n.out 2> $n.err; echo $? > $n.code; $tool-legacy-save $save > $n.saved 2>/dev/null'
done < list
`;

const withoutComments = (text: string): string => text.replace(/^# (Generated|Completed).*\n/gm, '');

export function runReal(documents: readonly Document[]): Restored[] {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-restore-'));
  try {
    const list = documents.map(({ family, options = '', saveOptions = '' }, index) => {
      return `${index} ${family === 4 ? 'iptables' : 'ip6tables'} ${options}|${saveOptions}`;
    });
    documents.forEach((document, index) => {
      writeFileSync(join(folder, `${index}.in`), document.text);
      if (document.before !== undefined) writeFileSync(join(folder, `${index}.before`), document.before);
    });
    writeFileSync(join(folder, 'list'), `${list.join('\n')}\n`);
    const done = spawnSync('bash', ['-c', SCRIPT], { cwd: folder, encoding: 'utf8', env: toolEnvironment() });
    if (done.status !== 0) throw new Error(`the real tools could not be run: ${done.stderr}`);
    const read = (index: number, kind: string): string => readFileSync(join(folder, `${index}.${kind}`), 'utf8');
    return documents.map((_document, index) => ({
      code: Number(read(index, 'code')),
      stderr: read(index, 'err'),
      stdout: read(index, 'out'),
      saved: withoutComments(read(index, 'saved')),
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Command lines of the real tool, one after the other in one namespace. Words are quoted for the shell here. */
export function runRealCommands(family: Family, sequences: readonly (readonly (readonly string[])[])[]): Ran[][] {
  const tool = family === 4 ? 'iptables-legacy' : 'ip6tables-legacy';
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-commands-'));
  try {
    const scripts = sequences.map((commands, at) =>
      commands
        .map((argv, index) => {
          const words = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
          return `${tool} ${words} > ${at}.${index}.out 2> ${at}.${index}.err; echo $? > ${at}.${index}.code\n`;
        })
        .join(''),
    );
    scripts.forEach((script, at) => {
      writeFileSync(join(folder, `${at}.sh`), script);
    });
    const all = scripts.map((_script, at) => `unshare -n sh ${at}.sh\n`).join('');
    writeFileSync(join(folder, 'all.sh'), all);
    spawnSync('sh', ['all.sh'], { cwd: folder, env: toolEnvironment() });
    const read = (at: number, index: number, kind: string): string =>
      readFileSync(join(folder, `${at}.${index}.${kind}`), 'utf8');
    return sequences.map((commands, at) =>
      commands.map((_argv, index) => ({
        code: Number(read(at, index, 'code')),
        stdout: read(at, index, 'out'),
        stderr: read(at, index, 'err'),
      })),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
