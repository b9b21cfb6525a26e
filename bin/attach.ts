// sekisho attach, detach, nfacct: what else can be told to the daemon while it runs.

import { resolve } from 'node:path';
import { statePaths } from '../control/paths.ts';
import { ask } from '../control/socket/client.ts';
import type { ToolAnswer } from '../control/socket/protocol.ts';
import { reached } from './ask-daemon.ts';
import { readText } from './input.ts';

export const attach = (file: string): Promise<number> =>
  reached(async () => {
    const names = (await ask(statePaths().socket, { op: 'attach', file: resolve(file) })) as string[];
    return `attached: ${names.join(', ')}\n`;
  });

export const detach = (name: string): Promise<number> =>
  reached(async () => {
    await ask(statePaths().socket, { op: 'detach', name });
    return `detached: ${name}\n`;
  });

export async function nfacct(argv: readonly string[]): Promise<number> {
  let code = 0;
  const failed = await reached(async () => {
    const stdin = argv[0] === 'restore' ? readText('-') : undefined;
    const answer = (await ask(statePaths().socket, { op: 'nfacct', argv: [...argv], stdin })) as ToolAnswer;
    process.stderr.write(answer.stderr);
    code = answer.exitCode;
    return answer.stdout;
  });
  return failed || code;
}
