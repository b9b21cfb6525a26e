// What `ipset help` says. Differs: our own words, made from the tables; the real tool's help is longer.

import { SET_TYPES, type SetType } from './types.ts';
import { COMMANDS } from './words.ts';

const OPERANDS: Readonly<Record<string, string>> = {
  create: 'SETNAME TYPENAME [options of the type]',
  add: 'SETNAME ELEMENT [options]',
  del: 'SETNAME ELEMENT',
  test: 'SETNAME ELEMENT',
  destroy: '[SETNAME]',
  list: '[SETNAME]',
  save: '[SETNAME]',
  restore: '',
  flush: '[SETNAME]',
  rename: 'FROM TO',
  swap: 'SETNAME SETNAME',
  help: '[TYPENAME]',
};

const FLAGS = [
  ['-!, -exist', 'no error for what is there already, or not there any more'],
  ['-o plain|save', 'form of list and save'],
  ['-q', 'no notices'],
  ['-s', 'members by address'],
  ['-n', 'list: names only'],
  ['-t', 'list: names and headers only'],
  ['-f FILE', 'restore from there; list and save into it'],
];

export function helpText(type: SetType | undefined): string {
  const commands = COMMANDS.filter(({ name }) => name in OPERANDS).map(({ name }) =>
    `  ${name} ${OPERANDS[name]}`.trimEnd(),
  );
  const flags = FLAGS.map(([flag, help]) => `  ${flag.padEnd(16)}${help}`);
  const types = SET_TYPES.map(({ name, summary }) => `  ${name.padEnd(18)}${summary}`);
  const about = type ? typeHelp(type) : ['Set types:', ...types];
  return [
    'Usage: ipset [options] COMMAND',
    '',
    'Commands:',
    ...commands,
    '',
    'Options:',
    ...flags,
    '',
    ...about,
    '',
  ].join('\n');
}

function typeHelp({ name, summary, create, parts }: SetType): string[] {
  const nomatch = parts.includes('net') ? ' [nomatch]' : '';
  const wildcard = parts.includes('iface') ? ' [wildcard]' : '';
  const place = parts.includes('set') ? ' [before|after NAME]' : '';
  return [
    `${name}: ${summary}`,
    `  create SETNAME ${name} ${create.map((option) => `[${option}]`).join(' ')}`,
    `  add    SETNAME ${parts.join(',')}${place}${nomatch}${wildcard} [timeout SECONDS] [packets N] [bytes N] [comment TEXT] [skbmark MARK[/MASK]] [skbprio MAJOR:MINOR] [skbqueue N]`,
  ];
}
