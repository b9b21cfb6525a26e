// What may stand next behind `sekisho`: read from the command-line frame itself.

import type { Command, Option } from 'commander';
import type { Candidate } from './candidate.ts';

/** Candidates for the word `partial` behind `words` (the program's name is not among them). 'files': any path may stand there. */
export function completeCommand(
  program: Command,
  words: readonly string[],
  partial: string,
): readonly Candidate[] | 'files' {
  if (words.length === 0) return commandsOf(program);
  const command = program.commands.find((one) => one.name() === words[0]);
  if (!command) return 'files';
  const waiting = command.options.find((option) => takes(option) && named(option, words.at(-1)));
  if (waiting) return choices(waiting.argChoices);
  if (!partial.startsWith('-') && command.registeredArguments.length > 0)
    return choices(command.registeredArguments[0].argChoices);
  return command.options
    .filter((option) => !option.hidden)
    .map(({ long, short, description }) => ({ word: long ?? short ?? '', help: description }));
}

const choices = (words: readonly string[] | undefined): readonly Candidate[] | 'files' =>
  words?.map((word) => ({ word, help: '' })) ?? 'files';

const takes = (option: Option): boolean => option.required;
const named = (option: Option, word: string | undefined): boolean => word === option.long || word === option.short;

const commandsOf = (program: Command): Candidate[] =>
  program
    .createHelp()
    .visibleCommands(program)
    .map((command) => ({
      word: command.name(),
      help: command.description(),
    }));
