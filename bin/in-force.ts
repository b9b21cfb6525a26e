// Rules and sets as they are now: those of the daemon that serves a state directory, or else what is stored there.

import { existsSync } from 'node:fs';
import type { StatePaths } from '../control/paths.ts';
import type { ToolAnswer } from '../control/socket/protocol.ts';
import type { Family } from '../packet/numbers.ts';
import { run } from './ipset.ts';
import { runTool } from './tools.ts';

export interface InForce {
  /** Save text; '' where there are none. */
  readonly rules: Readonly<Record<Family, string>>;
  readonly sets: string;
}

/** Throws an Error with what a tool says when it cannot tell. A directory that is not there has nothing, and is not made. */
export async function inForce(paths: StatePaths): Promise<InForce> {
  if (!existsSync(paths.directory) && !existsSync(paths.socket)) return { rules: { 4: '', 6: '' }, sets: '' };
  const rules = {
    4: told(await runTool('iptables-save', [], undefined, paths)),
    6: told(await runTool('ip6tables-save', [], undefined, paths)),
  };
  return { rules, sets: told(await run(['save'], undefined, paths)) };
}

function told({ stdout, stderr, exitCode }: ToolAnswer): string {
  if (exitCode !== 0) throw new Error(stderr.trimEnd());
  return stdout;
}
