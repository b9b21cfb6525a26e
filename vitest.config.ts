import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// The examples import the package by its name, as its users do; here that is the source.
const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const alias = {
  'sekisho/testing': source('testing/index.ts'),
  'sekisho/vitest': source('testing/vitest.ts'),
  'sekisho/assert': source('testing/assert.ts'),
  'sekisho/arbitrary': source('testing/arbitrary.ts'),
  // Last: it would be met by those above, too.
  sekisho: source('index.ts'),
};

/** Files of a project at once; projects of one order run together, and those whose files run alone behind all others. */
type Together = { fileParallelism?: boolean; maxWorkers?: number; sequence?: { groupOrder: number } };
/** Real programs talk through real devices. */
const ALONE: Together = { fileParallelism: false };
/** Half of the time they wait for a tool or for the kernel, each file in namespaces of its own. */
const IN_PAIRS: Together = { maxWorkers: 2, sequence: { groupOrder: 1 } };

// Three tiers (CONTRIBUTING.md): `pure` needs nothing, `kernel` needs root and the real iptables, `inline` needs root and TUN.
// A time limit is there to end what hangs: a busy machine may take ten times as long as an idle one.
const project = (name: string, include: string[], exclude: string[], timeout: number, together: Together = ALONE) => ({
  resolve: { alias },
  test: {
    name,
    include,
    exclude: ['**/node_modules/**', 'dist/**', ...exclude],
    testTimeout: timeout,
    hookTimeout: timeout,
    setupFiles: [source('test/seeded.ts')],
    pool: 'forks' as const,
    ...together,
    // The core keeps nothing between calls, so the files of a worker may share its modules: importing them again costs more than the tests.
    isolate: name !== 'pure',
  },
});

export default defineConfig({
  test: {
    projects: [
      project(
        'pure',
        ['test/**/*.test.ts', 'examples/**/*.test.ts'],
        ['test/kernel/**', 'test/inline/**', 'test/pack/**'],
        120_000,
        {},
      ),
      project('kernel', ['test/kernel/**/*.test.ts'], [], 300_000, IN_PAIRS),
      project('inline', ['test/inline/**/*.test.ts'], [], 300_000),
      // What is published, installed in empty projects: needs the registry.
      project('pack', ['test/pack/**/*.test.ts'], [], 300_000),
    ],
  },
});
