// Tests as a table, for people who write no TypeScript: YAML or JSON with rows of `packet words -> expectation`. This file reads the
// text; suite-run.ts sends the packets. docs/testing.md describes the format, docs/test-file.schema.json tells it to editors.

import { dirname, resolve } from 'node:path';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { didYouMean } from '../../grammar/suggest.ts';
import { packetFromWords } from '../../packet/words.ts';
import { milliseconds } from '../duration.ts';
import { capture } from '../replay/captures.ts';
import type { FirewallSetup, SendOptions } from '../setup.ts';
import { type Expected, parseExpectation } from './expectation.ts';

/** How the firewall of a file or a group is set up. Paths of rule files are as written. */
export type SuiteSetup = Pick<FirewallSetup, 'mode' | 'devices' | 'sysctls' | 'seed' | 'date' | 'attach'>;

/** A suite whose rules may use these as well. */
export const withExtensions = (suite: Suite, attach: FirewallSetup['attach']): Suite => ({
  ...suite,
  setup: { ...suite.setup, attach },
});

export interface Suite {
  readonly file: string;
  /** Save text, or the path of a file relative to the suite's. */
  readonly rules: Readonly<Partial<Record<'rules' | 'v4' | 'v6' | 'sets', string>>>;
  readonly setup: SuiteSetup;
  readonly groups: readonly Group[];
}

export interface Group {
  readonly name: string;
  readonly line: number;
  readonly setup: SuiteSetup;
  readonly rows: readonly Row[];
}

export type FlowStep =
  | 'connect'
  | 'open'
  | 'send'
  | 'reply'
  | 'close'
  | 'reset'
  | 'retransmit'
  | 'out-of-window'
  | 'error';

export type Row = { readonly line: number; readonly text: string } & (
  | {
      readonly kind: 'packet';
      readonly octets: Uint8Array;
      readonly options: SendOptions;
      readonly repeat: number;
      /** Octets of each fragment that it is cut into. */
      readonly fragments: number | undefined;
      readonly expected: readonly Expected[];
    }
  | { readonly kind: 'flow'; readonly name: string; readonly octets: Uint8Array; readonly options: SendOptions }
  | {
      readonly kind: 'step';
      readonly name: string;
      readonly step: FlowStep;
      readonly argument: string;
      readonly expected: readonly Expected[];
    }
  | { readonly kind: 'wait'; readonly span: string }
  | { readonly kind: 'sysctl'; readonly name: string; readonly value: string }
  /** A command on the rules or the sets. */
  | { readonly kind: 'command'; readonly program: 'iptables' | 'ip6tables' | 'ipset'; readonly words: string }
  | { readonly kind: 'hits'; readonly rule: string; readonly packets: number | undefined }
);

/** Everything that is wrong with a file, a line each: `FILE:LINE: what`. */
export class SuiteError extends Error {
  override readonly name = 'SuiteError';
}

export const SUITE_KEYS = ['rules', 'v4', 'v6', 'sets', 'mode', 'devices', 'sysctls', 'seed', 'date', 'tests'];
export const GROUP_KEYS = ['name', 'expect', 'rows', 'mode', 'devices', 'sysctls', 'seed', 'date'];
export const ROW_KEYS = ['packet', 'in', 'local', 'mark', 'uid', 'gid', 'mac', 'repeat', 'fragments', 'expect'];
const STEPS: readonly string[] = [
  'connect',
  'open',
  'send',
  'reply',
  'close',
  'reset',
  'retransmit',
  'out-of-window',
  'error',
];

/** Reads a test file. Throws SuiteError with all that is wrong. */
export const parseSuite = (text: string, file: string): Suite => new SuiteReader(text, file).read();

