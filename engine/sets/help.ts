// What `ipset help` says. Differs: our own words, made from the tables; the real tool's help is longer.

import { SET_TYPES, type SetType } from './types.ts';
import { COMMANDS } from './words.ts';

export const OPERANDS: Readonly<Record<string, string>> = {
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

export const FLAGS: readonly (readonly [words: string, meaning: string])[] = [
  ['-!, -exist', 'no error for what is there already, or not there any more'],
  ['-o, -output plain|save|xml|json', 'form of list and save'],
  ['--json', 'as -o json'],
  ['-q, -quiet', 'no notices'],
  ['-s, -sorted', 'members by address'],
  ['-n, -name', 'list: names only'],
  ['-t, -terse', 'list: names and headers only'],
  ['-r, -resolve', 'taken for compatibility'],
  ['-f, -file FILE', 'restore from there; list and save into it'],
];

export function helpText(type: SetType | undefined): string {
  const commands = COMMANDS.filter(({ name }) => name in OPERANDS).map(({ name }) =>
    `  ${name} ${OPERANDS[name]}`.trimEnd(),
  );
  const flags = FLAGS.map(([flag, help]) => `  ${flag.padEnd(32)}  ${help}`);
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
    'Examples:',
    '  ipset create bad hash:net timeout 3600 counters && ipset add bad 192.0.2.0/24',
    '  iptables -A INPUT -m set --match-set bad src -j DROP',
    '  ipset save > sets && ipset -! restore < sets',
    '  ipset help hash:net',
    '',
  ].join('\n');
}

/** All of it, with every type's words. */
export const wholeHelp = (): string =>
  helpText(undefined) + SET_TYPES.map((type) => `\n${typeHelp(type).join('\n')}\n`).join('');

/** What may stand behind a new member. */
export const memberOptions = ({ parts }: SetType): string[] => [
  ...(parts.includes('set') ? ['before NAME', 'after NAME'] : []),
  ...(parts.includes('net') ? ['nomatch'] : []),
  ...(parts.includes('iface') ? ['wildcard'] : []),
  ...[
    'timeout SECONDS',
    'packets N',
    'bytes N',
    'comment TEXT',
    'skbmark MARK[/MASK]',
    'skbprio MAJOR:MINOR',
    'skbqueue N',
  ],
];

function typeHelp(type: SetType): string[] {
  const { name, summary, create, parts } = type;
  return [
    `${name}: ${summary}`,
    `  create SETNAME ${name} ${create.map((option) => `[${option}]`).join(' ')}`,
    `  add    SETNAME ${parts.join(',')} ${memberOptions(type)
      .map((option) => `[${option}]`)
      .join(' ')}`,
  ];
}
