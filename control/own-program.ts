// The program that a daemon is, while its files may become another one: an upgrade replaces them under a daemon that runs. What its main thread
// needs is loaded when it starts (later.ts). The threads of the data plane are started from their files, after a crash too, and then would
// be of another build than the thread that talks to them: that is noticed here.

import { readFileSync } from 'node:fs';

/**
 * Files as they were when it was made. Those of a build name what they share by its digest, so that files that say the same are the same
 * program as a whole.
 */
export class OwnProgram {
  private readonly texts: ReadonlyMap<string | URL, string>;

  constructor(files: readonly (string | URL)[]) {
    this.texts = new Map(files.map((file) => [file, textOf(file)]));
  }

  /** Whether the files are others now, or gone. */
  get replaced(): boolean {
    return [...this.texts].some(([file, text]) => textOf(file) !== text);
  }
}

function textOf(file: string | URL): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
