#!/usr/bin/env node
// The one program. Under an iptables-like name, or with one as its first word, it is that tool and loads nothing else: scripts call
// these a thousand times (compiled.ts). Everything else goes through the command-line frame in cli.ts.

import { basename } from 'node:path';
import { programs } from './compiled.ts';
import { PROGRAM_NAMES } from './program-names.ts';

// A reader that goes away early (`sekisho ... | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

/** The value is the exit code. */
async function main(): Promise<number> {
  const called = basename(process.argv[1] ?? '').replace(/\.[cm]?js$/, '');
  const words = process.argv.slice(2);
  const [name, argv] = PROGRAM_NAMES.includes(called) ? [called, words] : [words[0] ?? '', words.slice(1)];
  if (PROGRAM_NAMES.includes(name)) return (await programs()).run(name, argv);
  return (await import('./cli.ts')).main(process.argv);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    // A file that SEKISHO_EXTENSIONS names, whatever the command was.
    if (error.name !== 'ExtensionError') throw error;
    process.stderr.write(`sekisho: ${error.message}\n`);
    process.exitCode = 2;
  },
);
