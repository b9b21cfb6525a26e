// iptables, ip6tables, their -save and -restore: to the daemon that serves the state directory, or else on the stored rules. What is not
// needed to ask a daemon is loaded only where there is none.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type StatePaths, statePaths } from '../control/paths.ts';
import type { ToolAnswer, ToolName } from '../control/protocol.ts';
import { listStored } from '../control/stored-text.ts';
import { restoreSource, saveWords } from '../control/tool-words.ts';

/** `--file FILE` in front of everything else: work on that save file instead. Ours, so it is taken off before the real words. */
function takeFile(argv: readonly string[]): { file: string | undefined; rest: string[] } {
  const [first, second, ...others] = argv;
  if (first === '--file' && second !== undefined) return { file: second, rest: others };
  if (first?.startsWith('--file=')) return { file: first.slice('--file='.length), rest: argv.slice(1) };
  return { file: undefined, rest: [...argv] };
}

/** Runs the tool; the value is the exit code. */
export async function main(program: ToolName, words: readonly string[]): Promise<number> {
  const answer = await run(program, words);
  const { stdout, stderr, exitCode } = program.endsWith('-save') ? kept(answer, words) : answer;
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  return exitCode;
}

async function run(program: ToolName, words: readonly string[]): Promise<ToolAnswer> {
  const stdin = program.endsWith('-restore') ? rulesToRestore(takeFile(words).rest) : undefined;
  return typeof stdin === 'object' ? stdin : runTool(program, words, stdin);
}

/** The tool's answer; `stdin` is the text that a restore reads. Nothing is written to this program's own output. */
export async function runTool(
  program: ToolName,
  words: readonly string[],
  stdin: string | undefined,
): Promise<ToolAnswer> {
  const { file, rest: argv } = takeFile(words);
  const paths = statePaths();
  const stored = async (): Promise<ToolAnswer> => {
    const listed = file === undefined ? listStored(paths, program, argv, new Date()) : undefined;
    if (listed !== undefined) return { stdout: listed, stderr: '', exitCode: 0 };
    const { runOnStoredRules } = await import('../control/stored-tool.ts');
    return runOnStoredRules(paths, file, { program, argv, stdin, date: new Date() }, () =>
      askDaemon(paths, { program, argv, stdin }),
    );
  };
  if (file !== undefined || !existsSync(paths.socket)) return stored();
  return askDaemon(paths, { program, argv, stdin }, stored);
}

/** The text that a restore reads, from this side's files: the daemon may not see them. */
function rulesToRestore(argv: readonly string[]): string | ToolAnswer {
  const source = restoreSource(argv);
  if (source === 'nothing') return '';
  try {
    return readFileSync(source.file ?? 0, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The real tool reads nothing from a folder, and is content.
    if (code === 'EISDIR') return '';
    const why = code === 'ENOENT' ? 'No such file or directory' : code === 'EACCES' ? 'Permission denied' : code;
    return { stdout: '', stderr: `Can't open ${source.file ?? 'standard input'}: ${why}\n`, exitCode: 1 };
  }
}

/** -f of the save programs: the text goes to a file. */
function kept(answer: ToolAnswer, words: readonly string[]): ToolAnswer {
  const path = saveWords(takeFile(words).rest).value('file');
  if (path === undefined || answer.exitCode !== 0) return answer;
  try {
    writeFileSync(path, answer.stdout);
    return { ...answer, stdout: '' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'No such file or directory' : code === 'EACCES' ? 'Permission denied' : message;
    return { stdout: '', stderr: `Failed to open file, error: ${why}\n`, exitCode: 1 };
  }
}

async function askDaemon(
  paths: StatePaths,
  request: { program: ToolName; argv: string[]; stdin: string | undefined },
  whenNobody?: () => Promise<ToolAnswer>,
): Promise<ToolAnswer> {
  const { ask, NotServed } = await import('../control/client.ts');
  try {
    return (await ask(paths.socket, { op: 'tool', ...request })) as ToolAnswer;
  } catch (error) {
    // A socket without a listener is left from a crash: the rules are in the files.
    if (error instanceof NotServed && whenNobody) return whenNobody();
    const { code, message } = error as NodeJS.ErrnoException;
    const text =
      code === 'EACCES' ? `${paths.socket}: Permission denied (the daemon serves its own user and root)` : message;
    return { stdout: '', stderr: `${request.program}: ${text}\n`, exitCode: 4 };
  }
}
