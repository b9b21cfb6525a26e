// Rule files that people published, given from outside: SEKISHO_CORPUS names a folder with v4/ and v6/, each holding NAME.save and
// NAME.canonical (what iptables-save 1.8.9 makes of it, comment lines left out). They are not ours, so they are not in the tree.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fmt } from '../../bin/fmt.ts';
import { helpers } from '../../conntrack/helpers/index.ts';
import { hostNames } from '../../control/host-names.ts';
import { Registry } from '../../engine/registry.ts';
import { matches } from '../../matches/index.ts';
import { targets } from '../../targets/index.ts';

const folder = process.env.SEKISHO_CORPUS ?? '';
if (folder === '') console.warn('left out: published rule files: SEKISHO_CORPUS names no folder');

const MISSING = /Couldn't load (match|target) `[^']*'/;

describe.skipIf(folder === '')('published rule files', () => {
  const lookup = new Registry({ matches, targets, helpers });
  const names = hostNames();
  for (const family of [4, 6] as const) {
    const place = join(folder, `v${family}`);
    if (!existsSync(place)) continue;
    const files = readdirSync(place).filter((file) => file.endsWith('.save'));
    it(`IPv${family}: ${files.length} files print as the real tools print them`, () => {
      const different: string[] = [];
      const missing: string[] = [];
      for (const file of files) {
        const text = readFileSync(join(place, file), 'utf8');
        const canonical = readFileSync(join(place, file.replace(/\.save$/, '.canonical')), 'utf8');
        const { stdout, stderr } = fmt(text, { family, lookup, names });
        if (stdout === canonical) continue;
        if (MISSING.test(stderr)) missing.push(`${file}: ${MISSING.exec(stderr)![0]}`);
        else different.push(`${file}: ${stderr.split('\n')[0]}`);
      }
      const same = files.length - missing.length - different.length;
      console.info(
        `IPv${family}: ${same} of ${files.length} the same; ${missing.length} use extensions that are not attached`,
      );
      expect(different).toEqual([]);
    });
  }
});
