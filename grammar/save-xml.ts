// Save text to XML, as iptables-xml does: word by word, knowing no extension. Only a jump is looked at: to a chain it is a <call>.
//
// Source: observed on iptables-xml 1.8.9.
// Differs: what a save program never writes gives well-formed XML, or is refused: the real program puts a match that stands behind the jump
// among the actions, a rule of a chain without a line of its own outside of any chain, and a value without an option as bare text.

import { linesOf } from './save-lines.ts';
import { splitFields, splitWords, type Word } from './words.ts';

export interface XmlOptions {
  /** Rules that follow each other with the same conditions become one with several actions. */
  readonly combine?: boolean;
  /** Each line, as a comment, in front of what it became. */
  readonly verbose?: boolean;
}

export interface XmlText {
  readonly xml: string;
  /** What ended the reading, for standard error; the XML ends there. */
  readonly failure?: { readonly message: string; readonly code: 1 | 2; readonly line: number };
}

interface Chain {
  readonly name: string;
  readonly policy: string | undefined;
  readonly packets: string;
  readonly bytes: string;
  written: boolean;
}

class Failed extends Error {
  readonly code: 1 | 2;

  constructor(message: string, code: 1 | 2 = 1) {
    super(message);
    this.code = code;
  }
}

export function saveToXml(source: string, options: XmlOptions = {}): XmlText {
  const writer = new Writer(source, options);
  let number = 0;
  try {
    for (const line of linesOf(source)) {
      number = line.number;
      writer.line(line.start, line.end, number);
    }
    writer.end(number);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return { xml: writer.text, failure: { message: error.message, code: error.code, line: number } };
  }
  return { xml: writer.text };
}

class Writer {
  text = '<iptables-rules version="1.0">\n';
  private readonly source: string;
  private readonly options: XmlOptions;
  private chains: Chain[] | undefined;
  private current: Chain | undefined;
  /** Conditions of the rule whose actions are still open, and whether another rule's may be added. */
  private open: { conditions: string; ends: boolean } | undefined;

  constructor(source: string, options: XmlOptions) {
    this.source = source;
    this.options = options;
  }

  line(start: number, end: number, number: number): void {
    const first = this.source[start];
    if (first === '\n') return;
    const text = this.source.slice(start, end);
    if (first === '#') {
      this.text += `<!-- ${comment(text)} -->\n`;
      return;
    }
    if (this.options.verbose) this.text += `<!-- line ${number} ${comment(text)} -->\n`;
    const { chains } = this;
    if (chains === undefined) {
      if (first !== '*') throw new Failed(`line ${number} failed`);
      this.table(splitFields(this.source, start + 1, end)[0]?.text);
    } else if (text === 'COMMIT\n') this.commit(chains);
    else if (first === ':') chains.push(chainLine(splitFields(this.source, start + 1, end), number));
    else this.rule(chains, start, end, number);
  }

  end(lines: number): void {
    if (this.chains !== undefined) throw new Failed(`COMMIT expected at line ${lines + 1}`);
    this.text += '</iptables-rules>\n';
  }

  private table(name: string | undefined): void {
    this.chains = [];
    this.text += `  <table name="${escaped(name ?? '')}" >\n`;
  }

  private commit(chains: readonly Chain[]): void {
    this.closeChain();
    for (const chain of chains) if (!chain.written) this.text += `    <chain ${attributes(chain)} />\n`;
    this.text += '  </table>\n';
    this.chains = undefined;
  }

  private rule(chains: Chain[], start: number, end: number, number: number): void {
    const counters = /^\[([^:\]]*):([^\]]*)\]/.exec(this.source.slice(start, end));
    if (!counters && this.source[start] === '[') throw new Failed(`Bad line ${number}: need :`, 2);
    const words = splitWords(this.source, start + (counters?.[0].length ?? 0), end);
    const chain = words[1];
    if (words[0]?.text !== '-A' || chain === undefined) throw new Failed(`line ${number} failed - no chain found`);
    const parts = sections(words.slice(2), this.source);
    const conditions = parts.conditions.map((section) => conditionText(section)).join('');
    this.enter(chains, chain.text);
    const combined = this.options.combine && conditions !== '' && this.open?.ends === false;
    if (combined && this.open?.conditions === conditions) this.text += '<!-- Combine action from next rule -->\n';
    else {
      this.closeRule();
      this.text += counters
        ? `      <rule packet-count="${escaped(counters[1])}" byte-count="${escaped(counters[2])}" >\n`
        : '      <rule >\n';
      if (conditions !== '') this.text += `       <conditions>\n${conditions}       </conditions>\n`;
      this.text += '       <actions>\n';
    }
    for (const section of parts.actions) this.text += actionText(section, chains);
    const target = parts.actions[0];
    this.open = { conditions, ends: !target || target.jump === 'goto' || TERMINATING.has(target.name) };
  }

  /** The chain that the rule is in becomes the open one. */
  private enter(chains: Chain[], name: string): void {
    if (this.current?.name === name) return;
    this.closeChain();
    let chain = chains.find((one) => one.name === name);
    if (!chain) {
      chain = { name, policy: undefined, packets: '0', bytes: '0', written: false };
      chains.push(chain);
    }
    chain.written = true;
    this.current = chain;
    this.text += `    <chain ${attributes(chain)} >\n`;
  }

  private closeRule(): void {
    if (this.open) this.text += '       </actions>\n\n      </rule>\n\n';
    this.open = undefined;
  }

  private closeChain(): void {
    this.closeRule();
    if (this.current) this.text += '    </chain>\n';
    this.current = undefined;
  }
}

