// Every sheet in this folder: `NAME.rows.ts`, found by name, so that a new match needs no line here.

import { readdirSync } from 'node:fs';
import type { Sheet } from './sheet.ts';

export async function allSheets(): Promise<readonly Sheet[]> {
  const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.rows.ts'));
  const addresses = files.sort().map((name) => new URL(name, import.meta.url).href);
  const modules = await Promise.all(addresses.map((address) => import(/* @vite-ignore */ address)));
  return modules.flatMap((module: { sheets: readonly Sheet[] }) => module.sheets);
}
