// sekisho links DIR: the classic names, for scripts that are to find us first in PATH.

import { lstatSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { compileAhead } from './compiled.ts';
import { PROGRAM_NAMES } from './program-names.ts';

/** Makes the links; one that is there already and is a link is replaced, anything else is left and reported. */
export async function links(directory: string, { json }: { json?: boolean }): Promise<number> {
  const program = realpathSync(process.argv[1]);
  const made: string[] = [];
  let code = 0;
  mkdirSync(directory, { recursive: true });
  for (const name of PROGRAM_NAMES) {
    const path = join(directory, name);
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there && !there.isSymbolicLink()) {
      process.stderr.write(`sekisho: ${path} is there and is no link; left as it is\n`);
      code = 1;
      continue;
    }
    if (there) rmSync(path);
    symlinkSync(program, path);
    made.push(path);
  }
  process.stdout.write(json ? `${JSON.stringify(made)}\n` : made.map((path) => `${path}\n`).join(''));
  await quickStart();
  return code;
}

/** The build did it for its own Node; this one may be another. */
async function quickStart(): Promise<void> {
  try {
    await compileAhead();
  } catch {
    // A program that is another user's: the tools start slower, and do all the same.
  }
}
