// Commands about this installation.

import { type CommandFamily, examples } from './family.ts';

export const setup: CommandFamily = (program, set) => {
  program
    .command('extensions')
    .description('the matches and targets that are attached')
    .option('--json', 'as JSON')
    .action((options) => set(import('../extensions.ts').then(({ extensions }) => extensions(options))));

  program
    .command('links')
    .description('make links with the classic names (iptables, ip6tables-save ...) in a folder')
    .argument('<dir>')
    .action((directory) => set(import('../links.ts').then(({ links }) => links(directory))))
    .addHelpText('after', examples('sekisho links /opt/sekisho/bin && PATH=/opt/sekisho/bin:$PATH ./firewall.sh'));
};
