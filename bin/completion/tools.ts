// What may stand next in a line of a classic tool, from what this machine has.

import { readdirSync } from 'node:fs';
import { builtinRegistry } from '../../control/extensions.ts';
import { statePaths } from '../../control/paths.ts';
import { isToolName, type ToolName } from '../../control/socket/protocol.ts';
import { readIfThere } from '../../control/stored/atomic-file.ts';
import { RESTORE_ROWS, SAVE_ROWS } from '../../control/tool/help.ts';
import { TABLES } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import { runTool } from '../tools.ts';
import type { Candidate } from './candidate.ts';
import { type Around, completeClassic } from './classic.ts';
import { completeConntrack } from './conntrack.ts';
import { completeIpset } from './ipset.ts';

/** Candidates behind `words` of the tool of that name (not among them). 'files': any path may stand there. */
export async function completeTool(
  name: string,
  words: readonly string[],
  partial: string,
): Promise<readonly Candidate[] | 'files'> {
  const tool = name.replace('-legacy', '');
  if (tool === 'conntrack') return completeConntrack(words, partial);
  if (tool === 'ipset') return completeIpset(words, storedSets());
  if (tool.endsWith('-save')) return completeFrame(SAVE_ROWS, words, partial);
  if (tool.endsWith('-restore')) return completeFrame(RESTORE_ROWS, words, partial);
  return isToolName(tool) ? completeClassic(words, partial, aroundOf(tool)) : 'files';
}

/** -save and -restore: their options, names of tables, or a file. */
function completeFrame(rows: typeof SAVE_ROWS, words: readonly string[], partial: string): Candidate[] | 'files' {
  const table = rows.some(([written]) => written.startsWith('-t, --table')) ? '-t' : '-T';
  if (words.at(-1) === table || words.at(-1) === '--table')
    return Object.keys(TABLES).map((word) => ({ word, help: 'table' }));
  if (!partial.startsWith('-')) return 'files';
  return rows.flatMap(([written, help]) =>
    [...written.matchAll(/(?<![\w-])--?\w[\w-]*/g)].map(([word]) => ({ word, help })),
  );
}

/** From the text of the stored sets: a daemon that serves them stores each change. */
const storedSets = (): Map<string, string> =>
  new Map(
    [...(readIfThere(statePaths().sets) ?? '').matchAll(/^create (\S+) (\S+)/gm)].map(([, name, type]) => [name, type]),
  );

function aroundOf(tool: ToolName): Around {
  const family: Family = tool.startsWith('ip6') ? 6 : 4;
  return {
    registry: builtinRegistry(),
    family,
    devices: () => {
      try {
        return readdirSync('/sys/class/net');
      } catch {
        return [];
      }
    },
    async chains(table) {
      const { stdout } = await runTool(tool, ['-t', table, '-S'], undefined);
      return [...stdout.matchAll(/^-[NP] (\S+)/gm)].map(([, name]) => name);
    },
    sets: async () => [...storedSets().keys()],
  };
}
