// iptables, ip6tables, their -save and -restore: to the daemon that serves the state directory, or else on the stored rules. What is not
// needed to ask a daemon is loaded only where there is none.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type StatePaths, statePaths } from '../control/paths.ts';
import type { ToolAnswer, ToolName, ToolRequest } from '../control/socket/protocol.ts';
import { listStored } from '../control/stored/stored-text.ts';
import { restoreSource, saveWords } from '../control/tool/tool-words.ts';
import { Progress, waiting } from './progress.ts';

interface Ours {
  /** `--file FILE`: work on that save file instead. */
  readonly file?: string;
  /** `--json`: a listing comes as JSON. */
  readonly json?: boolean;
  /** The words of the real tool. */
  readonly rest: readonly string[];
}

/** Options of ours stand in front of everything else, and are taken off before the real words. */
function takeOurs(argv: readonly string[]): Ours {
  const [first, second] = argv;
  if (first === '--json') return { ...takeOurs(argv.slice(1)), json: true };
  if (first === '--file' && second !== undefined) return { file: second, ...takeOurs(argv.slice(2)) };
  if (first?.startsWith('--file=')) return { file: first.slice('--file='.length), ...takeOurs(argv.slice(1)) };
  return { rest: argv };
}

/** Runs the tool; the value is the exit code. */
export async function main(program: ToolName, words: readonly string[]): Promise<number> {
  const answer = await run(program, words);
  const { stdout, stderr, exitCode } = program.endsWith('-save') ? kept(answer, words) : answer;
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  // The others have hints of their own, with a caret.
  if (exitCode !== 0 && program.includes('-')) {
    const { hintOf } = await import('./hints.ts');
    process.stderr.write(await hintOf(program, words, stderr));
  }
  return exitCode;
}

async function run(program: ToolName, words: readonly string[]): Promise<ToolAnswer> {
  const stdin = program.endsWith('-restore') ? rulesToRestore(takeOurs(words).rest) : undefined;
  return typeof stdin === 'object' ? stdin : runTool(program, words, stdin);
}

/** The tool's answer; `stdin` is the text that a restore reads. Nothing is written to this program's own output. */
export async function runTool(
  program: ToolName,
  words: readonly string[],
  stdin: string | undefined,
  paths = statePaths(),
): Promise<ToolAnswer> {
  const { file, json, rest } = takeOurs(words);
  const request = { program, argv: [...rest], json, stdin };
  const stored = async (): Promise<ToolAnswer> => {
    const listed = file === undefined && !json ? listStored(paths, program, rest, new Date()) : undefined;
    if (listed !== undefined) return { stdout: listed, stderr: '', exitCode: 0 };
    const { runOnStoredRules } = await import('../control/stored/stored-tool.ts');
    const progress = stdin === undefined ? undefined : new Progress('reading rules', stdin.split('\n').length);
    const input = { ...request, date: new Date(), onLine: progress?.step };
    const answer = await runOnStoredRules(paths, file, input, () => askDaemon(paths, request));
    progress?.end();
    return answer;
  };
  if (file !== undefined || !existsSync(paths.socket)) return stored();
  return askDaemon(paths, request, stored);
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
  const path = saveWords(takeOurs(words).rest).value('file');
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
  request: Omit<ToolRequest, 'op'>,
  whenNobody?: () => Promise<ToolAnswer>,
): Promise<ToolAnswer> {
  const { ask, NotServed } = await import('../control/socket/client.ts');
  try {
    return (await waiting('the daemon is at work', ask(paths.socket, { op: 'tool', ...request }))) as ToolAnswer;
  } catch (error) {
    // A socket without a listener is left from a crash: the rules are in the files.
    if (error instanceof NotServed && whenNobody) return whenNobody();
    const { code, message } = error as NodeJS.ErrnoException;
    const text =
      code === 'EACCES' ? `${paths.socket}: Permission denied (the daemon serves its own user and root)` : message;
    return { stdout: '', stderr: `${request.program}: ${text}\n`, exitCode: 4 };
  }
}
