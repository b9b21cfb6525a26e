// Whether a thread still turns, by a count in shared memory that goes on with every turn, looked at every few seconds.

export class Pulse {
  private readonly cells: Int32Array;
  private readonly at: number;
  private last = -1;
  private missed = 0;

  constructor(cells: Int32Array, at: number) {
    this.cells = cells;
    this.at = at;
  }

  /**
   * One look. False: not a turn since the last look but one. One look alone says little: all threads may have stood still since the last one,
   * stopped by SIGSTOP or with the machine, and this one was the first to go on.
   */
  beats(): boolean {
    const turn = Atomics.load(this.cells, this.at);
    this.missed = turn === this.last ? this.missed + 1 : 0;
    this.last = turn;
    return this.missed < 2;
  }
}
