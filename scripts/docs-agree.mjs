// Module, test, index line and docs row of every extension agree, or this says which is missing.
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const problems = [];
const tested = (room) =>
  readdirSync(`test/${room}`, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(`test/${room}/${file}`, 'utf8'))
    .join('\n');

for (const room of ['matches', 'targets']) {
  const index = readFileSync(`${room}/index.ts`, 'utf8');
  const tests = tested(room);
  for (const file of readdirSync(room).filter((one) => one.endsWith('.ts') && one !== 'index.ts')) {
    const name = basename(file, '.ts');
    // Files in lower case beside targets, and `shared`/`*-*` names, are helpers of several extensions.
    const source = readFileSync(`${room}/${file}`, 'utf8');
    if (!/\bdefine(Match|Target)\(/.test(source)) continue;
    if (!index.includes(`'./${name}.ts'`)) problems.push(`${room}/${file} has no line in ${room}/index.ts`);
    if (!tests.includes(`/${room}/${name}.ts'`) && !tests.includes(`'${name}'`))
      problems.push(`${room}/${file} has no test`);
  }
}

for (const document of ['README.md', 'docs/architecture.md', 'CONTRIBUTING.md']) {
  for (const [, path] of readFileSync(document, 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)/g)) {
    const base = document.includes('/') ? `${document.replace(/[^/]*$/, '')}` : '';
    try {
      readdirSync(base + path);
    } catch {
      try {
        readFileSync(base + path);
      } catch {
        problems.push(`${document} links to ${path}, which is not there`);
      }
    }
  }
}

for (const problem of problems) console.error(problem);
if (problems.length === 0) console.log('modules, tests and documents agree');
process.exit(problems.length === 0 ? 0 : 1);
