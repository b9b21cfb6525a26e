// Writes docs/extensions.md from the literals themselves; with --check it only says whether the page is what they say.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { builtins } from '../dist/index.js';

const PAGE = 'docs/extensions.md';
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

function row(extension) {
  const { name, families, summary, aliases = [], kernel, effect } = extension;
  const named = aliases.length > 0 ? `${name} (${aliases.join(', ')})` : name;
  const acts = effect === 'stateful' ? 'yes, with state' : 'yes';
  return `| [\`${cell(named)}\`](#${anchor(extension)}) | ${families.join(' ')} | ${acts} | ${cell(summary)} | \`${cell(kernel)}\` |`;
}

const kindOf = (extension) => ('effect' in extension ? 'match' : 'target');
const anchor = (extension) => `${kindOf(extension)}-${extension.name}-${extension.families.join('')}`.toLowerCase();

function section(extension) {
  const options = Object.entries(extension.options).map(([name, option]) => {
    const spellings = [name, ...[option.alias ?? []].flat()].map((word) => `\`--${word}\``).join(', ');
    const value = option.words > 0 ? ` ${'`'}${cell(option.metavar ?? 'value')}${'`'}` : '';
    const notes = [option.invert && 'may be inverted', option.required && 'must be given'].filter(Boolean).join(', ');
    return `| ${spellings}${value} | ${cell(option.help)}${notes ? ` (${notes})` : ''} |`;
  });
  const { tables, hooks, protocols } = extension.placement ?? {};
  const where = [
    tables && `tables ${tables.join(', ')}`,
    hooks && `hooks ${hooks.join(', ')}`,
    protocols && `needs \`-p\` ${protocols.join(' or ')}`,
    extension.needsTracking && 'turns connection tracking on',
  ].filter(Boolean);
  return [
    `### <a id="${anchor(extension)}"></a>${extension.name}, ${kindOf(extension)}, IPv${extension.families.join(' and IPv')}`,
    '',
    `${cell(extension.summary)}${where.length > 0 ? ` Where: ${where.join('; ')}.` : ''}`,
    ...(options.length > 0 ? ['', '| option | meaning |', '|---|---|', ...options] : []),
    '',
  ].join('\n');
}

const table = (extensions) =>
  [
    '| name | family | acts | what it does | source of the behaviour |',
    '|---|---|---|---|---|',
    ...extensions.map(row),
  ].join('\n');
const sorted = (extensions) => [...extensions].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
const matches = sorted(builtins.matches);
const targets = sorted(builtins.targets);
const text = `# Extensions

Written by \`npm run docs\` from the literals in \`matches/\` and \`targets/\`; do not edit. Every one of them parses and prints as
iptables 1.8.9 does (compared with the real tools in \`test/kernel/\`).

## Matches

${table(matches)}

## Targets

ACCEPT, DROP, RETURN, QUEUE and jumps are the engine's own.

${table(targets)}

## Options

${[...matches, ...targets].map(section).join('\n')}`;

if (process.argv.includes('--check')) {
  const same = existsSync(PAGE) && readFileSync(PAGE, 'utf8') === text;
  if (!same) console.error(`${PAGE} is not what the extensions say: run "npm run docs"`);
  process.exit(same ? 0 : 1);
}
writeFileSync(PAGE, text);
