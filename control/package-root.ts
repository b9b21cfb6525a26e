// Where the built program lies: worker threads and engine modules are files of their own there.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder that holds our package.json, seen from the source tree as from a bundle in dist/. */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const above = dirname(directory);
    if (above === directory) throw new Error('the package is not complete: no package.json above the program');
    directory = above;
  }
  return directory;
}

/** The version of this package. */
export const programVersion = (): string =>
  (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;

/** A built module; throws when the package was not built. */
export function builtModule(path: string): URL {
  const file = join(packageRoot(), 'dist', path);
  if (!existsSync(file)) throw new Error(`${file} is missing: run "npm run build"`);
  return pathToFileURL(file);
}
