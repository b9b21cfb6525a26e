// Sequences of calls of the iptables-like programs, as scripts and people make them: verbs, numbers, tables, listings in every layout,
// restores, and everything that can be wrong with them.

import type { ToolName } from '../../control/socket/protocol.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Dice } from './dice.ts';

export interface Call {
  readonly program: ToolName;
  readonly argv: readonly string[];
  readonly stdin?: string;
}

/** How long, and how often a word is wrong. */
export interface Shape {
  readonly family: Family;
  readonly calls: number;
  readonly mistakes: number;
}

const BUILTIN: Readonly<Record<string, readonly string[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
};
const USER = ['web', 'a', 'b', 'LOGDROP', 'z-9'];

export class RandomCalls {
  private readonly dice: Dice;
  private readonly shape: Shape;
  /** Most calls of a sequence are about one table. */
  private readonly home: string;

  constructor(dice: Dice, shape: Shape) {
    this.dice = dice;
    this.shape = shape;
    this.home = dice.weighted([
      [6, 'filter'],
      [2, 'mangle'],
      [1, 'raw'],
      [1, 'nat'],
      [1, 'security'],
    ]);
  }

  sequence(): Call[] {
    const { dice, shape } = this;
    const calls = Array.from({ length: shape.calls }, () =>
      dice.chance(0.08) ? this.restore() : dice.chance(0.06) ? this.save() : this.command(),
    );
    const first = dice.some(USER, 0.6).map((name) => this.call(['-N', name], this.home));
    return [...first, ...calls, { program: this.name('-save'), argv: ['-c'] }];
  }

  private name(suffix: '' | '-save' | '-restore'): ToolName {
    return `${this.shape.family === 4 ? 'iptables' : 'ip6tables'}${suffix}`;
  }

  private slip(share = 1): boolean {
    return this.dice.chance(this.shape.mistakes * share);
  }

  private call(argv: readonly string[], table: string): Call {
    const { dice } = this;
    const where = table === 'filter' && dice.chance(0.9) ? [] : [dice.pick(['-t', '--table']), table];
    return { program: this.name(''), argv: dice.chance(0.5) ? [...where, ...argv] : [...argv, ...where] };
  }

  private command(): Call {
    const { dice } = this;
    const table = this.slip(0.3)
      ? dice.pick(['foo', '', 'Filter', 'filte'])
      : dice.chance(0.85)
        ? this.home
        : dice.pick(Object.keys(BUILTIN));
    const words = this.words(table);
    const at = dice.int(0, words.length);
    // -c -4 is a number to the real tool, of 64 bits without a sign.
    if (this.slip(0.5) && words[at - 1] !== '-c') words.splice(at, 0, dice.pick(STRAY));
    if (this.slip(0.3) && !/^-(E|-rename)/.test(words[0])) words.splice(dice.int(0, words.length - 1), 1);
    return this.call(words, table);
  }

  private words(table: string): string[] {
    const { dice } = this;
    const verb = dice.weighted<() => string[]>([
      [9, () => [this.spell('-A', '--append', '--app'), this.chain(table), ...this.rule(table)]],
      [3, () => [this.spell('-I', '--insert', '--ins'), this.chain(table), ...this.number(0.5), ...this.rule(table)]],
      [3, () => [this.spell('-D', '--delete'), this.chain(table), ...this.number(1)]],
      [3, () => [this.spell('-D', '--delete'), this.chain(table), ...this.rule(table)]],
      [2, () => [this.spell('-R', '--replace', '--rep'), this.chain(table), ...this.number(1), ...this.rule(table)]],
      [3, () => [this.spell('-C', '--check'), this.chain(table), ...this.rule(table)]],
      [4, () => this.list(table)],
      [3, () => [this.spell('-S', '--list-rules'), ...this.maybeChain(table), ...this.verbose(0.3)]],
      [2, () => [this.spell('-F', '--flush'), ...this.maybeChain(table), ...this.verbose(0.3)]],
      [2, () => [this.spell('-Z', '--zero'), ...this.maybeChain(table), ...this.verbose(0.3)]],
      [2, () => [this.spell('-N', '--new-chain', '--new'), this.newName()]],
      [2, () => [this.spell('-X', '--delete-chain'), ...this.maybeChain(table), ...this.verbose(0.3)]],
      [2, () => ['-P', this.chain(table), dice.pick(POLICIES), ...(dice.chance(0.2) ? ['-c', '5', '600'] : [])]],
      [2, () => [this.spell('-E', '--rename-chain'), this.chain(table), this.goodName()]],
    ])();
    return verb;
  }

