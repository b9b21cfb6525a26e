// Tables that were parsed before, beside the text that they were parsed from. The text is the truth: a cache that does not belong to
// exactly this text and this build of the program, or that is broken, is passed over without a word.
//
// The file holds the build's name, the text itself (compared octet by octet: no digest to trust), and the tables, packed, behind their CRC, for
// nobody waits until they are on the disk; or no tables, and then they are parsed when they are asked for. Only text that the program printed itself is kept so: what a person
// wrote may hold names whose meaning changes. That there is a cache therefore says that the text is in canonical form.

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Deserializer, Serializer } from 'node:v8';
import type { TableSpec } from '../../grammar/rule-spec.ts';
import { ChangedTable } from '../live/changed-table.ts';
import { type PackedChange, Packer, Unpacker } from '../live/packed-change.ts';
import { changeOf } from '../live/table-change.ts';

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
      if (!kept || kept.length < CRC || kept.readUInt32LE() !== crcOf(kept.subarray(CRC))) return undefined;
      return (deserialized(kept.subarray(CRC)) as PackedChange[]).map(unpacked);
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
      const kept = tables.length > 0 ? withCrc(serialized(tables.map(packed))) : [];
      writeFileSync(beside, Buffer.concat([Buffer.from(head), ...kept]), { mode: 0o600 });
      renameSync(beside, this.path);
    } catch {
      rmSync(beside, { force: true });
    }
  }
}

/** Octets. */
const CRC = 4;

/** The module is loaded when tables are read: plain listings have no need of it. */
const crcOf = (octets: Buffer): number => process.getBuiltinModule('node:zlib').crc32(octets);

function withCrc(octets: Buffer): Buffer[] {
  const crc = Buffer.alloc(CRC);
  crc.writeUInt32LE(crcOf(octets));
  return [crc, octets];
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
