// Files that are there whole or not at all: written beside, synced, renamed over.

import {
  chownSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes `content` to `path` so that a crash at any moment leaves the old file or the new one. Throws what the system says, and then the
 * old one is there. A file that was there keeps its mode and owner, and a link to it stays a link; a new one is its owner's alone.
 * One writer at a time, who holds the lock of the file: what a crash left half written is written over by the next.
 */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  const target = targetOf(path);
  const before = statSync(target, { throwIfNoEntry: false });
  const beside = `${target}.new`;
  try {
    rmSync(beside, { force: true });
    const fd = openSync(beside, 'wx', 0o600);
    try {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      if (before) fchmodSync(fd, before.mode & 0o7777);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (before && before.uid !== process.geteuid?.()) chownSync(beside, before.uid, before.gid);
    renameSync(beside, target);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
  syncDirectory(dirname(target));
}

/** The rename itself must reach the disk. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // not there yet
  }
}

/** Undefined when there is no such file; throws what else the system says. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