  private list(table: string): string[] {
    const { dice } = this;
    const zero = dice.chance(0.1) ? ['-Z'] : [];
    // Always numeric: names of hosts are looked up where a network is, and there is none.
    const flags = dice.pick([['-nL'], ['-nvL'], ['-n', '-v', '-x', '-L'], ['-L', '-n', '-x'], ['--list', '--numeric']]);
    const chain = flags.at(-1)?.endsWith('L') || flags.length === 2 ? this.maybeChain(table) : [];
    if (flags.at(-1) === '--numeric') return ['--list', ...chain, '--numeric', ...this.lineNumbers(), ...zero];
    return [...flags, ...chain, ...this.lineNumbers(), ...zero];
  }

  private lineNumbers(): string[] {
    return this.dice.chance(0.3) ? [this.dice.pick(['--line-numbers', '--line'])] : [];
  }

  private spell(letter: string, ...long: string[]): string {
    return this.dice.chance(0.85) ? letter : this.dice.pick(long);
  }

  private verbose(share: number): string[] {
    return this.dice.chance(share) ? [this.dice.pick(['-v', '--verbose'])] : [];
  }

  private chain(table: string): string {
    const { dice } = this;
    if (this.slip(0.5)) return dice.pick(['nowhere', 'input', 'PREROUTING', 'x'.repeat(29), '-', '!', '']);
    return dice.chance(0.55) ? dice.pick(BUILTIN[table] ?? BUILTIN.filter) : dice.pick(USER);
  }

  private maybeChain(table: string): string[] {
    const { dice } = this;
    if (dice.chance(0.4)) return [];
    return [this.chain(table), ...this.number(0.15)];
  }

  private number(share: number): string[] {
    const { dice } = this;
    if (!dice.chance(share)) return [];
    return [this.slip() ? dice.pick(['0', '-1', 'x', '99', '1x', '4294967297', '']) : String(dice.int(1, 3))];
  }

  /** -E takes any name, also such as no save file can hold; those we refuse to store. */
  private goodName(): string {
    return this.dice.pick([...USER, 'new', 'other', 'INPUT', 'ACCEPT', 'TTL', 'y'.repeat(28)]);
  }

  private newName(): string {
    const { dice } = this;
    if (!this.slip()) return dice.pick([...USER, 'new', 'other']);
    return dice.pick(['-x', '!y', 'ACCEPT', 'LOG', 'tcp', 'INPUT', 'y'.repeat(29), 'y'.repeat(28), 'a b', '']);
  }

  /** Rules of few kinds, so that -D, -C and -R often find one. */
  private rule(table: string): string[] {
    const { dice } = this;
    const words = dice.pick([[], [], ...this.conditions(), ...this.conditions()]).concat(this.target(table));
    if (dice.chance(0.1)) words.push('-c', dice.pick(['1', '7', '100000']), dice.pick(['60', '123456789', '1']));
    if (this.slip(0.5)) words.push(...dice.pick(WRONG));
    return [...words, ...this.verbose(0.08)];
  }

  private conditions(): string[][] {
    const [one, two] = this.shape.family === 4 ? ['10.0.0.0/8', '192.168.1.1'] : ['fd00::/16', '2001:db8::1'];
    const ping = this.shape.family === 4 ? 'icmp' : 'ipv6-icmp';
    return [
      ['-s', one],
      ['!', '-d', two],
      ['-s', `${one},${two}`],
      ['-p', 'tcp', '--dport', '22'],
      ['-p', 'tcp', '-m', 'multiport', '--dports', '80,443'],
      ['-p', 'udp', '-m', 'udp', '--sport', '53'],
      ['-p', ping],
      ['-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED'],
      ['-m', 'comment', '--comment', 'all of "it"'],
      ['-m', 'limit', '--limit', '5/min'],
      ['-m', 'mark', '--mark', '0x1/0xff'],
      ['-i', 'eth0'],
      ['!', '-i', 'eth+'],
      ['-o', 'eth1'],
    ];
  }

