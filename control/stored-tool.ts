// One call of a tool where no daemon serves: read the rules, do it, write them back, all under the lock.

import { RuleError } from '../grammar/error.ts';
import { builtinRegistry } from './extensions.ts';
import { hostNames } from './host-names.ts';
import { withLock } from './lock.ts';
import type { StatePaths } from './paths.ts';
import type { ToolAnswer } from './protocol.ts';
import { StoredRules, Unreadable } from './stored-rules.ts';
import { familyOf, parseCommandLine, runTool, type ToolInput, waitSeconds } from './tool.ts';

const LOCKED = 'Another app is currently holding the xtables lock.';

/** `file`: a save file to work on instead of the state directory. */
export function runOnStoredRules(paths: StatePaths, file: string | undefined, input: ToolInput): ToolAnswer {
  const family = familyOf(input.program);
  const context = { registry: builtinRegistry(), names: hostNames() };
  const path = file ?? paths.rules(family);
  const work = (): ToolAnswer => {
    const stored = new StoredRules(path, family, context);
    const answer = runTool(input, stored.ruleset);
    stored.write();
    return answer;
  };
  try {
    // Reading needs no lock: files are replaced whole.
    const wait = waitOf(input, () => new StoredRules(path, family, context));
    if (wait === 'reads only') return work();
    const done = withLock(file === undefined ? paths.lock : `${file}.lock`, { waitMs: wait * 1_000 }, work);
    return done?.result ?? { stdout: '', stderr: lockedText(wait), exitCode: 4 };
  } catch (error) {
    if (error instanceof Unreadable) return { stdout: '', stderr: error.message, exitCode: 3 };
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return { stdout: '', stderr: `${input.program}: ${message}. The rules were not changed.\n`, exitCode: 4 };
  }
}

function lockedText(waited: number): string {
  return waited === 0
    ? `${LOCKED} Perhaps you want to use the -w option?\n`
    : `${LOCKED} Stopped waiting after ${waited}s.\n`;
}

/** Seconds to wait for the lock, or that none is needed. */
function waitOf({ program, argv }: ToolInput, read: () => StoredRules): number | 'reads only' {
  const seconds = (wait: number | undefined): number =>
    wait === undefined ? 0 : wait < 0 ? Number.POSITIVE_INFINITY : wait;
  if (program.endsWith('-save')) return 'reads only';
  if (program.endsWith('-restore')) return seconds(waitSeconds(argv));
  try {
    const parsed = parseCommandLine(argv, read().ruleset);
    const reads = ['listRules', 'list', 'check', 'help', 'version', 'otherFamily'].includes(parsed.kind);
    return reads && !('zero' in parsed && parsed.zero) ? 'reads only' : seconds(parsed.flags.wait);
  } catch (error) {
    // It will be refused in the same words below; nothing is changed by it.
    if (error instanceof RuleError) return 'reads only';
    throw error;
  }
}
