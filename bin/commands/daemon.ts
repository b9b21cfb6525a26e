// Commands that ask or tell the daemon.

import { type CommandFamily, examples } from './family.ts';

export const daemon: CommandFamily = (program, set) => {
  program
    .command('status')
    .description('what the daemon is doing: devices, packets, drops by reason')
    .option('--json', 'as JSON')
    .action((options) => set(import('../ask-daemon.ts').then(({ status }) => status(options))))
    .addHelpText('after', examples('sekisho status', 'sekisho status --json | jq .drops'));

  program
    .command('connections')
    .description('the connection table of the daemon, as /proc/net/nf_conntrack shows it')
    .action(() => set(import('../ask-daemon.ts').then(({ connections }) => connections())));

  for (const [name, what] of [
    ['reload', 'load the rule files again'],
    ['stop', 'save the rules and end'],
  ] as const) {
    program
      .command(name)
      .description(`tell the daemon to ${what}`)
      .action(() => set(import('../ask-daemon.ts').then(({ tell }) => tell(name))));
  }
};
