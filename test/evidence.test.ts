import { expect, test } from 'vitest';
import { matches } from '../matches/index.ts';
import { targets } from '../targets/index.ts';
import { evidence } from './evidence.ts';

test('every extension is told of, for each of its families', async () => {
  const told = (await evidence()).map(({ kind, name, family }) => `${kind} ${name} ${family}`);
  const all = [
    ...matches.flatMap(({ name, families }) => families.map((family) => `match ${name} ${family}`)),
    ...targets.flatMap(({ name, families }) => families.map((family) => `target ${name} ${family}`)),
  ];
  expect([...new Set(told)]).toEqual([...new Set(all)].sort());
});

test('what the documentation says of it is what the tests do', async () => {
  // After a change: npx vitest run --project pure test/evidence.test.ts -u, then npm run build and npm run docs.
  const text = `${JSON.stringify(await evidence(), undefined, 2)}\n`;
  await expect(text).toMatchFileSnapshot('../bin/evidence.json');
});