/** After these (and -g, and no target at all) nothing is combined: the packet's way ends there. */
const TERMINATING = new Set(['RETURN', 'DROP', 'ACCEPT', 'QUEUE']);

function chainLine(fields: readonly Word[], number: number): Chain {
  const [name, policy, counters] = fields.map((field) => field.text);
  if (name === undefined) throw new Failed(`line ${number} chain name invalid`, 2);
  if (policy === undefined) throw new Failed(`line ${number} policy invalid`, 2);
  const [, packets = '0', bytes = '0'] = /^\[(\d+):(\d+)\]/.exec(counters ?? '') ?? [];
  return { name, policy: policy === '-' ? undefined : policy, packets, bytes, written: false };
}

const attributes = ({ name, policy, packets, bytes }: Chain): string =>
  `name="${escaped(name)}"${policy === undefined ? '' : ` policy="${escaped(policy)}"`} packet-count="${packets}" byte-count="${bytes}"`;

// --- A rule's words ------------------------------------------------------------------------------------------------------

interface XmlOption {
  readonly name: string;
  readonly inverted: boolean;
  readonly values: readonly string[];
}

/** A match or a target with its options; a jump says how it jumps. */
interface Section {
  readonly name: string;
  readonly jump?: 'call' | 'goto';
  readonly options: XmlOption[];
}

function sections(words: readonly Word[], source: string): { conditions: Section[]; actions: Section[] } {
  const conditions: Section[] = [];
  const actions: Section[] = [];
  const quoted = (word: Word): boolean => source[word.start] === '"';
  const isOption = (word: Word | undefined): boolean => word?.text[0] === '-' && !quoted(word);
  let section: Section | undefined;
  let inverted = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    const { text } = word;
    if (text === '!' && !quoted(word) && isOption(words[at + 1])) {
      inverted = true;
      continue;
    }
    if (!isOption(word)) throw new Failed(`"${text}" is no option`);
    const next = words[at + 1]?.text;
    if (text === '-m' || TARGET_OPTIONS.has(text)) {
      if (next === undefined) break;
      const jump = text === '-m' ? undefined : text === '-g' || text === '--goto' ? 'goto' : 'call';
      section = { name: next, jump, options: [] };
      (jump ? actions : conditions).push(section);
      at++;
    } else {
      const values: string[] = [];
      while (at + 1 < words.length && !isOption(words[at + 1])) {
        const value = words[at + 1];
        if (value.text === '!' && !quoted(value) && isOption(words[at + 2])) break;
        values.push(quoted(value) ? `"${value.text}"` : value.text);
        at++;
      }
      if (!section) {
        section = { name: 'match', options: [] };
        conditions.push(section);
      }
      section.options.push({ name: text.replace(/^-+/, ''), inverted, values });
    }
    inverted = false;
  }
  return { conditions, actions };
}

const TARGET_OPTIONS = new Set(['-j', '--jump', '-g', '--goto']);

const optionText = ({ name, inverted, values }: XmlOption): string => {
  const start = `          <${name} ${inverted ? ' invert="1"' : ''}`;
  return values.length === 0 ? `${start} />\n` : `${start}>${values.map(escaped).join(' ')}</${name}>\n`;
};

const conditionText = ({ name, options }: Section): string =>
  options.length === 0
    ? `        <${name}  />\n`
    : `        <${name} >\n${options.map(optionText).join('')}        </${name}>\n`;

function actionText(section: Section, chains: readonly Chain[]): string {
  const { name, jump } = section;
  if (jump === 'call' && !chains.some((chain) => chain.name === name)) return conditionText(section);
  return `        <${jump} >\n          <${name} />\n        </${jump}>\n${section.options.map(optionText).join('')}`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => ENTITIES[character]);

/** XML allows no two hyphens in a comment: each gets an asterisk, every second one a blank before it. */
function comment(text: string): string {
  let hyphens = 0;
  return text.replace(/\n$/, '').replace(/-/g, () => (++hyphens % 2 === 0 ? ' *-' : '*-'));
}
