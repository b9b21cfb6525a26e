// sekisho completion: a shell's script.

import { PROGRAM_NAMES } from '../program-names.ts';
import { SHELLS } from './scripts.ts';

export async function print(shell: keyof typeof SHELLS, { classic }: { classic?: boolean }): Promise<number> {
  const names = classic ? ['sekisho', ...PROGRAM_NAMES] : ['sekisho'];
  process.stdout.write(SHELLS[shell](names.join(' ')));
  return 0;
}
