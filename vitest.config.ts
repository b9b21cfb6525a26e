import { defineConfig } from 'vitest/config';

// Three tiers (CONTRIBUTING.md): `pure` needs nothing, `kernel` needs root and the real iptables, `inline` needs root and TUN.
const project = (name: string, include: string[], exclude: string[], timeout: number) => ({
  test: {
    name,
    include,
    exclude: ['**/node_modules/**', 'dist/**', ...exclude],
    testTimeout: timeout,
    hookTimeout: timeout,
    pool: 'forks' as const,
    // Namespaces are of a process: one test file at a time there.
    fileParallelism: name === 'pure',
  },
});

export default defineConfig({
  test: {
    projects: [
      project('pure', ['test/**/*.test.ts'], ['test/kernel/**', 'test/inline/**'], 20_000),
      project('kernel', ['test/kernel/**/*.test.ts'], [], 300_000),
      project('inline', ['test/inline/**/*.test.ts'], [], 300_000),
    ],
  },
});
