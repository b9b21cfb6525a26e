// Files that are there whole or not at all: written beside, synced, renamed over.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes `content` to `path` so that a crash at any moment leaves the old file or the new one. Throws what the system says. */
export function writeAtomically(path: string, content: string | Uint8Array, mode = 0o600): void {
  const beside = `${path}.new.${process.pid}`;
  try {
    const fd = openSync(beside, 'w', mode);
    try {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
  // The rename itself must reach the disk: sync the directory that holds the name.
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
