// The ipset tool, as functions from words to what it prints. ipset 7.17: its words, its exit codes.
//
// What may be long (a restore, a range, a list of members) is cut into steps: beside packets, they pass between two.
//
// A restore gathers additions to one set, as the real tool does for the kernel's sake, and carries them out when something else
// comes. A line that cannot be read takes those that still wait with it: nothing of theirs is done.
// Differs: the real tool also carries out what waits when its buffer of 64 KiB is full.

import type { Names } from '../../grammar/names.ts';
import { finish, type Steps } from '../install/steps.ts';
import { printParts } from './element-print.ts';
import { type PartText, parseElement, refuseRanges } from './element-text.ts';
import { elementsOf } from './elements.ts';
import { helpText } from './help.ts';
import { ListSet, type Place } from './list-set.ts';
import type { TextScope } from './number-text.ts';
import { checkOptions, type MemberWords, parseCreate, parseMemberWords } from './options-text.ts';
import { listSets, saveSets } from './print.ts';
import { namesJson, setsJson } from './print-json.ts';
import { namesXml, setsXml } from './print-xml.ts';
import type { Sets } from './sets.ts';
import { SetError, type SetType, setType } from './types.ts';
import { type Flags, isPlain, type Line, parseWords, splitLine } from './words.ts';

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
export const runIpset = (sets: Sets, input: IpsetInput): IpsetAnswer => finish(ipsetSteps(sets, input));

/** The same in steps. No other may be begun on the same sets before it has ended. */
export const ipsetSteps = (sets: Sets, input: IpsetInput): Steps<IpsetAnswer> => new Run(sets, input).all();

/** Lines, members and pieces of text that are handled in one step. */
const LINES = 32;
const MEMBERS = 128;
const PIECES = 64;

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

/** What a line says is to be done to a set. */
type Change = () => Steps<void> | undefined;

interface Waiting {
  readonly line: number;
  readonly act: Change;
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

  *all(): Steps<IpsetAnswer> {
    let exitCode: number;
    try {
      const line = parseWords(this.input.argv);
      this.quiet = line.flags.quiet;
      exitCode = yield* line.command === 'restore' ? this.restore(line.flags) : this.carryOut(line);
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

  private *restore(flags: Flags): Steps<number> {
    const lines = (this.input.stdin ?? '').split('\n');
    for (const [index, text] of lines.entries()) {
      if (index % LINES === 0) yield;
      const words = splitLine(text);
      if (!words) continue;
      try {
        const line = parseWords(words, flags);
        if (line.command === 'quit') break;
        const code = yield* this.restoreLine(line, index + 1);
        if (code !== 0) return code;
      } catch (error) {
        return this.complain(error, index + 1);
      }
    }
    return yield* this.settle();
  }

  private *restoreLine(line: Line, number: number): Steps<number> {
    if (line.command !== 'add' && line.command !== 'del') return (yield* this.settle()) || (yield* this.carryOut(line));
    const act = this.change(line, line.command);
    const target = `${line.command} ${line.operands[0]}`;
    const code = target === this.waitingFor ? 0 : yield* this.settle();
    this.waitingFor = target;
    this.waiting.push({ line: number, act });
    return code;
  }

  /** Does what waits. */
  private *settle(): Steps<number> {
    const { waiting } = this;
    this.waiting = [];
    this.waitingFor = '';
    for (const [index, { line, act }] of waiting.entries()) {
      if (index % LINES === 0) yield;
      try {
        yield* act() ?? [];
      } catch (error) {
        return this.complain(error, line);
      }
    }
    return 0;
  }

  // --- Commands ------------------------------------------------------------------------------------------------------------

  private *carryOut(line: Line): Steps<number> {
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
        yield* this.change(line, line.command)() ?? [];
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
        this.stdout += yield* joined(this.show(line));
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

  private show({ command, operands: [name], flags }: Line): Iterable<string> {
    const slots = name === undefined ? this.sets.all() : [this.sets.get(name)];
    const { output } = flags;
    if (flags.namesOnly && output === 'json') return [namesJson(slots)];
    if (flags.namesOnly) return output === 'xml' ? [namesXml(slots)] : slots.map((slot) => `${slot.name}\n`);
    const { names, now } = this.input;
    const printing = { sets: this.sets, names, now, sorted: flags.sorted, terse: flags.terse };
    if (output === 'xml') return setsXml(slots, printing);
    if (output === 'json') return setsJson(slots, printing);
    const plain = (output ?? (command === 'list' ? 'plain' : 'save')) === 'plain';
    return (plain ? listSets : saveSets)(slots, printing);
  }

  private help(name: string | undefined): number {
    const type = name === undefined ? undefined : setType(name);
    this.stdout += helpText(type);
    if (name === undefined || type) return 0;
    return this.complain(new SetError(`Unknown settype: \`${name}'`, 2), undefined);
  }

  // --- Members -------------------------------------------------------------------------------------------------------------

  /** What is to be done; what is wrong with the words is thrown at once, what the set says to it later. */
  private change({ operands: [name, element], rest, flags }: Line, verb: 'add' | 'del'): Change {
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
    return () => this.changeMembers(name, parts, words, verb, flags.exist, scope);
  }

  private *changeMembers(
    name: string,
    parts: readonly PartText[],
    words: MemberWords,
    verb: 'add' | 'del',
    exist: boolean,
    scope: TextScope,
  ): Steps<void> {
    const { body } = this.sets.get(name);
    if (body instanceof ListSet) return;
    const { type } = scope;
    const [written] = elementsOf(parts, false, 'test', scope);
    // The kernel looks at a port before it looks at the rest, at an address behind it, but before its length.
    if (type.name === 'bitmap:port') body.check(written);
    checkOptions(words.options, body.header);
    if (type.storage === 'bitmap') {
      body.check(written);
      // All of a range or nothing.
      yield* forEach(elementsOf(parts, false, verb, scope), MEMBERS, (one) => body.check(one));
    }
    yield* forEach(elementsOf(parts, words.wildcard, verb, scope), MEMBERS, (one) => {
      if (verb === 'add') body.add(one, words.options, exist, this.input.now);
      else body.delete(one, exist, this.input.now);
    });
  }

  private changeList(name: string, member: string, words: MemberWords, verb: 'add' | 'del', exist: boolean): undefined {
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

function* joined(pieces: Iterable<string>): Steps<string> {
  let text = '';
  yield* forEach(pieces, PIECES, (piece) => {
    text += piece;
  });
  return text;
}

/** So many in a step. */
function* forEach<One>(all: Iterable<One>, inStep: number, act: (one: One) => void): Steps<void> {
  let done = 0;
  for (const one of all) {
    act(one);
    if (++done % inStep === 0) yield;
  }
}

function nameOf(word: string): string {
  if (word.length > LONGEST_NAME)
    throw new SetError(`Syntax error: setname '${word}' is longer than ${LONGEST_NAME} characters`);
  if (!isPlain(word)) throw new SetError(`Syntax error: setname '${word}' has a blank, a quote or a line break`);
  return word;
}

function typeOf(word: string): SetType {
  const type = setType(word);
  if (!type) throw new SetError(`Syntax error: typename '${word}' is unknown`);
  return type;
}
