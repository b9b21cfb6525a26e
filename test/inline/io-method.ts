// Whether this machine lets us read and write in batches.

import type { IoMethod } from '../../tun/io-method.ts';
import { openRing } from '../../tun/uring-ports.ts';

function ringMissing(): string {
  try {
    openRing(2).close();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

const missing = process.platform === 'linux' ? ringMissing() : 'needs Linux';
if (missing !== '') console.warn(`left out: reading and writing by io_uring: ${missing}`);

/** Those that this machine has. */
export const IO_METHODS: readonly IoMethod[] = missing === '' ? ['io_uring', 'calls'] : ['calls'];
