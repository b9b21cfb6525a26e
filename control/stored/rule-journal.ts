// Edits of stored rules, written down one by one: what stands beside a long save file (FILE.journal) while it would take longer to write that
// anew than a tool should wait. Each edit is text that iptables-restore -n -c reads, and is on the disk before a tool hears of it.
//
//   # edits of the save file with sha256 9f86d0...
//   *filter
//   :INPUT ACCEPT [0:0]
//   [0:0] -I FORWARD 120 -s 2001:db8::/32 -j DROP
//   COMMIT
//
// Life: begun when the save file was written, with nothing in it but its first line, so that an edit has one file to write to and one sync to
// wait for; ended by the next writing of that file (storeWhole), which says so in a last line before it begins. So after a crash at any moment
// the first line or the last one tells which text the edits belong to; an edit without its COMMIT was told to nobody. Edits that
// belong to neither stand beside a file that somebody changed by hand: then nobody can say what was meant, and both are left as they
// are. A journal without edits says nothing, whatever it stands beside.

import { createHash } from 'node:crypto';
import { closeSync, fdatasyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { chainOf } from '../../engine/edit/edited-table.ts';
import type { Ruleset } from '../../engine/edit/ruleset.ts';
import { type Printing, printConditions } from '../../grammar/print.ts';
import type { TableSpec } from '../../grammar/rule-spec.ts';
import { theRestore } from '../later.ts';
import { type ChainChange, isMoved, type TableChange } from '../live/table-change.ts';
import { journalOf } from '../paths.ts';
import { AtomicFile, readIfThere, syncDirectory } from './atomic-file.ts';

const FIRST = /^# edits of the save file with sha256 (\w+)\n/;
const LAST = /\n# taken over into the save file with sha256 (\w+)\n$/;

const COMMIT = '\nCOMMIT\n';

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The journal does not belong to the save file. */
export class Estranged extends Error {}

/** What was done to the rules of `text`, the save file at `path`, since it was written; '': nothing. Throws Estranged. */
export function editsSince(path: string, text: string): string {
  const journal = readIfThere(journalOf(path));
  if (journal === undefined) return '';
  const edits = editsIn(journal);
  if (edits === '') return '';
  const digest = digestOf(text);
  const [, before] = FIRST.exec(journal) ?? [];
  const [, after] = LAST.exec(journal) ?? [];
  if (after === digest) return '';
  if (before === digest) return edits;
  throw new Estranged(
    `${path} was changed by hand, while ${journalOf(path)} has edits of what it was before. Both are left as they are: put into the first what you want of the second, and remove that.`,
  );
}

/** Those that are whole. */
function editsIn(journal: string): string {
  const head = FIRST.exec(journal)?.[0].length ?? journal.length;
  return journal.slice(head, journal.lastIndexOf(COMMIT) + COMMIT.length);
}

/** Makes `text` the save file at `path`, edits included. Throws what the system says; then all is as before. */
export const storeWhole = (path: string, text: string): void => new WholeFile(path, text).commit();

/** A save file that lies ready beside the one that is there, which stays until commit(), or for good after abandon(). */
export class WholeFile {
  private readonly path: string;
  private readonly text: string;
  private readonly file: AtomicFile;

  /** Throws what the system says; then there is none. */
  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
    this.file = new AtomicFile(path);
    this.orAbandoned(() => {
      this.file.write(Buffer.from(text));
      this.file.sync();
    });
  }

  /** It takes the place of the old one and of its journal. Throws what the system says; then all is as before. */
  commit(): void {
    this.orAbandoned(() => {
      const journal = readIfThere(journalOf(this.path));
      if (journal !== undefined && editsIn(journal) !== '')
        append(journalOf(this.path), `# taken over into the save file with sha256 ${digestOf(this.text)}\n`);
      this.file.commit();
      if (journal !== undefined) rmSync(journalOf(this.path));
    });
  }

  abandon(): void {
    this.file.abandon();
  }

  private orAbandoned(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.abandon();
      throw error;
    }
  }
}

