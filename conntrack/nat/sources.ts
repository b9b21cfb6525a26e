// Which connections have been given another source, found by the source that they had: the same port inside is to have the same port
// outside, whomever it speaks to. Chains by hash, the youngest first. Only for those connections; with them stands the device that a masquerade
// chose its address by. Source: net/netfilter/nf_nat_core.c nf_nat_bysource, struct nf_conn_nat

import { Area } from '../table/slab.ts';

const RECORD = 4; // words
const NEXT = 0; // id + 1, 0: the last
const PREVIOUS = 1; // id + 1, 0: the first
const HASH = 2;
const FLAGS = 3; // bit 0: in a chain; above: device number

const IN_CHAIN = 1;

export class Sources {
  private readonly area = new Area(RECORD);
  /** First id + 1 by hash; empty while nobody is translated. */
  private heads = new Int32Array(0);
  private chained = 0;
  private readonly devices: string[] = [''];

  /** Puts the connection in front of those of the same source. */
  add(id: number, hash: number): void {
    // Half full: few share a chain, and who comes and goes touches no other record then.
    if (2 * this.chained >= this.heads.length) this.grow();
    const at = this.area.give(id);
    this.area.slab.words[at + HASH] = hash;
    this.area.slab.words[at + FLAGS] |= IN_CHAIN;
    this.chained++;
    this.link(id, at);
  }

  private link(id: number, at: number): void {
    const { words } = this.area.slab;
    const head = words[at + HASH] & (this.heads.length - 1);
    const first = this.heads[head];
    words[at + NEXT] = first;
    words[at + PREVIOUS] = 0;
    if (first !== 0) words[this.area.at(first - 1) + PREVIOUS] = id + 1;
    this.heads[head] = id + 1;
  }

  /** The connection is gone. */
  remove(id: number): void {
    const at = this.area.at(id);
    if (at < 0) return;
    const { words } = this.area.slab;
    if (words[at + FLAGS] & IN_CHAIN) {
      const next = words[at + NEXT];
      const previous = words[at + PREVIOUS];
      if (next !== 0) words[this.area.at(next - 1) + PREVIOUS] = previous;
      if (previous !== 0) words[this.area.at(previous - 1) + NEXT] = next;
      else this.heads[words[at + HASH] & (this.heads.length - 1)] = next;
      this.chained--;
    }
    this.area.take(id);
  }

  /** The youngest connection whose source had that hash; -1: none. */
  first(hash: number): number {
    return this.heads.length === 0 ? -1 : this.seek(this.heads[hash & (this.heads.length - 1)], hash);
  }

  /** The next older one. */
  next(id: number, hash: number): number {
    return this.seek(this.area.slab.words[this.area.at(id) + NEXT], hash);
  }

  /** From an id + 1 on; others may share the chain. */
  private seek(entry: number, hash: number): number {
    const { words } = this.area.slab;
    while (entry !== 0) {
      const at = this.area.at(entry - 1);
      if (words[at + HASH] === hash) break;
      entry = words[at + NEXT];
    }
    return entry - 1;
  }

  private grow(): void {
    const old = this.heads;
    this.heads = new Int32Array(Math.max(64, 2 * old.length));
    for (const head of old) {
      // From the oldest on, so that the youngest come first again.
      const ids: number[] = [];
      for (let id = head - 1; id >= 0; id = this.area.slab.words[this.area.at(id) + NEXT] - 1) ids.push(id);
      for (const id of ids.reverse()) this.link(id, this.area.at(id));
    }
  }

  setDevice(id: number, device: string): void {
    let number = this.devices.indexOf(device);
    if (number < 0) number = this.devices.push(device) - 1;
    const at = this.area.give(id);
    const { words } = this.area.slab;
    words[at + FLAGS] = (words[at + FLAGS] & IN_CHAIN) | (number << 1);
  }

  /** Device that the connection was masqueraded by; '' for none. */
  device(id: number): string {
    // Asked for every packet: where nobody masquerades, no record is looked at.
    if (this.devices.length === 1) return '';
    const at = this.area.at(id);
    return at < 0 ? '' : this.devices[this.area.slab.words[at + FLAGS] >>> 1];
  }

  /** Octets reserved. */
  get size(): number {
    return this.area.size + this.heads.byteLength;
  }
}
