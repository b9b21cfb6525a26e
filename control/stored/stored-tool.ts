// One call of a tool where no daemon serves: read the rules, do it, write them back, under the lock.
//
// Listing needs no lock, for the file is replaced whole. Everything else takes it first and reads then. Like iptables 1.8.9 a call
// waits for the lock as long as it takes, unless -w says how long.

import { existsSync } from 'node:fs';
import { RuleError } from '../../grammar/error.ts';
import { filesOfEnvironment } from '../extension-files.ts';
import { builtinRegistry } from '../extensions.ts';
import { hostNames } from '../host-names.ts';
import { ensureDirectory, type StatePaths } from '../paths.ts';
import type { ToolAnswer } from '../socket/protocol.ts';
import { familyOf, parseCommandLine, runTool, type ToolInput } from '../tool/tool.ts';
import { restoreWords } from '../tool/tool-words.ts';
import { BUILD_ID } from './build-id.ts';
import type { Lock } from './lock.ts';
import { NotStorable } from './readable.ts';
import { type StoreContext, StoredRules, Unreadable } from './stored-rules.ts';
import { namesWithSets } from './stored-sets.ts';

/** What is done instead of the work when a daemon has begun to serve while the call waited. */
export type Elsewhere = () => Promise<ToolAnswer>;

/** `file`: a save file to work on instead of the state directory. */
export async function runOnStoredRules(
  paths: StatePaths,
  file: string | undefined,
  input: ToolInput,
  daemon: Elsewhere,
): Promise<ToolAnswer> {
  const call = new Call(paths, file, input, daemon);
  try {
    return (await call.readOnly()) ?? (await call.locked());
  } catch (error) {
    if (error instanceof Unreadable) return { stdout: '', stderr: error.message, exitCode: 3 };
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined && !(error instanceof NotStorable)) throw error;
    return { stdout: '', stderr: `${input.program}: ${message}. The rules were not changed.\n`, exitCode: 4 };
  }
}

class Call {
  private readonly input: ToolInput;
  private readonly paths: StatePaths;
  private readonly file: string | undefined;
  private readonly rulesPath: string;
  private readonly lockPath: string;
  private readonly daemon: Elsewhere;
  private readonly context: StoreContext;

  constructor(paths: StatePaths, file: string | undefined, input: ToolInput, daemon: Elsewhere) {
    this.input = input;
    this.paths = paths;
    this.file = file;
    this.rulesPath = file ?? paths.rules(familyOf(input.program));
    this.lockPath = file === undefined ? paths.lock : `${file}.lock`;
    this.daemon = daemon;
    // What extensions of a file have parsed is not kept: they may have changed.
    const cacheFor = file === undefined && filesOfEnvironment().length === 0 ? BUILD_ID : '';
    this.context = {
      registry: builtinRegistry(),
      names: file === undefined ? namesWithSets(paths) : hostNames(),
      cacheFor,
    };
  }

  private stored(replaced: readonly string[] = []): Promise<StoredRules> {
    return StoredRules.read(this.rulesPath, familyOf(this.input.program), this.context, replaced);
  }

  /** The answer of a call that changes nothing; undefined when it may change something (the first look at a table does). */
  async readOnly(): Promise<ToolAnswer | undefined> {
    if (!onlyReads(this.input)) return undefined;
    const stored = await this.stored();
    const answer = await runTool(this.input, stored.ruleset);
    return stored.changed ? undefined : answer;
  }

  async locked(): Promise<ToolAnswer> {
    if (this.file === undefined) ensureDirectory(this.paths);
    const { Lock } = await import('./lock.ts');
    const lock = Lock.try(this.lockPath) ?? (await this.wait());
    if (!(lock instanceof Lock)) return lock;
    try {
      if (await this.servedByNow()) return await this.daemon();
      const replaced = replacedBy(this.input);
      const stored = await this.stored(replaced);
      const answer = await runTool(this.input, stored.ruleset);
      // Silent and content, it has committed every table that it names. Else what was left out may still be wanted.
      if (!stored.isWhole && (answer.exitCode !== 0 || answer.stdout !== '')) return await this.onAll();
      await stored.write(replaced.length > 0);
      return answer;
    } finally {
      lock.release();
    }
  }

  private async onAll(): Promise<ToolAnswer> {
    const stored = await this.stored();
    const answer = await runTool(this.input, stored.ruleset);
    await stored.write();
    return answer;
  }

  /** A daemon reads the rules under the same lock before it serves: who waited for it must not write behind its back. */
  private async servedByNow(): Promise<boolean> {
    if (this.file !== undefined || !existsSync(this.paths.socket)) return false;
    const { isServed } = await import('../socket/client.ts');
    return isServed(this.paths.socket);
  }

  /** Another call is at work. A command line that is wrong in itself is told at once, as the real tool parses before it locks. */
  private async wait(): Promise<Lock | ToolAnswer> {
    const { Lock } = await import('./lock.ts');
    const seconds = await this.waitSeconds();
    if (typeof seconds !== 'number') return seconds;
    const text =
      `Can't lock ${this.lockPath}: Resource temporarily unavailable\n` +
      `Another app is currently holding the xtables lock. Stopped waiting after ${seconds}s.\n`;
    return (await Lock.within(this.lockPath, seconds * 1_000)) ?? { stdout: '', stderr: text, exitCode: 4 };
  }

  private async waitSeconds(): Promise<number | ToolAnswer> {
    const { program, argv } = this.input;
    const forEver = (wait: number | undefined): number =>
      wait === undefined || wait <= 0 ? Number.POSITIVE_INFINITY : wait;
    if (program.endsWith('-save')) return Number.POSITIVE_INFINITY;
    if (program.endsWith('-restore')) return forEver(Number.parseInt(restoreWords(argv).value('wait') ?? '', 10) || 0);
    const { ruleset } = await this.stored();
    try {
      return forEver((await parseCommandLine(argv, ruleset)).flags.wait);
    } catch (error) {
      // Refused on rules that nobody keeps, for the words of it.
      if (error instanceof RuleError) return runTool(this.input, ruleset);
      throw error;
    }
  }
}

/** The tables that a restore begins anew, if it comes to its end. */
function replacedBy({ program, argv, stdin }: ToolInput): readonly string[] {
  if (!program.endsWith('-restore') || stdin === undefined) return [];
  const words = restoreWords(argv);
  if (words.has('noflush') || words.has('test') || words.has('table')) return [];
  return [...new Set(stdin.match(/^\*[^ \t\n]+/gm))].map((line) => line.slice(1));
}

/** Words that certainly change nothing: all others go under the lock, and the real tool takes it for each of them. */
function onlyReads({ program, argv }: ToolInput): boolean {
  if (program.endsWith('-save')) return true;
  if (program.endsWith('-restore')) return false;
  return argv.some((word) => /^(-[nvx]*[LSVh]|--list|--list-rules|--version|--help)/.test(word)) && !argv.some(zeroes);
}

const zeroes = (word: string): boolean => /^(-[a-zA-Z]*Z|--z)/.test(word);