class SuiteReader {
  private readonly file: string;
  private readonly text: string;
  private readonly lines = new LineCounter();
  private readonly problems: string[] = [];

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
  }

  read(): Suite {
    const document = parseDocument(this.text, { lineCounter: this.lines });
    for (const { pos, message, code } of document.errors) {
      // The usual one: a row with a log prefix such as "refused: " in it.
      const hint = code === 'BLOCK_AS_IMPLICIT_KEY' ? ' (a row with ": " in it stands in quotes)' : '';
      this.problems.push(`${this.file}:${this.lines.linePos(pos[0]).line}: ${message.split('\n')[0]}${hint}`);
    }
    this.stopAtProblems();
    const members = this.members(document.contents, SUITE_KEYS, 'a test file');
    const rules = Object.fromEntries(
      (['rules', 'v4', 'v6', 'sets'] as const).flatMap((key) => {
        const value = this.textOf(members.get(key));
        return value === undefined ? [] : [[key, value]];
      }),
    );
    if (rules.rules === undefined && rules.v4 === undefined && rules.v6 === undefined)
      this.problem(document.contents, 'no rules: give rules, v4 or v6 (a file, or save text)');
    const setup = this.setupOf(members);
    const groups = this.itemsOf(members.get('tests'), 'tests').map((node, index) => this.group(node, index));
    if (!members.has('tests')) this.problem(document.contents, 'no tests');
    this.stopAtProblems();
    return { file: this.file, rules, setup, groups };
  }

  private group(node: Node, index: number): Group {
    const members = this.members(node, GROUP_KEYS, 'a group of tests');
    const line = this.lineOf(node);
    const expect = members.get('expect');
    const otherwise = expect && this.guarded(expect, () => parseExpectation(this.textOf(expect) ?? ''));
    const flows = new Set<string>();
    const rows = this.itemsOf(members.get('rows'), 'rows').flatMap((row) => {
      const read = this.guarded(row, () => this.row(row, otherwise, flows));
      return read ? [read] : [];
    });
    return { name: this.textOf(members.get('name')) ?? `group ${index + 1}`, line, setup: this.setupOf(members), rows };
  }

  // --- Rows ----------------------------------------------------------------------------------------------------------

  private row(node: Node, otherwise: readonly Expected[] | undefined, flows: Set<string>): Row {
    if (isScalar(node)) return this.textRow(this.textOf(node) ?? '', node, otherwise, flows);
    if (!isMap(node)) throw new Error('a row is text, or a mapping with "packet"');
    const [only] = node.items;
    const key = String((only?.key as { value?: unknown } | undefined)?.value ?? '');
    // `inside: tcp ...` and `flow web: tcp ...` are mappings in the eyes of YAML.
    if (node.items.length === 1 && (key === 'local' || !ROW_KEYS.includes(key))) {
      return this.textRow(`${key}: ${this.textOf(only.value as Node) ?? ''}`, node, otherwise, flows);
    }
    return this.longRow(node, otherwise);
  }

  private textRow(text: string, node: Node, otherwise: readonly Expected[] | undefined, flows: Set<string>): Row {
    const line = this.lineOf(node);
    const [, left, , right] = /^(.*?)(?:\s*(->|=>|→)\s*(.*))?$/s.exec(text.trim()) ?? [];
    const [word, second, ...rest] = left.split(/\s+/);
    const about = { line, text: text.trim() };
    if (word === 'wait') {
      const span = [second, ...rest].join(' ');
      milliseconds(span);
      return { ...about, kind: 'wait', span };
    }
    if (word === 'sysctl') return { ...about, kind: 'sysctl', ...settingOf([second, ...rest].join(' ')) };
    if (word === 'iptables' || word === 'ip6tables' || word === 'ipset') {
      return { ...about, kind: 'command', program: word, words: text.trim().slice(word.length).trim() };
    }
    if (word === 'hits') return { ...about, kind: 'hits', ...hitsOf(left.slice(4).trim()) };
    const [, name, device, opener] = /^flow (\S+?)(?: in (\S+?))?:\s+(.*)$/s.exec(left) ?? [];
    if (name !== undefined) {
      if (right !== undefined) throw new Error('a flow is only named here; what its steps do is expected of the steps');
      flows.add(name);
      return { ...about, kind: 'flow', name, octets: this.packet(opener), options: optionsFor(device) };
    }
    const expected = right === undefined ? undefined : parseExpectation(right);
    if (flows.has(word)) {
      if (!STEPS.includes(second)) throw new Error(`a flow does not "${second}": ${STEPS.join(', ')}`);
      const argument = rest.join(' ');
      const step = second as FlowStep;
      return { ...about, kind: 'step', name: word, step, argument, expected: expected ?? parseExpectation('accepted') };
    }
    const [, from, words] = /^(?:([\w.@+-]+):\s+)?(.*)$/s.exec(left) ?? [];
    const octets = this.packet(words);
    const wanted = expected ?? otherwise;
    if (!wanted)
      throw new Error('nothing is expected of this packet: write "-> accepted", or give the group an "expect"');
    return {
      ...about,
      kind: 'packet',
      octets,
      options: optionsFor(from),
      repeat: 1,
      fragments: undefined,
      expected: wanted,
    };
  }

  /** Words, hex, or `FILE.pcap#N`, relative to the test file. */
  private packet(words: string): Uint8Array {
    const [, path, number] = /^(\S+\.(?:pcap|pcapng|cap))#(\d+)$/.exec(words.trim()) ?? [];
    if (path === undefined) return packetFromWords(words);
    const file = resolve(dirname(this.file), path);
    const found = capture(file).find((one) => one.number === Number(number));
    if (!found) throw new Error(`${path} has no IP packet in frame ${number}`);
    return found.bytes;
  }

  private longRow(node: Node, otherwise: readonly Expected[] | undefined): Row {
    const members = this.members(node, ROW_KEYS, 'a row');
    const value = (key: string): string | undefined => this.textOf(members.get(key));
    const number = (key: string): number | undefined => {
      const given = value(key);
      if (given === undefined) return undefined;
      if (given.trim() === '' || Number.isNaN(Number(given))) throw new Error(`${key} is a number, not ${given}`);
      return Number(given);
    };
    const words = value('packet');
    if (words === undefined) throw new Error('a row that is a mapping has a "packet"');
    const expect = value('expect');
    const expected = expect === undefined ? otherwise : parseExpectation(expect);
    if (!expected) throw new Error('nothing is expected of this packet: add "expect"');
    const [uid, gid] = [number('uid'), number('gid')];
    const options: SendOptions = {
      ...optionsFor(value('local') === 'true' ? 'local' : value('in')),
      mark: number('mark'),
      mac: value('mac'),
      owner: uid === undefined && gid === undefined ? undefined : { uid, gid },
    };
    return {
      line: this.lineOf(node),
      text: `${value('in') === undefined ? '' : `${value('in')}: `}${words}${expect === undefined ? '' : ` -> ${expect}`}`,
      kind: 'packet',
      octets: this.packet(words),
      options,
      repeat: number('repeat') ?? 1,
      fragments: number('fragments'),
      expected,
    };
  }

  // --- Nodes -----------------------------------------------------------------------------------------------------------

  private setupOf(members: ReadonlyMap<string, Node>): SuiteSetup {
    const setup: Record<string, unknown> = {};
    for (const key of ['mode', 'devices', 'sysctls', 'seed', 'date']) {
      const node = members.get(key);
      if (node) setup[key] = plain(node);
    }
    const { mode } = setup;
    if (mode !== undefined && mode !== 'router' && mode !== 'bridge') {
      this.problem(members.get('mode'), `mode is router or bridge, not ${mode}`);
    }
    return setup as SuiteSetup;
  }

  private members(node: Node | null | undefined, keys: readonly string[], what: string): Map<string, Node> {
    const members = new Map<string, Node>();
    if (!isMap(node)) {
      this.problem(node, `${what} is a mapping with ${keys.join(', ')}`);
      return members;
    }
    for (const { key, value } of node.items) {
      const name = String((key as { value?: unknown }).value);
      if (!keys.includes(name)) {
        this.problem(key as Node, `${what} has no "${name}"; ${didYouMean(name, keys) ?? `it has ${keys.join(', ')}`}`);
      } else if (value) members.set(name, value as Node);
    }
    return members;
  }

  private itemsOf(node: Node | undefined, what: string): Node[] {
    if (isSeq(node)) return node.items as Node[];
    if (node) this.problem(node, `${what} is a list`);
    return [];
  }

  private textOf(node: Node | null | undefined): string | undefined {
    if (node === undefined || node === null) return undefined;
    if (isScalar(node)) return String(node.source ?? node.value);
    if (isSeq(node)) return node.items.map((item) => this.textOf(item as Node)).join(', ');
    this.problem(node, 'text was expected here');
    return undefined;
  }

  private guarded<T>(node: Node, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      const { message, hint } = error as Error & { hint?: string };
      this.problem(node, `${message}${hint ? ` (${hint})` : ''}`);
      return undefined;
    }
  }

  private lineOf(node: Node | null | undefined): number {
    return node?.range ? this.lines.linePos(node.range[0]).line : 1;
  }

  private problem(node: Node | null | undefined, what: string): void {
    this.problems.push(`${this.file}:${this.lineOf(node)}: ${what}`);
  }

  private stopAtProblems(): void {
    if (this.problems.length > 0) throw new SuiteError(this.problems.join('\n'));
  }
}

