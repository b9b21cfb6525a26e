// Commands that ask or tell the daemon.

import { Option } from 'commander';
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
    .option('--json', 'lists with their entries as JSON')
    .allowUnknownOption()
    .action((name, edits, options) =>
      set(import('../proc-files.ts').then(({ recent }) => recent(name, edits, options))),
    )
    .addHelpText(
      'after',
      examples(
        'sekisho recent',
        'sekisho recent ssh +192.0.2.1 -192.0.2.9',
        'sekisho recent ssh /',
        "sekisho recent --json ssh | jq -r '.[0].entries[].src'",
      ),
    );

  program
    .command('hashlimit')
    .description('the tables of -m hashlimit, as /proc/net/ipt_hashlimit and ip6t_hashlimit show them')
    .argument('[name]', 'of one table')
    .option('-4', 'of IPv4 only')
    .option('-6', 'of IPv6 only')
    .option('--json', 'tables with their entries as JSON')
    .action((name, options) => set(import('../proc-files.ts').then(({ hashlimit }) => hashlimit(name, options))))
    .addHelpText(
      'after',
      examples('sekisho hashlimit', 'sekisho hashlimit -6 web', "sekisho hashlimit --json | jq '.[].entries'"),
    );

  program
    .command('synproxy')
    .description('what SYNPROXY has met, as /proc/net/stat/synproxy shows it')
    .option('--json', 'as JSON')
    .action((options) => set(import('../proc-files.ts').then(({ synproxy }) => synproxy(options))))
    .addHelpText('after', examples('sekisho synproxy', 'sekisho synproxy --json | jq .cookie_invalid'));

  program
    .command('attach')
    .description("adds the matches and targets of a file to the daemon's language, while packets flow")
    .argument('<file>', 'a JavaScript module (docs/own-extensions.md)')
    .action((file) => set(import('../attach.ts').then(({ attach }) => attach(file))))
    .addHelpText('after', examples('sekisho attach examples/own-match/dnsname.mjs'));

  program
    .command('detach')
    .description('takes a match or target that came from a file away again, unless a rule uses it')
    .argument('<name>', 'as rules call it')
    .action((name) => set(import('../attach.ts').then(({ detach }) => detach(name))))
    .addHelpText('after', examples('sekisho detach dnsname'));

  program
    .command('nfacct')
    .description('the accounts that -m nfacct counts into, in the words of the nfacct tool')
    .argument(
      '<command...>',
      'list [reset] [json|xml], add NAME [packet|byte QUOTA], get NAME [reset], delete NAME, flush, restore',
    )
    .action((argv) => set(import('../attach.ts').then(({ nfacct }) => nfacct(argv))))
    .addHelpText('after', examples('sekisho nfacct add web byte 1000000', 'sekisho nfacct list reset json'));

  program
    .command('connections')
    .description('the connection table of the daemon, as /proc/net/nf_conntrack shows it')
    .option('--json', 'a JSON object a line')
    .action((options) => set(import('../ask-daemon.ts').then(({ connections }) => connections(options))))
    .addHelpText(
      'after',
      examples('sekisho connections', 'sekisho connections --json | jq .orig.src', 'sekisho conntrack -L'),
    );

  program
    .command('top')
    .description('what goes on in the daemon, live: rules and connections by rate, drops by reason, devices')
    .option('--once', 'print it once, without a terminal; also done where there is none')
    .option('--json', 'once, as JSON')
    .option('--interval <seconds>', 'between two looks (1)')
    .option('--filter <text>', 'only lines with that text')
    .option('--lines <number>', 'of each list, with --once (20)')
    .addOption(new Option('--sort <by>', 'rate or total').choices(['rate', 'total']).default('rate'))
    .action((options) => set(import('../top/top.ts').then(({ top }) => top(options))))
    .addHelpText(
      'after',
      `${examples('sekisho top', 'sekisho top --once --filter DROP', "sekisho top --json | jq '.rules[0]'")}
Keys: r c d lists, s sort, / filter, arrows scroll, p pause, h help, q quit.
`,
    );

  program
    .command('metrics')
    .description('what the daemon counts, in the text format of Prometheus')
    .option('--json', 'families of samples as JSON')
    .action((options) => set(import('../ask-daemon.ts').then(({ metrics }) => metrics(options))))
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

  for (const [name, what, example] of [
    ['reload', 'load the rule files again', 'sekisho run --config /etc/sekisho.yaml --dry-run && sekisho reload'],
    ['stop', 'save the rules and end', 'sekisho stop && sekisho ip6tables -S   # of the stored rules'],
  ] as const) {
    program
      .command(name)
      .description(`tell the daemon to ${what}`)
      .action(() => set(import('../ask-daemon.ts').then(({ tell }) => tell(name))))
      .addHelpText('after', examples(example));
  }
};
