// Reading what a command was given.

import { readFileSync } from 'node:fs';

/** The text of a file, or of standard input for `-` or no name. Throws an Error with a sentence. */
export function readText(path: string | undefined): string {
  return Buffer.from(readBytes(path)).toString('utf8');
}

export function readBytes(path: string | undefined): Uint8Array {
  try {
    return readFileSync(path === undefined || path === '-' ? 0 : path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(`${path ?? 'standard input'}: ${code === 'ENOENT' ? 'no such file' : message}`);
  }
}

export function complain(error: unknown): number {
  process.stderr.write(`sekisho: ${error instanceof Error ? error.message : String(error)}\n`);
  return 2;
}
