// Writes docs/config.schema.json, which tells editors what a configuration file may hold, as the program has it.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const PAGE = 'docs/config.schema.json';
writeFileSync(PAGE, execFileSync(process.execPath, ['dist/bin/sekisho.cjs', 'run', '--config-schema']));
execFileSync('npx', ['biome', 'format', '--write', PAGE], { stdio: 'ignore' });
