/** Prefix lengths of networks that a set holds, longest first: a lookup tries each. */
export class Prefixes {
  readonly lengths = new Uint8Array(129);
  used = 0;
  private readonly counts = new Uint32Array(129);

  add(length: number): void {
    if (this.counts[length]++ === 0) this.list();
  }

  remove(length: number): void {
    if (--this.counts[length] === 0) this.list();
  }

  private list(): void {
    this.used = 0;
    for (let length = 128; length >= 0; length--) if (this.counts[length] > 0) this.lengths[this.used++] = length;
  }
}
