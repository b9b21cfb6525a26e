// The ipset tool, as functions from words to what it prints. ipset 7.17: its words, its exit codes.
//
// A restore gathers additions to one set, as the real tool does for the kernel's sake, and carries them out when something else
// comes. A line that cannot be read takes those that still wait with it: nothing of theirs is done.
// Differs: the real tool also carries out what waits when its buffer of 64 KiB is full.

import type { Names } from '../../grammar/names.ts';
import { printParts } from './element-print.ts';
import { parseElement, refuseRanges } from './element-text.ts';
import { elementsOf } from './elements.ts';
import { helpText } from './help.ts';
import { ListSet, type Place } from './list-set.ts';
import { checkOptions, type MemberWords, parseCreate, parseMemberWords } from './options-text.ts';
import { listSet, saveSet } from './print.ts';
import { namesJson, setsJson } from './print-json.ts';
import { namesXml, setsXml } from './print-xml.ts';
import type { Sets } from './sets.ts';
import { SetError, type SetType, setType } from './types.ts';
import { type Flags, type Line, parseWords, splitLine } from './words.ts';

export const VERSION = 'ipset v7.17';
const LONGEST_NAME = 31;

export interface IpsetInput {
  readonly argv: readonly string[];
  /** What restore reads. */
  readonly stdin?: string;
  readonly names: Names;
  /** Monotonic ms. */
  readonly now: number;
}

export interface IpsetAnswer {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs one command line. Never throws for any words. */
export function runIpset(sets: Sets, input: IpsetInput): IpsetAnswer {
  return new Run(sets, input).all();
}

/** The words name nothing that could change a set: list, save, test, help, version, or they are wrong. */
export function onlyReads(argv: readonly string[]): boolean {
  try {
    return ['list', 'save', 'test', 'help', 'version'].includes(parseWords(argv).command);
  } catch {
    return true;
  }
}

/** The file that -f names: to restore from, or to write to. Undefined: none, or the words are wrong. */
export function fileOf(argv: readonly string[]): { readonly path: string | undefined; readonly restores: boolean } {
  try {
    const { command, flags } = parseWords(argv);
    return { path: flags.file, restores: command === 'restore' };
  } catch {
    return { path: undefined, restores: false };
  }
}

interface Waiting {
  readonly line: number;
  readonly act: () => void;
}

class Run {
  private readonly sets: Sets;
  private readonly input: IpsetInput;
  private stdout = '';
  private stderr = '';
  private waiting: Waiting[] = [];
  private waitingFor = '';
  private quiet = false;

  constructor(sets: Sets, input: IpsetInput) {
    this.sets = sets;
    this.input = input;
  }

  all(): IpsetAnswer {
    let exitCode: number;
    try {
      const line = parseWords(this.input.argv);
      this.quiet = line.flags.quiet;
      exitCode = line.command === 'restore' ? this.restore(line.flags) : this.carryOut(line);
    } catch (error) {
      exitCode = this.complain(error, undefined);
    }
    return { stdout: this.stdout, stderr: this.quiet ? '' : this.stderr, exitCode };
  }

  private complain(error: unknown, line: number | undefined): number {
    if (!(error instanceof SetError)) throw error;
    const where = line === undefined || error.code === 2 ? '' : `Error in line ${line}: `;
    this.stderr += `${VERSION}: ${where}${error.message}\n`;
    if (error.code === 2) this.stderr += "Try `ipset help' for more information.\n";
    return error.code;
  }

  // --- restore -----------------------------------------------------------------------------------------------------------

  private restore(flags: Flags): number {
    const lines = (this.input.stdin ?? '').split('\n');
    for (const [index, text] of lines.entries()) {
      const words = splitLine(text);
      if (!words) continue;
      try {
        const line = parseWords(words, flags);
        if (line.command === 'quit') break;
        const code = this.restoreLine(line, index + 1);
        if (code !== 0) return code;
      } catch (error) {
        return this.complain(error, index + 1);
      }
    }
    return this.settle();
  }

  private restoreLine(line: Line, number: number): number {
    if (line.command !== 'add' && line.command !== 'del') return this.settle() || this.carryOut(line);
    const act = this.change(line, line.command);
    const target = `${line.command} ${line.operands[0]}`;
    const code = target === this.waitingFor ? 0 : this.settle();
    this.waitingFor = target;
    this.waiting.push({ line: number, act });
    return code;
  }

  /** Does what waits. */
  private settle(): number {
    const { waiting } = this;
    this.waiting = [];
    this.waitingFor = '';
    for (const { line, act } of waiting) {
      try {
        act();
      } catch (error) {
        return this.complain(error, line);
      }
    }
    return 0;
  }

  // --- Commands ------------------------------------------------------------------------------------------------------------

  private carryOut(line: Line): number {
    const { sets } = this;
    const [first, second] = line.operands;
    switch (line.command) {
      case 'create':
        sets.create(
          nameOf(first),
          typeOf(second),
          parseCreate(typeOf(second), line.rest, this.input.names),
          line.flags.exist,
        );
        return 0;
      case 'add':
      case 'del':
        this.change(line, line.command)();
        return 0;
      case 'test':
        return this.test(line);
      case 'destroy':
        sets.destroy(first);
        return 0;
      case 'flush':
        sets.flush(first);
        return 0;
      case 'rename':
        sets.rename(first, nameOf(second));
        return 0;
      case 'swap':
        sets.swap(first, second);
        return 0;
      case 'list':
      case 'save':
        this.stdout += this.show(line);
        return 0;
      case 'version':
        this.stdout += `${VERSION}, protocol version: 7\n`;
        return 0;
      case 'help':
        return this.help(first);
      default:
        return 0;
    }
  }

