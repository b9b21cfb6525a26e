// What the families of commands have in common.

import { type Command, Option } from 'commander';

/** Adds its commands to `program`; `set` takes a command's exit code. Bodies are modules of their own, loaded when called. */
export type CommandFamily = (program: Command, set: (result: Promise<number>) => Promise<void>) => void;

/** An option that may be given several times: a list, or nothing. */
export const many = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((value: string, before: string[] = []) => [...before, value]);

export const examples = (...lines: string[]): string =>
  `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  ${line}\n`).join('')}`;
