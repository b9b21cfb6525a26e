// Tables that were parsed before, beside the text that they were parsed from. The text is the truth: a cache that does not belong to
// exactly this text and this build of the program, or that is broken, is passed over without a word.
//
// The file holds the build's name, the text itself (compared octet by octet: no digest to trust), and the tables, packed; or no tables, and
// then they are parsed when they are asked for. Only text that the program printed itself is kept so: what a person
// wrote may hold names whose meaning changes. That there is a cache therefore says that the text is in canonical form.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Deserializer, Serializer } from 'node:v8';
import type { TableSpec } from '../grammar/rule-spec.ts';
import { ChangedTable } from './changed-table.ts';
import { type PackedChange, Packer, Unpacker } from './packed-change.ts';
import { changeOf } from './table-change.ts';

export class ParsedCache {
  private readonly path: string;
  private readonly mark: string;

  /** `build` empty: nothing is read or kept. */
  constructor(path: string, build: string) {
    this.path = path;
    this.mark = build === '' ? '' : `sekisho ${build} ${process.versions.v8} ${process.arch}\n`;
  }

  /** Whether `text` was kept, with its tables or without. */
  has(text: string): boolean {
    return this.serialized(text) !== undefined;
  }

  /** The tables of `text`, in the order of first use, or undefined when they are not there. */
  read(text: string): TableSpec[] | undefined {
    const kept = this.serialized(text);
    try {
      return kept && kept.length > 0 ? (deserialized(kept) as PackedChange[]).map(unpacked) : undefined;
    } catch {
      return undefined;
    }
  }

  private serialized(text: string): Buffer | undefined {
    if (this.mark === '') return undefined;
    let kept: Buffer;
    try {
      kept = readFileSync(this.path);
    } catch {
      return undefined;
    }
    const head = Buffer.from(this.mark + text);
    return kept.length >= head.length && kept.subarray(0, head.length).equals(head)
      ? kept.subarray(head.length)
      : undefined;
  }

  /** Keeps `text` and its tables, if any are given; where that cannot be (a full disk, a folder of another user) nothing is kept. */
  write(text: string, tables: readonly TableSpec[]): void {
    if (this.mark === '') return;
    const beside = `${this.path}.new.${process.pid}`;
    try {
      const head = this.mark + text;
      const content = tables.length > 0 ? Buffer.concat([Buffer.from(head), serialized(tables.map(packed))]) : head;
      writeFileSync(beside, content, { mode: 0o600 });
      renameSync(beside, this.path);
    } catch {
      rmSync(beside, { force: true });
    }
  }
}

// Not serialize() and deserialize(): those hand every address to JavaScript, which takes half of their time.

function serialized(value: unknown): Buffer {
  const serializer = new Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

function deserialized(octets: Buffer): unknown {
  const deserializer = new Deserializer(octets);
  deserializer.readHeader();
  return deserializer.readValue();
}

const packed = (table: TableSpec): PackedChange => new Packer().pack(changeOf(undefined, table));

function unpacked(change: PackedChange): TableSpec {
  const table = new ChangedTable(undefined, change);
  table.make(new Unpacker().unpack(change));
  return table.spec;
}
