// iptables, ip6tables, their -save and -restore: to the daemon that serves the state directory, or else on the stored rules.

import { existsSync, readFileSync } from 'node:fs';
import { ask, NotServed } from '../control/client.ts';
import { ensureDirectory, type StatePaths, statePaths } from '../control/paths.ts';
import type { ToolAnswer, ToolName } from '../control/protocol.ts';

/** `--file FILE` in front of everything else: work on that save file instead. Ours, so it is taken off before the real words. */
function takeFile(argv: readonly string[]): { file: string | undefined; rest: string[] } {
  const [first, second, ...others] = argv;
  if (first === '--file' && second !== undefined) return { file: second, rest: others };
  if (first?.startsWith('--file=')) return { file: first.slice('--file='.length), rest: argv.slice(1) };
  return { file: undefined, rest: [...argv] };
}

/** Runs the tool; the value is the exit code. */
export async function main(program: ToolName, words: readonly string[]): Promise<number> {
  const { file, rest: argv } = takeFile(words);
  const paths = statePaths();
  let stdin: string | undefined;
  if (program.endsWith('-restore')) {
    const rules = await rulesToRestore(program, argv);
    if (typeof rules === 'number') return rules;
    stdin = rules;
  }
  const answer =
    file === undefined && existsSync(paths.socket)
      ? await askDaemon(paths, program, argv, stdin)
      : await onStoredRules(paths, file, program, argv, stdin);
  process.stdout.write(answer.stdout);
  process.stderr.write(answer.stderr);
  return answer.exitCode;
}

async function rulesToRestore(program: ToolName, argv: readonly string[]): Promise<string | number> {
  const { restoreFile } = await import('../control/tool.ts');
  const path = restoreFile(program, argv);
  try {
    // -h and -V read nothing, and at a terminal a person would wait for ever without knowing why.
    if (path === undefined && argv.some((word) => /^-(-help|-version|h|V)/.test(word))) return '';
    return readFileSync(path ?? 0, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    process.stderr.write(
      `Can't open ${path ?? 'standard input'}: ${code === 'ENOENT' ? 'No such file or directory' : code}\n`,
    );
    return 1;
  }
}

async function askDaemon(
  paths: StatePaths,
  program: ToolName,
  argv: string[],
  stdin: string | undefined,
): Promise<ToolAnswer> {
  try {
    return (await ask(paths.socket, { op: 'tool', program, argv, stdin })) as ToolAnswer;
  } catch (error) {
    // A socket without a listener is left from a crash: the rules are in the files.
    if (error instanceof NotServed) return onStoredRules(paths, undefined, program, argv, stdin);
    const { code, message } = error as NodeJS.ErrnoException;
    const text =
      code === 'EACCES' ? `${paths.socket}: Permission denied (the daemon serves its own user and root)` : message;
    return { stdout: '', stderr: `${program}: ${text}\n`, exitCode: 4 };
  }
}

async function onStoredRules(
  paths: StatePaths,
  file: string | undefined,
  program: ToolName,
  argv: string[],
  stdin: string | undefined,
): Promise<ToolAnswer> {
  const { runOnStoredRules } = await import('../control/stored-tool.ts');
  if (file === undefined) ensureDirectory(paths);
  return runOnStoredRules(paths, file, { program, argv, stdin, date: new Date() });
}
