// What may stand next in a line of conntrack: the commands, then the options that the command takes, and those of the protocol behind -p.

import { STATES } from '../../conntrack/text/names.ts';
import { VALUE_WORDS } from '../../conntrack/tool/command.ts';
import { COMMAND_ROWS, type HelpRow, OPTION_ROWS, protocolRows } from '../../conntrack/tool/help.ts';
import { FORMS, formsOf, PROTOCOLS, type ProtocolOptions, RULES, TABLES } from '../../conntrack/tool/options.ts';
import type { Candidate } from './candidate.ts';

/** Words of which several may stand with commas between them. */
const LISTS = new Set(['output', 'status', 'event-mask']);

/** Candidates for the word that begins with `partial` behind `words` (the program's name is not among them). 'files': any path may stand there. */
export function completeConntrack(words: readonly string[], partial: string): readonly Candidate[] | 'files' {
  const command = rowOf(COMMAND_ROWS, words.find((word) => rowOf(COMMAND_ROWS, word)) ?? '');
  if (!command) return COMMAND_ROWS.flatMap(candidates);
  const protocol = protocolOf(words);
  const last = words.at(-1) ?? '';
  if (/^(-R|--load-file)$/.test(last)) return 'files';
  const values = valuesOf(last, protocol, partial);
  if (values) return values;
  const tables =
    command[0].includes('[TABLE]') && rowOf([command], last) ? TABLES.map((word) => ({ word, help: 'table' })) : [];
  return [...tables, ...optionRows(command, words, protocol).flatMap(candidates)];
}

function optionRows([written]: HelpRow, words: readonly string[], protocol: ProtocolOptions | undefined): HelpRow[] {
  const letter = written.slice(1, 2) as keyof (typeof RULES)['conntrack'];
  const table = words.includes('expect') ? 'expect' : 'conntrack';
  const taken = (rules: { required?: string; optional?: string } = {}): string[] =>
    `${rules.required ?? ''} ${rules.optional ?? ''}`.split(' ');
  const general = new Set(taken(RULES[table][letter]));
  const own = new Set(protocol && taken(protocol.rules[table === 'expect' ? `${letter} expect` : letter]));
  return [
    ...OPTION_ROWS.filter((row) =>
      keysOf(row).some((key) => general.has(key) || (key === 'json' && general.has('output'))),
    ),
    ...(protocol ? protocolRows(protocol) : []).filter((row) => keysOf(row).some((key) => own.has(key))),
  ];
}

const longsOf = ([written]: HelpRow): string[] => [...written.matchAll(/--([\w-]+)/g)].map(([, long]) => long);
const keysOf = (row: HelpRow): string[] => longsOf(row);

/** The row that has the word as one of its spellings. */
const rowOf = (rows: readonly HelpRow[], word: string): HelpRow | undefined =>
  rows.find(([written]) => written.split(/[\s,]+/).includes(word) && word.startsWith('-'));

const candidates = ([written, help]: HelpRow): Candidate[] =>
  written
    .split(/,? +/)
    .filter((word) => word.startsWith('-'))
    .map((word) => ({ word, help }));

function protocolOf(words: readonly string[]): ProtocolOptions | undefined {
  const at = words.findLastIndex((word) => word === '-p' || word === '--protonum');
  const named = at < 0 ? words.find((word) => /^-p\w/.test(word))?.slice(2) : words[at + 1];
  return PROTOCOLS.find(({ name, protocol }) => name === named || String(protocol) === named);
}

/** The words that the option in front takes; undefined: none waits for one. */
function valuesOf(option: string, protocol: ProtocolOptions | undefined, partial: string): Candidate[] | undefined {
  const forms = protocol ? formsOf(protocol).all : FORMS;
  const form = forms.find(({ long, letter }) => option === `--${long}` || option === `-${letter}`);
  if (form?.argument !== 'required') return undefined;
  const states = form.key === 'state' && protocol ? STATES.get(protocol.protocol) : undefined;
  const words = (states ?? VALUE_WORDS[form.key] ?? []).filter((word) => word !== 'NONE');
  const before = LISTS.has(form.key) ? partial.slice(0, partial.lastIndexOf(',') + 1) : '';
  const taken = new Set(before.split(','));
  return words.filter((word) => !taken.has(word)).map((word) => ({ word: before + word, help: '' }));
}
