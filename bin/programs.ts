// The programs that are called by their classic names. Scripts call these a thousand times: each is loaded only when it is called.

import { TOOLS, type ToolName } from '../control/protocol.ts';

/** Runs the program under the name that it was called by; the value is the exit code. */
type Program = (name: string, words: readonly string[]) => Promise<number>;

const tool: Program = async (name, words) =>
  (await import('./tools.ts')).main(name.replace('-legacy', '') as ToolName, words);
/** Programs that can tell the two kinds of tools apart (ferm) ask for this one. */
const legacyName = (name: ToolName): string => name.replace('tables', 'tables-legacy');
const apply: Program = async (name, words) => (await import('./iptables-apply.ts')).main(name, words);

export const PROGRAMS: ReadonlyMap<string, Program> = new Map([
  ...[...TOOLS, ...TOOLS.map(legacyName)].map((name): [string, Program] => [name, tool]),
  ['iptables-apply', apply],
  ['ip6tables-apply', apply],
  ['iptables-xml', async (_name, words) => (await import('./iptables-xml.ts')).main(words)],
  ['conntrack', async (_name, words) => (await import('./conntrack.ts')).main(words)],
  ['ipset', async (_name, words) => (await import('./ipset.ts')).main(words)],
]);
