// The tables of docs/scaling.md, made of the costs that were kept last (costs.ts), by formula and by simulation.
//
//   npm run bench:scaling                prints the page
//   npm run bench:scaling -- --write     writes it; some ten seconds

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keptCosts } from './scaling/kept-costs.ts';
import { withTables } from './scaling/tables.ts';

const root = process.env.SEKISHO_ROOT ?? '.';
const file = join(root, 'docs/scaling.md');
const page = withTables(readFileSync(file, 'utf8'), keptCosts(join(root, 'test/bench/results')));
if (process.argv.includes('--write')) writeFileSync(file, page);
else console.log(page);
