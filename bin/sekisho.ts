#!/usr/bin/env node
// The one program. Under an iptables-like name, or with one as its first word, it is that tool and loads nothing else: scripts call
// these a thousand times. Everything else goes through the command-line frame in cli.ts.

import { basename } from 'node:path';
import { PROGRAMS } from './programs.ts';

// A reader that goes away early (`sekisho ... | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const called = basename(process.argv[1] ?? '').replace(/\.[cm]?js$/, '');
const words = process.argv.slice(2);
const [name, argv] = PROGRAMS.has(called) ? [called, words] : [words[0] ?? '', words.slice(1)];
const program = PROGRAMS.get(name);

try {
  if (program) process.exitCode = await program(name, argv);
  else {
    const { main } = await import('./cli.ts');
    process.exitCode = await main(process.argv);
  }
} catch (error) {
  // A file that SEKISHO_EXTENSIONS names, whatever the command was.
  if ((error as Error).name !== 'ExtensionError') throw error;
  process.stderr.write(`sekisho: ${(error as Error).message}\n`);
  process.exitCode = 2;
}
