// Writes docs/api.md from the doc comments of the test library: what each entry exports, its signature, and what stands above it. The
// declarations are those that tsc makes; TypeScript 7 has no compiler API, and typedoc needs one, so they are read as the text that they are.
//   node scripts/api-doc.mjs            write          node scripts/api-doc.mjs --check   fail when the file is out of date
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';

const FILE = 'docs/api.md';
const ENTRIES = [
  ['sekisho/testing', 'testing/index.d.ts'],
  ['sekisho/vitest', 'testing/vitest.d.ts'],
  ['sekisho/assert', 'testing/assert.d.ts'],
  ['sekisho/arbitrary', 'testing/arbitrary.d.ts'],
];

const types = mkdtempSync(join(tmpdir(), 'sekisho-api-'));
spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', types], {
  stdio: 'inherit',
});

const files = new Map();
const read = (path) => {
  if (!files.has(path)) files.set(path, readFileSync(join(types, path), 'utf8'));
  return files.get(path);
};
const beside = (from, path) => normalize(join(dirname(from), path)).replace(/\.[jt]s$/, '.d.ts');

/** Everything that a module exports: name -> the declaration and the comment above it. */
function exportsOf(path) {
  const found = new Map();
  const text = read(path);
  for (const [, list, from] of text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';$/gms)) {
    const source = exportsOf(beside(path, from));
    for (const item of list
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean)) {
      const [name, as] = item.replace(/^type /, '').split(' as ');
      const declared = source.get(name);
      if (declared) found.set(as ?? name, declared);
    }
  }
  for (const [, as, from] of text.matchAll(/^export \*(?: as (\w+))? from '([^']+)';$/gm)) {
    if (as) found.set(as, { comment: `Everything of \`${from.replace('../', '')}\`.`, code: `export * as ${as}` });
    else for (const [name, declared] of exportsOf(beside(path, from))) found.set(name, declared);
  }
  for (const declared of declarations(text)) found.set(declared.name, declared);
  return found;
}

/** Declarations at the left margin, each up to the end of its braces. */
function* declarations(text) {
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const [, name] =
      /^export (?:declare )?(?:abstract )?(?:class|interface|function|const|type) (\w+)/.exec(lines[at]) ?? [];
    if (!name) continue;
    let end = at;
    let depth = 0;
    for (; end < lines.length; end++) {
      for (const mark of lines[end].replace(/'[^']*'|\/\*.*?\*\/|\/\/.*$/g, '').replace(/=>/g, '')) {
        if ('{([<'.includes(mark)) depth++;
        if ('})]>'.includes(mark)) depth--;
      }
      if (depth <= 0 && /[;}]\s*$/.test(lines[end])) break;
    }
    yield { name, comment: commentAbove(lines, at), code: tidy(lines.slice(at, end + 1).join('\n')) };
    at = end;
  }
}

function commentAbove(lines, at) {
  if (!lines[at - 1]?.endsWith('*/')) return '';
  let from = at - 1;
  while (!lines[from].includes('/**')) from--;
  return lines
    .slice(from, at)
    .map((line) => line.replace(/^\s*\/?\*+\/?\s?/, '').replace(/\s*\*\/$/, ''))
    .join(' ')
    .trim();
}

/** Without what is private or stands for a symbol, and the words that every declaration has. */
const tidy = (code) =>
  code
    .replace(/^ +\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n(?= +(?:private |\[))/gm, '')
    .split('\n')
    .filter((line) => !/^\s+(?:private |\[[A-Z])/.test(line))
    .join('\n')
    .replace(/^export (declare )?/, '')
    .replace(/ {4}/g, '  ');

let page = `# API of the test library

Made from the doc comments by \`npm run docs\`; do not edit. [testing.md](testing.md) explains how it all goes together.
`;
for (const [entry, path] of ENTRIES) {
  page += `\n## ${entry}\n`;
  const all = [...exportsOf(path)].sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  for (const [name, { comment, code }] of all) {
    page += `\n### ${name}\n\n${comment === '' ? '' : `${comment}\n\n`}\`\`\`ts\n${code}\n\`\`\`\n`;
  }
}
rmSync(types, { recursive: true });

if (process.argv.includes('--check')) {
  if (readFileSync(FILE, 'utf8') !== page) {
    console.error(`${FILE} is out of date: npm run docs`);
    process.exit(1);
  }
  console.log(`${FILE} is up to date`);
} else {
  writeFileSync(FILE, page);
}