  private show({ command, operands: [name], flags }: Line): string {
    const slots = name === undefined ? this.sets.all() : [this.sets.get(name)];
    const { output } = flags;
    if (flags.namesOnly && output === 'json') return namesJson(slots);
    if (flags.namesOnly) return output === 'xml' ? namesXml(slots) : slots.map((slot) => `${slot.name}\n`).join('');
    const printing = { sets: this.sets, ...this.input, sorted: flags.sorted, terse: flags.terse };
    if (output === 'xml') return setsXml(slots, printing);
    if (output === 'json') return setsJson(slots, printing);
    const plain = (output ?? (command === 'list' ? 'plain' : 'save')) === 'plain';
    return slots.map((slot) => (plain ? listSet : saveSet)(slot, printing)).join(plain ? '\n' : '');
  }

  private help(name: string | undefined): number {
    const type = name === undefined ? undefined : setType(name);
    this.stdout += helpText(type);
    if (name === undefined || type) return 0;
    return this.complain(new SetError(`Unknown settype: \`${name}'`, 2), undefined);
  }

  // --- Members -------------------------------------------------------------------------------------------------------------

  /** What is to be done; what is wrong with the words is thrown at once, what the set says to it later. */
  private change({ operands: [name, element], rest, flags }: Line, verb: 'add' | 'del'): () => void {
    const slot = this.sets.get(name);
    const { type, header } = slot.body;
    if (type.storage === 'list') {
      const words = parseMemberWords(type, verb, rest);
      return () => this.changeList(name, element, words, verb, flags.exist);
    }
    const scope = { type, family: header.family, names: this.input.names, netmask: header.netmask };
    const parts = parseElement(element, scope);
    const words = parseMemberWords(type, verb, rest);
    refuseRanges(parts, verb, scope);
    return () => {
      const { body } = this.sets.get(name);
      if (body instanceof ListSet) return;
      const [written] = elementsOf(parts, false, 'test', scope);
      // The kernel looks at a port before it looks at the rest, at an address behind it, but before its length.
      if (type.name === 'bitmap:port') body.check(written);
      checkOptions(words.options, body.header);
      const { now } = this.input;
      if (type.storage === 'bitmap') {
        body.check(written);
        // All of a range or nothing.
        for (const one of elementsOf(parts, false, verb, scope)) body.check(one);
      }
      for (const one of elementsOf(parts, words.wildcard, verb, scope)) {
        if (verb === 'add') body.add(one, words.options, flags.exist, now);
        else body.delete(one, flags.exist, now);
      }
    };
  }

  private changeList(name: string, member: string, words: MemberWords, verb: 'add' | 'del', exist: boolean): void {
    const { body } = this.sets.get(name);
    if (!(body instanceof ListSet)) return;
    checkOptions(words.options, body.header);
    const slot = this.sets.find(member);
    if (!slot) throw new SetError('Set to be added/deleted/tested as element does not exist.');
    if (slot.body instanceof ListSet) throw new SetError('Sets with list:set type cannot be added to the set.');
    const place = this.placeOf(words);
    if (verb === 'add') body.add(slot, place, words.options, exist, this.input.now);
    else body.delete(slot, place, exist, this.input.now);
  }

  private placeOf({ place }: MemberWords): Place | undefined {
    if (!place) return undefined;
    const slot = this.sets.find(place.name);
    if (!slot) throw new SetError("The set to which you referred with 'before' or 'after' does not exist.");
    return { side: place.side, slot };
  }

  private test({ operands: [name, element], rest }: Line): number {
    const { body } = this.sets.get(name);
    const { type, header } = body;
    if (body instanceof ListSet) {
      const words = parseMemberWords(type, 'test', rest);
      const slot = this.sets.find(element);
      const place = this.placeOf(words);
      const text = place ? `${element} ${place.side} ${place.slot.name}` : element;
      return this.tell(text, name, slot !== undefined && body.test(slot, place, this.input.now));
    }
    const scope = { type, family: header.family, names: this.input.names };
    const parts = parseElement(element, scope);
    const words = parseMemberWords(type, 'test', rest);
    refuseRanges(parts, 'test', scope);
    const [asked] = elementsOf(parts, false, 'test', scope);
    return this.tell(printParts(parts, scope), name, body.test(asked, words.options.nomatch ?? false, this.input.now));
  }

  private tell(element: string, name: string, found: boolean): number {
    this.stderr += found ? `Warning: ${element} is in set ${name}.\n` : `${element} is NOT in set ${name}.\n`;
    return found ? 0 : 1;
  }
}

function nameOf(word: string): string {
  if (word.length <= LONGEST_NAME) return word;
  throw new SetError(`Syntax error: setname '${word}' is longer than ${LONGEST_NAME} characters`);
}

function typeOf(word: string): SetType {
  const type = setType(word);
  if (!type) throw new SetError(`Syntax error: typename '${word}' is unknown`);
  return type;
}
