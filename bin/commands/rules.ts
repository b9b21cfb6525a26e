// Commands about rules and single packets, without a daemon.

import { Option } from 'commander';
import { type CommandFamily, examples, many } from './family.ts';

export const rules: CommandFamily = (program, set) => {
  program
    .command('fmt')
    .description('print the canonical form of a save file, byte for byte what restore and save of iptables 1.8.9 print')
    .option('-4, --ipv4', 'the file is of iptables-save')
    .option('-6, --ipv6', 'the file is of ip6tables-save (default; a name that ends in .v4 says otherwise)')
    .option('-c, --counters', 'keep the counters of the file')
    .option('--batch', 'many documents on standard input, each followed by a line %%')
    .argument('[file]', 'save file; - or none: standard input')
    .action((file, options) => set(import('../fmt-command.ts').then(({ fmt }) => fmt(file, options))))
    .addHelpText(
      'after',
      `${examples('sekisho fmt rules.v6', 'sekisho fmt -4 rules.save > canonical', "printf '*filter\\nCOMMIT\\n%%%%\\n' | sekisho fmt -6 --batch")}
Exit code 0; 1 for a table that is refused; 2 for a bad parameter.
Differs: the comment lines of iptables-save, which hold a date, are not printed.
`,
    );

  program
    .command('play')
    .description('run scenarios (JSON, or one a line) in memory on virtual time; prints one result a line')
    .argument('[files...]', 'scenario files; none: standard input')
    .option('--pretty', 'indent the results')
    .action((files, options) => set(import('../play.ts').then(({ play }) => play(files, options))))
    .addHelpText('after', examples('sekisho play scenario.json', 'sekisho play < scenarios.jsonl > results.jsonl'));

  program
    .command('trace')
    .description(
      'walk one packet through a rule set: every table, chain and rule met, why it matched or not, the verdict',
    )
    .argument(
      '<packet...>',
      'words such as: tcp 2001:db8::1 > 2001:db8::2 dport 443 syn; or hex octets; or FILE.pcap#N',
    )
    .addOption(many('--rules <file>', 'save file for both families; none: the rules and sets in force'))
    .addOption(many('--rules4 <file>', 'save file for IPv4'))
    .addOption(many('--rules6 <file>', 'save file for IPv6'))
    .addOption(
      new Option('--config <file>', "devices and settings of a daemon's configuration file").conflicts([
        'mode',
        'inside',
        'outside',
      ]),
    )
    .option('--in <device>', 'device that the packet comes in by')
    .addOption(new Option('--mode <mode>', 'bridge or router').choices(['bridge', 'router']).default('router'))
    .option('--inside <device>', 'as for run', 'inside')
    .option('--outside <device>', 'as for run', 'outside')
    .addOption(
      many('--after <packet>', 'packet words that go through first, to make a connection; may be given several times'),
    )
    .option('--json', 'the walk as JSON')
    .action((words, options) => set(import('../trace.ts').then(({ trace }) => trace(words, options))))
    .addHelpText(
      'after',
      examples(
        'sekisho trace --rules examples/border/rules.save --mode bridge "tcp 10.77.0.2 > 10.77.0.3 dport 25 syn"',
        "sekisho trace --rules6 rules.v6 tcp 2001:db8::1 '>' 2001:db8::2 dport 443 syn",
        "sekisho trace --config /etc/sekisho/sekisho.yaml --in out0 tcp 192.0.2.9 '>' 10.0.1.2 dport 22 syn",
        'sekisho trace --rules4 rules.v4 --json capture.pcap#7',
        'sekisho trace --rules4 rules.v4 --after "udp 10.0.1.5 > 10.0.2.9 dport 53" --in outside "udp 10.0.2.9 > 10.0.1.5 sport 53 dport 1024"',
      ),
    );
};
