// sekisho man: a manual page, or all of them into a folder.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { builtinRegistry } from '../../control/extensions.ts';
import { didYouMean } from '../../grammar/suggest.ts';
import { pages } from './pages.ts';

export async function man(
  program: Command,
  name: string | undefined,
  { write }: { write?: string },
  version: string,
): Promise<number> {
  const all = pages(program, builtinRegistry(), version);
  if (write !== undefined) {
    mkdirSync(write, { recursive: true });
    for (const { file, text } of all) writeFileSync(join(write, file), text);
    return 0;
  }
  const page = all.find(({ file }) => file === (name === undefined ? 'sekisho.8' : `sekisho-${name}.8`));
  if (!page) {
    const names = all.map(({ file }) => file.replace(/^sekisho-|\.8$/g, ''));
    const hint = name === undefined ? undefined : didYouMean(name, names);
    process.stderr.write(`sekisho: no page "${name}"; ${hint ?? `there are: ${names.join(' ')}`}\n`);
    return 2;
  }
  process.stdout.write(page.text);
  return 0;
}