  private target(table: string): string[] {
    const { dice } = this;
    if (this.slip(0.3)) return ['-j', dice.pick(['nowhere', 'accept', 'INPUT', 'x'.repeat(30), '', 'LOGG'])];
    return dice.weighted<string[]>([
      [4, ['-j', dice.pick(['ACCEPT', 'DROP', 'RETURN'])]],
      [4, ['-j', dice.pick(USER)]],
      [1, ['-g', dice.pick(USER)]],
      [1, []],
      [1, ['-j', 'LOG', '--log-prefix', 'in: ']],
      [1, table === 'filter' || this.slip() ? ['-j', 'REJECT'] : ['-j', 'MARK', '--set-mark', '1']],
    ]);
  }

  private save(): Call {
    const { dice } = this;
    const argv = dice.weighted<string[]>([
      [4, []],
      [2, ['-c']],
      [1, ['-t', dice.pick(Object.keys(BUILTIN))]],
      [1, ['--table=filter', '--counters']],
    ]);
    if (this.slip()) argv.push(dice.pick(['-x', '--foo', 'rest', '-t', '--table', '--c=1', '-V', '--dump', '-tfoo']));
    return { program: this.name('-save'), argv };
  }

  private restore(): Call {
    const { dice } = this;
    const argv = dice.some(['-c', '-v'], 0.3).filter(() => dice.chance(0.5));
    if (dice.chance(0.5)) argv.push(dice.pick(['-n', '--noflush']));
    if (dice.chance(0.1)) argv.push(dice.pick(['-t', '--test']));
    if (dice.chance(0.1)) argv.push('-T', dice.pick(['filter', 'raw', 'foo']));
    if (dice.chance(0.1)) argv.push(dice.pick(['-w', '--wait', '--wait=3']));
    if (this.slip(0.5)) argv.push(dice.pick(['-x', '--v', '--foo', '-T', '-h', '-V', '-W', '--counters=1', '-b']));
    return { program: this.name('-restore'), argv, stdin: this.text() };
  }

  private text(): string {
    const { dice } = this;
    const tables = dice.chance(0.7) ? [this.home] : dice.some(Object.keys(BUILTIN), 0.3);
    return tables.map((table) => this.section(table)).join('');
  }

  private section(table: string): string {
    const { dice } = this;
    const lines = [`*${table}`];
    for (const chain of dice.some(BUILTIN[table], 0.4)) {
      lines.push(`:${chain} ${dice.pick(POLICIES.slice(0, 2))}${dice.pick([' [0:0]', ' [3:180]', ''])}`);
    }
    for (const chain of dice.some(USER, 0.5)) lines.push(`:${chain} - [0:0]`);
    for (let left = dice.int(0, 5); left > 0; left--) {
      const words = this.words(table);
      // Listing chains that are not committed yet ends the real program in the middle of a line.
      if (words.some((word) => /^(-\w*[LS]|--list.*)$/.test(word))) continue;
      const quoted = words.map((word) => (/[\s"]/.test(word) ? `"${word.replaceAll('"', '\\"')}"` : word));
      lines.push(`${dice.chance(0.15) ? '[4:240] ' : ''}${quoted.join(' ')}`);
    }
    if (dice.chance(0.2)) lines.push('# a comment', '');
    if (!this.slip(0.5)) lines.push('COMMIT');
    return `${lines.join('\n')}\n`;
  }
}

const POLICIES = ['ACCEPT', 'DROP', 'ACCEPT', 'DROP', 'REJECT', 'RETURN', 'web'];
const STRAY = [
  '-n',
  '-x',
  '-v',
  '!',
  'stray',
  '--foo',
  '-L',
  '-A',
  '-q',
  '--line',
  '-6',
  '-4',
  '-w',
  '--',
  '-c',
  '-f',
  '--s',
];
const WRONG: readonly (readonly string[])[] = [
  ['-p', 'nosuch'],
  ['-s', '1.2.3.4.5'],
  ['-s', 'fd00::/129'],
  ['--dport', '22'],
  ['-p', 'tcp', '--dport', '70000'],
  ['-p', 'tcp', '--dprt', '1'],
  ['-m', 'nosuch'],
  ['-m', 'limit', '--limit', '0/s'],
  ['-i', 'x'.repeat(16)],
  ['-j'],
  ['-j', 'ACCEPT', '-j', 'DROP'],
  ['-m', 'comment', '--comment', ''],
  ['!', '!', '-i', 'lo'],
  ['-c', 'x', '1'],
  ['-n'],
  ['--ctstate', 'NEW'],
];
