// Messages on the control socket: one JSON text a line. A line that is too long, or that never ends, is the other side's fault
// and ends the connection; it never grows our memory beyond the bound.

export const MAX_MESSAGE = 64 * 1024 * 1024; // octets; a restore of 100,000 rules is about 10 MiB

export class LineTooLong extends Error {}

/** Cuts a byte stream into lines. `feed` returns the lines completed by `chunk`; throws LineTooLong past the bound. */
export class Lines {
  private parts: Buffer[] = [];
  private length = 0;
  private readonly most: number;

  constructor(most = MAX_MESSAGE) {
    this.most = most;
  }

  feed(chunk: Buffer): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      this.keep(chunk.subarray(from, at));
      lines.push(Buffer.concat(this.parts).toString('utf8'));
      this.clear();
      from = at + 1;
    }
    this.keep(chunk.subarray(from));
    return lines;
  }

  /** Octets of the line that is not complete. */
  get pending(): number {
    return this.length;
  }

  /** Forgets them. */
  clear(): void {
    this.parts = [];
    this.length = 0;
  }

  private keep(part: Buffer): void {
    this.length += part.length;
    if (this.length > this.most) throw new LineTooLong(`a message may have at most ${this.most} octets`);
    if (part.length > 0) this.parts.push(part);
  }
}
