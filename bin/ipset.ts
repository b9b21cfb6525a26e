// ipset: to the daemon that serves the state directory, or else on the stored sets.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { statePaths } from '../control/paths.ts';
import { ask, isServed, NotServed } from '../control/socket/client.ts';
import type { ToolAnswer } from '../control/socket/protocol.ts';
import { ipsetOnStored } from '../control/stored/stored-sets.ts';
import { fileOf, splitLine } from '../engine/sets/index.ts';

/** Runs the tool; the value is the exit code. */
export const main = (words: readonly string[]): Promise<number> => (words[0] === '-' ? interact() : once([...words]));

/** `ipset -`: a command a line from standard input, each by itself, until its end or `quit`. */
async function interact(): Promise<number> {
  const prompt = (): boolean => process.stdout.write('ipset> ');
  prompt();
  for await (const text of createInterface({ input: process.stdin })) {
    const argv = splitLine(text) ?? [];
    if (argv[0] === 'quit' && argv.length === 1) return 0;
    if (argv.length > 0) await answerTo(argv);
    prompt();
  }
  return 0;
}

async function answerTo(argv: string[]): Promise<void> {
  if (fileOf(argv).restores) {
    process.stderr.write('Restore command is not supported in interactive mode\n');
    return;
  }
  const { stdout, stderr } = await run(argv, undefined);
  const unknown = stderr.includes('No command specified');
  process.stdout.write(unknown ? 'No command specified\n' : stdout);
  if (!unknown) process.stderr.write(stderr.replace(/^Try `ipset help.*\n/m, ''));
}

async function once(argv: string[]): Promise<number> {
  const { path, restores } = fileOf(argv);
  let answer: ToolAnswer;
  try {
    answer = await run(argv, restores ? readFileSync(path ?? 0, 'utf8') : undefined);
    if (path !== undefined && !restores) {
      writeFileSync(path, answer.stdout);
      answer = { ...answer, stdout: '' };
    }
  } catch (error) {
    answer = { stdout: '', stderr: `ipset v7.17: ${(error as Error).message}\n`, exitCode: 1 };
  }
  process.stdout.write(answer.stdout);
  process.stderr.write(answer.stderr);
  if (answer.exitCode !== 0) {
    const { hintOf } = await import('./hints.ts');
    process.stderr.write(await hintOf('ipset', argv, answer.stderr));
  }
  return answer.exitCode;
}

/** The tool's answer; `stdin` is the text that a restore reads. */
export async function run(argv: string[], stdin: string | undefined, paths = statePaths()): Promise<ToolAnswer> {
  const daemon = async (): Promise<ToolAnswer> => (await ask(paths.socket, { op: 'ipset', argv, stdin })) as ToolAnswer;
  const stored = (): Promise<ToolAnswer> =>
    ipsetOnStored(paths, { argv, stdin }, async () => existsSync(paths.socket) && isServed(paths.socket), daemon);
  if (!existsSync(paths.socket)) return stored();
  try {
    return await daemon();
  } catch (error) {
    // A socket without a listener is left from a crash.
    if (error instanceof NotServed) return stored();
    throw error;
  }
}
