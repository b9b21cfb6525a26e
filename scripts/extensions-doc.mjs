// Writes docs/extensions.md from the literals themselves; with --check it only says whether the page is what they say.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { builtins } from '../dist/index.js';

const PAGE = 'docs/extensions.md';
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

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
    `${cell(extension.summary)}${where.length > 0 ? ` Where: ${where.join('; ')}.` : ''} Source: \`${cell(extension.kernel)}\`.`,
    ...(extension.supplied ? ['', cell(extension.supplied)] : []),
    ...(options.length > 0 ? ['', '| option | meaning |', '|---|---|', ...options] : []),
    '',
  ].join('\n');
}

/** The same as `sekisho extensions --json`. */
const known = JSON.parse(
  execFileSync(process.execPath, ['dist/bin/sekisho.cjs', 'extensions', '--json'], { maxBuffer: 1 << 24 }),
);

function rows(extension) {
  const { name, families, aliases = [] } = extension;
  const same = (one) => one.kind === kindOf(extension) && one.name === name && one.families.join() === families.join();
  const named = aliases.length > 0 ? `${name} (${aliases.join(', ')})` : name;
  return known
    .find(same)
    .known.map(
      ({ family, parses, prints, acts, checked, how }) =>
        `| [\`${cell(named)}\`](#${anchor(extension)}) | IPv${family} | ${parses} | ${prints} | ${acts} | ${checked} | ${cell(how)} |`,
    );
}

const table = (extensions) =>
  [
    '| name | family | parses | prints | acts | kernel-checked | how |',
    '|---|---|---|---|---|---|---|',
    ...extensions.flatMap(rows),
  ].join('\n');
const sorted = (extensions) => [...extensions].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
const matches = sorted(builtins.matches);
const targets = sorted(builtins.targets);
const text = `# Extensions

Written by \`npm run docs\` from the literals in \`matches/\` and \`targets/\`; do not edit. \`sekisho extensions --json\` tells the same.

Each of them is read and printed as iptables 1.8.9 does it, compared with the real tools: the rows in \`test/matches/\` and
\`test/targets/\`, and options drawn at random, good and bad, 120 for each family (\`SEKISHO_CASES\` and \`SEKISHO_SEED\` for others).
"Rows" of packets go into the real kernel beside ours; "random scenarios" are whole rulesets and traffic through both
(\`test/kernel/random.test.ts\`).

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
