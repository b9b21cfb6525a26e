// sekisho/vitest: import it once, in a test or in vitest's setupFiles, and `expect` knows about packets.

import { expect } from 'vitest';
import { type FirewallMatchers, matchers } from './matchers.ts';

expect.extend(matchers);

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: must be declared as vitest does
  interface Matchers<T = any> extends FirewallMatchers<T> {}
}

export { type FirewallMatchers, matchers } from './matchers.ts';
