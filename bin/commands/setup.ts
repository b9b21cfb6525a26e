// Commands about this installation.

import { Argument } from 'commander';
import { type CommandFamily, examples } from './family.ts';

export const setup: CommandFamily = (program, set) => {
  program
    .command('extensions')
    .description('the matches, targets and helpers that are attached')
    .option('--json', 'as JSON')
    .action((options) => set(import('../extensions.ts').then(({ extensions }) => extensions(options))))
    .addHelpText('after', examples('sekisho extensions', "sekisho extensions --json | jq -r '.[].name'"));

  program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .option(
      '--classic',
      'complete iptables, ip6tables and the other classic names too: where `sekisho links` made them',
    )
    .action((shell, options) => set(import('../completion/print.ts').then(({ print }) => print(shell, options))))
    .addHelpText(
      'after',
      examples(
        'source <(sekisho completion bash)',
        'sekisho completion --classic fish > ~/.config/fish/completions/sekisho.fish',
      ),
    );

  // What those scripts ask.
  program
    .command('complete', { hidden: true })
    .argument('<words...>')
    .action((words) => set(import('../completion/complete.ts').then(({ complete }) => complete(program, words))));

  program
    .command('man')
    .description('a manual page: of a command, or of all of them together')
    .argument('[name]', 'a command, or extension-list: every match and target')
    .option('--write <dir>', 'write all pages there')
    .action((name, options) =>
      set(import('../man/print.ts').then(({ man }) => man(program, name, options, program.version() ?? ''))),
    )
    .addHelpText('after', examples('sekisho man run | man -l -', 'sekisho man --write /usr/local/share/man/man8'));

  program
    .command('links')
    .description('make links with the classic names (iptables, ip6tables-save ...) in a folder')
    .argument('<dir>')
    .option('--json', 'the links that were made, as JSON')
    .action((directory, options) => set(import('../links.ts').then(({ links }) => links(directory, options))))
    .addHelpText('after', examples('sekisho links /opt/sekisho/bin && PATH=/opt/sekisho/bin:$PATH ./firewall.sh'));
};
