// sekisho completion: a shell's script.

import { PROGRAMS } from '../programs.ts';
import { SHELLS } from './scripts.ts';

export async function print(shell: keyof typeof SHELLS, { classic }: { classic?: boolean }): Promise<number> {
  const names = classic ? ['sekisho', ...PROGRAMS.keys()] : ['sekisho'];
  process.stdout.write(SHELLS[shell](names.join(' ')));
  return 0;
}
