// The manual pages, made of the command-line frame and of the extensions' own literals: nothing is said twice.

import type { Command } from 'commander';
import { wholeHelp } from '../../conntrack/tool/help.ts';
import { commandHelp, extensionRows, restoreHelp, saveHelp } from '../../control/tool/help.ts';
import type { Registry } from '../../engine/registry.ts';
import { wholeHelp as ipsetHelp } from '../../engine/sets/help.ts';
import type { AnySyntax } from '../../grammar/lookup.ts';
import { bold, heading, item, paragraph, roff, subheading, title, verbatim } from './roff.ts';

export interface Page {
  /** `sekisho-run.8` */
  readonly file: string;
  readonly text: string;
}

/** The classic tools, whose help is their page. */
const TOOLS: readonly { readonly name: string; readonly what: string; help(): string }[] = [
  {
    name: 'iptables',
    what: 'rules of the packet filter for IPv4, or as ip6tables for IPv6',
    help: () => commandHelp('iptables', []),
  },
  {
    name: 'iptables-save',
    what: 'prints the rules of all tables, or as ip6tables-save those for IPv6',
    help: () => saveHelp('iptables-save'),
  },
  {
    name: 'iptables-restore',
    what: 'loads whole tables of rules, or as ip6tables-restore those for IPv6',
    help: () => restoreHelp('iptables-restore'),
  },
  { name: 'conntrack', what: 'lists, watches and changes tracked connections', help: wholeHelp },
  { name: 'ipset', what: 'sets that rules ask', help: ipsetHelp },
];

export function pages(program: Command, registry: Registry, version: string): Page[] {
  const commands = program
    .createHelp()
    .visibleCommands(program)
    .filter((command) => command.name() !== 'help');
  const names = ['sekisho', ...commands.map((command) => `sekisho-${command.name()}`), 'sekisho-extension-list'];
  return [
    { file: 'sekisho.8', text: mainPage(program, commands, version) },
    ...commands.map((command) => ({
      file: `sekisho-${command.name()}.8`,
      text: commandPage(command, version, names),
    })),
    ...TOOLS.map(({ name, what, help }) => ({
      file: `sekisho-${name}.8`,
      text: toolPage(name, what, help(), version),
    })),
    { file: 'sekisho-extension-list.8', text: extensionsPage(registry, version) },
  ];
}

const nameLine = (name: string, what: string): string => `${heading('name')}${roff(name)} \\- ${roff(what)}\n`;

function mainPage(program: Command, commands: readonly Command[], version: string): string {
  return [
    title('sekisho', 8, version),
    nameLine('sekisho', plain(program.description())),
    `${heading('synopsis')}${bold('sekisho')} ${roff('COMMAND [OPTION...] [ARGUMENT...]')}\n.br\n${bold('sekisho')} ${roff('ip6tables|iptables|... [OPTION...]')}\n`,
    heading('description'),
    after(program),
    heading('commands'),
    ...commands.map((command) => item(`${bold(`sekisho-${command.name()}`)}(8)`, command.description())),
    heading('files'),
    item(
      bold('/var/lib/sekisho'),
      'rules, sets, control socket and lock of root; SEKISHO_STATE_DIR names another place',
    ),
    item(bold('~/.local/state/sekisho'), 'those of other users (XDG_STATE_HOME)'),
    heading('environment'),
    item(bold('SEKISHO_STATE_DIR'), 'the state directory'),
    item(bold('SEKISHO_SOCKET'), 'the control socket, where it is not in the state directory'),
    item(bold('SEKISHO_EXTENSIONS'), "files with matches and targets of one's own, with colons between them"),
    item(bold('NO_COLOR'), 'no colours, even on a terminal'),
    `${heading('see also')}${TOOLS.map(({ name }) => `${bold(`sekisho-${name}`)}(8), `).join('')}${bold('sekisho-extension-list')}(8), ${bold('iptables')}(8)\n`,
  ].join('');
}

function commandPage(command: Command, version: string, names: readonly string[]): string {
  const name = `sekisho-${command.name()}`;
  const help = command.createHelp();
  const options = help.visibleOptions(command);
  const operands = help.visibleArguments(command);
  const others = names.filter((other) => other !== name).slice(0, 1);
  return [
    title(name, 8, version),
    nameLine(name, plain(command.description())),
    `${heading('synopsis')}${bold(`sekisho ${command.name()}`)} ${roff(command.usage())}\n`,
    `${heading('description')}${roff(command.description())}\n`,
    operands.length > 0 ? heading('arguments') : '',
    ...operands.map((operand) => item(bold(operand.name()), help.argumentDescription(operand))),
    heading('options'),
    ...options.map((option) => item(bold(option.flags), help.optionDescription(option))),
    after(command),
    `${heading('see also')}${others.map((other) => `${bold(other)}(8)`).join(', ')}\n`,
  ].join('');
}

