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
  type Stats,
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
  const file = new AtomicFile(path);
  try {
    file.write(typeof content === 'string' ? Buffer.from(content) : content);
    file.commit();
  } catch (error) {
    file.abandon();
    throw error;
  }
}

/** The same in pieces. commit() or abandon() end it. */
export class AtomicFile {
  private readonly target: string;
  private readonly before: Stats | undefined;
  private readonly beside: string;
  private fd: number;
  private synced = false;

  constructor(path: string) {
    this.target = targetOf(path);
    this.before = statSync(this.target, { throwIfNoEntry: false });
    this.beside = `${this.target}.new`;
    rmSync(this.beside, { force: true });
    this.fd = openSync(this.beside, 'wx', 0o600);
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
  }

  /** What was written reaches the disk: for whoever has the time before commit(). Nothing is written behind it. */
  sync(): void {
    if (this.before) fchmodSync(this.fd, this.before.mode & 0o7777);
    fsyncSync(this.fd);
    this.synced = true;
  }

  /** What was written is the file from now on. */
  commit(): void {
    const { before, beside } = this;
    if (!this.synced) this.sync();
    this.close();
    if (before && before.uid !== process.geteuid?.()) chownSync(beside, before.uid, before.gid);
    renameSync(beside, this.target);
    syncDirectory(this.target);
  }

  /** The old file stays. */
  abandon(): void {
    this.close();
    rmSync(this.beside, { force: true });
  }

  private close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }
}

/** That there is a file of this name, or which one, must reach the disk, too. */
export function syncDirectory(path: string): void {
  const directory = openSync(dirname(path), 'r');
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

/** Undefined when there is no such file; throws what else the system says, and for what is no file: a device may be without end. */
export function readIfThere(path: string): string | undefined {
  const there = statSync(path, { throwIfNoEntry: false });
  if (!there) return undefined;
  if (!there.isFile() && !there.isFIFO()) throw Object.assign(new Error(`${path} is no file`), { code: 'EINVAL' });
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
