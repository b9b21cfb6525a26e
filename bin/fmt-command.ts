// sekisho fmt: the command line around fmt.ts.

import { builtinRegistry } from '../control/extensions.ts';
import { hostNames } from '../control/host-names.ts';
import type { Family } from '../packet/numbers.ts';
import { FmtBatch, type FmtOptions, fmt as format } from './fmt.ts';
import { complain, readText } from './input.ts';

export interface FmtCommandOptions {
  ipv4?: boolean;
  ipv6?: boolean;
  counters?: boolean;
  batch?: boolean;
}

export async function fmt(file: string | undefined, options: FmtCommandOptions): Promise<number> {
  if (options.ipv4 && options.ipv6) return complain('-4 and -6 cannot be used together');
  if (options.batch && file !== undefined) return complain('--batch reads standard input');
  const byName = file?.endsWith('.v4') ? 4 : 6;
  const family: Family = options.ipv4 ? 4 : options.ipv6 ? 6 : byName;
  const context: FmtOptions = {
    family,
    lookup: builtinRegistry(),
    names: hostNames(),
    file: file ?? '',
    counters: options.counters === true,
  };
  if (options.batch) return batch(context);
  try {
    const { stdout, stderr, exitCode } = format(readText(file), context);
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    return exitCode;
  } catch (error) {
    return complain(error);
  }
}

/** Answers each document when its separator has come: another program may wait for it before it sends the next. */
async function batch(context: FmtOptions): Promise<number> {
  const documents = new FmtBatch(context);
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) write(documents.feed(chunk as string));
  write(documents.end());
  return 0;
}

const write = (text: string): void => {
  if (text !== '') process.stdout.write(text);
};