/** A help text as a page: `Usage:`, paragraphs with a heading and a colon, rows of an option and its meaning. */
function toolPage(name: string, what: string, help: string, version: string): string {
  const parts = help.split(/\n{2,}/).filter((part) => part.trim() !== '');
  const others = ['sekisho(8)', ...(name.startsWith('iptables') ? ['sekisho-extension-list(8)'] : [])];
  return [
    title(`sekisho-${name}`, 8, version),
    nameLine(`sekisho-${name}`, what),
    ...parts.map(toolSection),
    `${heading('see also')}${others.map((other) => bold(other)).join(', ')}\n`,
  ].join('');
}

function toolSection(part: string): string {
  const lines = part.replace(/^\n+|\n+$/g, '').split('\n');
  const usage = lines.findIndex((line) => line.startsWith('Usage: '));
  if (usage >= 0) {
    const own = lines.slice(usage).map((line) => line.replace(/^(Usage:| {6}) /, ''));
    const rows = own.filter((line) => ROW.test(line));
    return `${heading('synopsis')}${verbatim(own.filter((line) => !ROW.test(line)).join('\n'))}${optionsOf(rows)}`;
  }
  const [, named] = /^(\S.*):$/.exec(lines[0]) ?? [];
  if (named === undefined) return lines.some((line) => line.startsWith('  ')) ? verbatim(part) : paragraph(part);
  const body = lines.slice(1);
  if (/^Examples?$/.test(named)) return section(part);
  return heading(named) + (body.every((line) => ROW.test(line)) ? body.map(row).join('') : verbatim(body.join('\n')));
}

const optionsOf = (rows: readonly string[]): string =>
  rows.length === 0 ? '' : heading('options') + rows.map(row).join('');

/** An option, two blanks or more, what it means. */
const ROW = /^(?: {2}|! )(\S.*?)(?: {2,}(\S.*))?$/;

function row(line: string): string {
  const [, words, meaning = ''] = ROW.exec(line) ?? [];
  return item(bold(words), `${line.startsWith('!') ? '(! in front inverts) ' : ''}${meaning}`);
}

function extensionsPage(registry: Registry, version: string): string {
  const sorted = (kind: 'match' | 'target'): AnySyntax[] =>
    registry.all(kind as 'match').toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const part = (extension: AnySyntax): string =>
    [
      subheading(`${extension.name} (IPv${extension.families.join(' and IPv')})`),
      `${roff(extension.summary)}\n`,
      ...extensionRows(extension).map(([words, meaning]) => item(bold(words), meaning)),
    ].join('');
  return [
    title('sekisho-extension-list', 8, version),
    nameLine('sekisho-extension-list', 'matches and targets of the packet filter'),
    heading('matches'),
    ...sorted('match').map(part),
    heading('targets'),
    paragraph('ACCEPT, DROP, RETURN and QUEUE, and jumps to chains, are there besides.'),
    ...sorted('target').map(part),
  ].join('');
}

/** The sentence of a description as one line without its stop. */
const plain = (text: string): string => text.replace(/\s+/g, ' ').replace(/\.$/, '');

/** What stands behind the options in the help of `command`: paragraphs, and lists of examples. */
function after(command: Command): string {
  let behind = '';
  let first = true;
  command.configureOutput({
    writeOut(text) {
      if (first) first = false;
      else behind += text;
    },
  });
  command.outputHelp();
  return behind
    .split(/\n{2,}/)
    .filter((part) => part.trim() !== '')
    .map(section)
    .join('');
}

function section(part: string): string {
  const lines = part.replace(/^\n+/, '').split('\n');
  if (/^Exit codes?\b/.test(lines[0])) return `${heading('exit status')}${roff(part.trim())}\n`;
  const examples = /^(Examples?):$/.exec(lines[0]);
  if (!examples) return lines.some((line) => line.startsWith('  ')) ? verbatim(part) : paragraph(part);
  const set = lines.filter((line) => line.startsWith('  '));
  const rest = lines.slice(1).filter((line) => !line.startsWith('  '));
  const text = rest.join('\n').trim();
  return `${heading('examples')}${verbatim(set.map((line) => line.slice(2)).join('\n'))}${text === '' ? '' : section(text)}`;
}