function append(path: string, text: string): void {
  const file = openSync(path, 'a', 0o600);
  try {
    writeAll(file, text);
  } finally {
    closeSync(file);
  }
}

/** How many octets it was. */
function writeAll(file: number, text: string): number {
  const octets = Buffer.from(text);
  for (let at = 0; at < octets.length; ) at += writeSync(file, octets, at);
  fdatasyncSync(file);
  return octets.length;
}

/** Of a save file that is written anew before long: its writer alone. */
export class RuleJournal {
  /** Characters of edits. */
  length = 0;
  private readonly path: string;
  private file: number | undefined;
  private octets: number;
  /** Where the last one began. */
  private last = { at: 0, length: 0 };

  /** Of the save file at `path`, which holds `text`. */
  constructor(path: string, text: string) {
    this.path = journalOf(path);
    this.file = openSync(this.path, 'a', 0o600);
    ftruncateSync(this.file);
    this.octets = writeAll(this.file, `# edits of the save file with sha256 ${digestOf(text)}\n`);
    syncDirectory(this.path);
  }

  /** Rejected by the system, it is not to be used any more. */
  write(text: string): void {
    this.last = { at: this.octets, length: this.length };
    this.octets += writeAll(this.open, text);
    this.length += text.length;
  }

  /** What was written last was not to be. */
  takeBack(): void {
    ({ at: this.octets, length: this.length } = this.last);
    ftruncateSync(this.open, this.octets);
    fdatasyncSync(this.open);
  }

  private get open(): number {
    if (this.file === undefined) throw new Error(`${this.path}: closed`);
    return this.file;
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  /** It is not needed any more: a file without edits goes, too. */
  end(): void {
    this.close();
    if (this.length === 0) rmSync(this.path, { force: true });
  }
}

/** A change that made `now`, as the journal has it; undefined for one that it cannot have. */
export function editText({ name, gone, chains }: TableChange, now: TableSpec, printing: Printing): string | undefined {
  if (chains.some((chain) => gone.includes(chain.name) || chain.added.some(isMoved))) return undefined;
  const lines = [`*${name}`];
  for (const { name: chain, builtin, policy, counters, isNew } of chains) {
    if (builtin !== undefined) lines.push(`:${chain} ${policy} [${counters.packets}:${counters.bytes}]`);
    else if (isNew) lines.push(`:${chain} - [0:0]`);
  }
  for (const chain of chains) {
    const { length } = chainOf(now, chain.name)!.rules;
    if (chain.removed > 0 && chain.added.length === length) lines.push(`-F ${chain.name}`);
    else for (let count = 0; count < chain.removed; count++) lines.push(`-D ${chain.name} ${chain.from + 1}`);
    addedLines(chain, length, printing, lines);
  }
  for (const chain of gone) lines.push(`-F ${chain}`);
  for (const chain of gone) lines.push(`-X ${chain}`);
  return [...lines, 'COMMIT', ''].join('\n');
}

/** `length`: of the chain as it is then. */
function addedLines({ name, from, added }: ChainChange, length: number, printing: Printing, lines: string[]): void {
  // The form of save files is read without the parser.
  const isLast = from + added.length === length;
  added.forEach((rule, index) => {
    if (isMoved(rule)) return;
    const { packets, bytes } = rule.counters ?? { packets: 0, bytes: 0 };
    const where = isLast ? `-A ${name}` : `-I ${name} ${from + 1 + index}`;
    lines.push(`[${packets}:${bytes}] ${where}${printConditions(rule, printing)}`);
  });
}

/** Does to rules what editsSince() said. Throws Estranged where that cannot be. */
export async function repeatEdits(path: string, edits: string, ruleset: Ruleset): Promise<void> {
  if (edits === '') return;
  const { restore } = await theRestore();
  const program = ruleset.family === 4 ? 'iptables-restore' : 'ip6tables-restore';
  const { diagnostics } = restore(edits, ruleset, { program, noflush: true, counters: true });
  if (diagnostics.length > 0) throw new Estranged(`${journalOf(path)} cannot be read: ${diagnostics[0].first}`);
}
