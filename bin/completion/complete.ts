// sekisho complete -- WORD...: what the shells' completion asks. The last word is the one that is being typed, the first the program.
// One candidate a line, a tab before its help; the single line ":files" where any path may stand.

import type { Command } from 'commander';
import { PROGRAM_NAMES } from '../program-names.ts';
import type { Candidate } from './candidate.ts';
import { completeCommand } from './commands.ts';
import { completeTool } from './tools.ts';

export async function complete(program: Command, line: readonly string[]): Promise<number> {
  const words = line.slice(0, -1);
  const partial = line.at(-1) ?? '';
  const named = words[0] === 'sekisho' ? words.slice(1) : words;
  const tool = named[0];
  const candidates =
    tool !== undefined && PROGRAM_NAMES.includes(tool)
      ? await completeTool(tool, named.slice(1), partial)
      : withTools(completeCommand(program, named, partial), named);
  process.stdout.write(text(candidates, partial));
  return 0;
}

/** The classic names stand beside the commands. */
const withTools = (
  candidates: readonly Candidate[] | 'files',
  named: readonly string[],
): readonly Candidate[] | 'files' =>
  candidates === 'files' || named.length > 0
    ? candidates
    : [...candidates, ...PROGRAM_NAMES.map((word) => ({ word, help: 'as the real one' }))];

function text(candidates: readonly Candidate[] | 'files', partial: string): string {
  if (candidates === 'files') return ':files\n';
  const begun = candidates.filter(({ word }) => word.startsWith(partial));
  // Options are offered when one is begun, or when nothing else may stand there.
  const words = partial === '' ? begun.filter(({ word }) => !word.startsWith('-')) : begun;
  if (words.length === 0 && begun.length === 0) return ':files\n';
  return (words.length > 0 ? words : begun).map(({ word, help }) => `${word}\t${help.replace(/\s+/g, ' ')}\n`).join('');
}
