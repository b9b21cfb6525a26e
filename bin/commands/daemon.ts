// Commands that ask or tell the daemon.

import { type CommandFamily, examples, many } from './family.ts';

export const daemon: CommandFamily = (program, set) => {
  program
    .command('status')
    .description('what the daemon is doing: devices, packets, drops by reason')
    .option('--json', 'as JSON')
    .action((options) => set(import('../ask-daemon.ts').then(({ status }) => status(options))))
    .addHelpText('after', examples('sekisho status', 'sekisho status --json | jq .drops'));

  program
    .command('recent')
    .description('the lists of -m recent, as /proc/net/xt_recent shows them; edits: +ADDRESS, -ADDRESS, / for all')
    .argument('[name]', 'of one list')
    .argument('[edits...]', 'what to change in it first')
    .allowUnknownOption()
    .action((name, edits) => set(import('../proc-files.ts').then(({ recent }) => recent(name, edits))))
    .addHelpText(
      'after',
      examples('sekisho recent', 'sekisho recent ssh +192.0.2.1 -192.0.2.9', 'sekisho recent ssh /'),
    );

  program
    .command('hashlimit')
    .description('the tables of -m hashlimit, as /proc/net/ipt_hashlimit and ip6t_hashlimit show them')
    .argument('[name]', 'of one table')
    .option('-4', 'of IPv4 only')
    .option('-6', 'of IPv6 only')
    .action((name, options) => set(import('../proc-files.ts').then(({ hashlimit }) => hashlimit(name, options))))
    .addHelpText('after', examples('sekisho hashlimit', 'sekisho hashlimit -6 web'));

  program
    .command('connections')
    .description('the connection table of the daemon, as /proc/net/nf_conntrack shows it')
    .action(() => set(import('../ask-daemon.ts').then(({ connections }) => connections())));

  program
    .command('metrics')
    .description('what the daemon counts, in the text format of Prometheus')
    .action(() => set(import('../ask-daemon.ts').then(({ metrics }) => metrics())))
    .addHelpText(
      'after',
      examples('sekisho metrics | grep sekisho_drops_total', 'sekisho metrics > /var/lib/node_exporter/sekisho.prom'),
    );

  program
    .command('monitor')
    .description('what happens in the daemon, a line each: packets of LOG rules, traces, connections, notes')
    .argument('[kinds...]', 'log, trace, connection, expectation, note; none: all')
    .option('--json', 'one JSON object a line')
    .option('-4, --ipv4', 'only of IPv4')
    .option('-6, --ipv6', 'only of IPv6')
    .option('-p, --protocol <name>', 'only of that protocol')
    .option('-a, --address <prefix>', 'only with a source or destination in there')
    .option('--port <number>', 'only with that source or destination port')
    .option('--level <number>', 'only log lines of that syslog level or more urgent (0 to 7)')
    .option('--match <text>', 'only lines with that text in them')
    .addOption(many('--type <type>', 'only connections that are new, update or destroy; may be given several times'))
    .action((kinds, options) => set(import('../monitor.ts').then(({ monitor }) => monitor(kinds, options))))
    .addHelpText(
      'after',
      `${examples(
        'sekisho monitor',
        'sekisho monitor trace -6 --address 2001:db8::/32',
        'sekisho monitor connection --type new --json | jq -r .entry.orig.dst',
      )}
The daemon looks through the filters, so that what is not wanted costs little. Who reads too slowly is told so and dropped.
`,
    );

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