const plain = (node: Node): unknown => {
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map((item) => plain(item as Node));
  if (isMap(node)) {
    return Object.fromEntries(
      node.items.map(({ key, value }) => [
        String((key as { value?: unknown }).value),
        value ? plain(value as Node) : undefined,
      ]),
    );
  }
  return undefined;
};

const optionsFor = (device: string | undefined): SendOptions =>
  device === undefined ? {} : device === 'local' ? { local: true } : { in: device };

function settingOf(text: string): { name: string; value: string } {
  const [, name, value] = /^([\w.-]+)\s*=\s*(\S+)$/.exec(text) ?? [];
  if (name === undefined) throw new Error(`"${text}" is no setting: sysctl NAME=VALUE`);
  return { name, value };
}

/** `"a rule" 3`, `FORWARD 3`, `some text`; a number counts only behind quotes or an equals sign. */
function hitsOf(text: string): { rule: string; packets: number | undefined } {
  const [, quoted, bare, packets] = /^(?:"(.*?)"|([^=]*?))\s*(?:=?\s*(\d+))?$/s.exec(text) ?? [];
  if (quoted !== undefined) return { rule: quoted, packets: packets === undefined ? undefined : Number(packets) };
  const [, rule, number] = /^(.*?)\s*=\s*(\d+)$/s.exec(text) ?? [];
  if (rule !== undefined) return { rule, packets: Number(number) };
  if ((bare ?? text) === '') throw new Error('hits RULE, or hits "RULE" NUMBER');
  return { rule: text, packets: undefined };
}
