// "Did you mean" behind what the classic tools say: their words are the real tools', so the word that they complain of is looked up in
// the line, and compared with what completion would have offered there.

import { nearest } from '../grammar/suggest.ts';
import { completeTool } from './completion/tools.ts';

/** A line to print behind `stderr`, or ''. `words`: without the program's name. */
export async function hintOf(program: string, words: readonly string[], stderr: string): Promise<string> {
  for (const wrong of complainedOf(stderr)) {
    const at = words.findIndex((word) => word.split(/[,=]/).includes(wrong));
    if (at < 0) continue;
    const option = wrong.startsWith('-');
    const offered = await completeTool(program, words.slice(0, at), option ? '-' : '');
    if (offered === 'files') continue;
    const meant = nearest(
      wrong,
      offered.map(({ word }) => word).filter((word) => word.startsWith('-') === option),
    );
    if (meant !== undefined && meant !== wrong) return `hint: did you mean "${meant}"?\n`;
  }
  return '';
}

/** Words in quotes of any kind, and the last one of a line. */
function complainedOf(stderr: string): string[] {
  const quoted = [...stderr.matchAll(/[`'"]([^`'"\s]+)['"]/g)].map(([, word]) => word);
  const last = [...stderr.matchAll(/unknown argument (\S+)$/gm)].map(([, word]) => word);
  return [...quoted, ...last];
}
