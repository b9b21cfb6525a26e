// The same rules as nft would have them: one by one, in nft's linear form.

import { execFileSync } from 'node:child_process';
import type { Family } from '../../packet/numbers.ts';

/** What `nft -f` takes for a save text; throws where the translator is missing or refuses. */
export function translated(save: string, family: Family = 6): string {
  // The translator reads files only, and Node's own pipes are sockets, which cannot be opened by a name.
  const program = `cat | ${family === 6 ? 'ip6tables' : 'iptables'}-restore-translate -f /dev/stdin`;
  const text = execFileSync('sh', ['-c', program], { input: save, encoding: 'utf8', maxBuffer: 2 ** 30 });
  // What it does not know becomes a comment.
  if (text.includes('\n# -')) throw new Error(`the translator does not know: ${/\n# (-.*)/.exec(text)?.[1]}`);
  return text;
}
