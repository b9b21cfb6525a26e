// The command-line frame: names, options and help. Each command's body is a module of its own, loaded when it is called.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { packageRoot } from '../control/package-root.ts';

/** Exit codes of our own commands: 0 ok, 1 a negative finding, 2 usage or parse error, 69 daemon unreachable, 77 no privilege. */
export const USAGE = 2;

const version = (): string =>
  (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version;

/** Runs the program; the value is the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let code = 0;
  const set = async (result: Promise<number>): Promise<void> => {
    code = await result;
  };
  const program = new Command('sekisho')
    .description('A stateful packet filter outside the kernel, and the tool to test firewall rules like code.')
    .version(version())
    .showHelpAfterError('(sekisho --help lists the commands)')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText('after', HELP_AFTER);

  program
    .command('demo')
    .description(
      'two namespaces, the engine inline between them, real rules, real traffic: what passes and what does not',
    )
    .option('--memory', 'do it in memory, even where root and TUN are at hand')
    .action((options) => set(import('./demo/demo.ts').then(({ demo }) => demo(options))))
    .addHelpText('after', examples('sekisho demo', 'sekisho demo --memory   # without root and TUN'));

  program
    .command('run')
    .description('filter inline between two TUN devices until told to stop')
    .option('--inside <device>', 'TUN device towards the clients: NAME[,netns=NS][,host=ADDR/LEN][,mtu=N]', 'inside')
    .option(
      '--outside <device>',
      'TUN device towards the world; in router mode also address=ADDR/LEN and route=PREFIX',
      'outside',
    )
    .addOption(
      new Option('--mode <mode>', 'bridge passes packets on unchanged; router routes them')
        .choices(['bridge', 'router'])
        .default('bridge'),
    )
    .addOption(
      many(
        '--rules <file>',
        'save file for both families (lines that begin with -4 or -6 are of one); FILE.v4, FILE.v6: that family',
      ),
    )
    .addOption(many('--rules4 <file>', 'save file for IPv4'))
    .addOption(many('--rules6 <file>', 'save file for IPv6'))
    .addOption(
      many('--sysctl <name=value>', 'kernel name of a setting, such as net.netfilter.nf_conntrack_tcp_loose=0'),
    )
    .option('--state-dir <dir>', 'where rules and socket are (SEKISHO_STATE_DIR)')
    .action((options) => set(import('./run.ts').then(({ run }) => run(options))))
    .addHelpText(
      'after',
      examples(
        'sekisho run --inside in0,netns=lan --outside out0,netns=wan --rules examples/border/rules.save',
        'sekisho run --mode router --inside in0,netns=lan,address=10.0.1.1/24 --outside out0,address=10.0.2.1/24,route=0.0.0.0/0',
        'sekisho run   # with the rules of the state directory',
      ),
    );

  program
    .command('fmt')
    .description('print the canonical form of a save file, byte for byte what restore and save of iptables 1.8.9 print')
    .option('-4, --ipv4', 'the file is of iptables-save')
    .option('-6, --ipv6', 'the file is of ip6tables-save (default; a name that ends in .v4 says otherwise)')
    .option('-c, --counters', 'keep the counters of the file')
    .option('--batch', 'many documents on standard input, each followed by a line %%')
    .argument('[file]', 'save file; - or none: standard input')
    .action((file, options) => set(import('./fmt-command.ts').then(({ fmt }) => fmt(file, options))))
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
    .action((files, options) => set(import('./play.ts').then(({ play }) => play(files, options))))
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
    .addOption(many('--rules <file>', 'save file for both families'))
    .addOption(many('--rules4 <file>', 'save file for IPv4'))
    .addOption(many('--rules6 <file>', 'save file for IPv6'))
    .option('--in <device>', 'device that the packet comes in by')
    .addOption(new Option('--mode <mode>', 'bridge or router').choices(['bridge', 'router']).default('router'))
    .option('--inside <device>', 'as for run', 'inside')
    .option('--outside <device>', 'as for run', 'outside')
    .addOption(
      many('--after <packet>', 'packet words that go through first, to make a connection; may be given several times'),
    )
    .option('--json', 'the walk as JSON')
    .action((words, options) => set(import('./trace.ts').then(({ trace }) => trace(words, options))))
    .addHelpText(
      'after',
      examples(
        'sekisho trace --rules examples/border/rules.save --mode bridge "tcp 10.77.0.2 > 10.77.0.3 dport 25 syn"',
        "sekisho trace --rules6 rules.v6 tcp 2001:db8::1 '>' 2001:db8::2 dport 443 syn",
        'sekisho trace --rules4 rules.v4 --json capture.pcap#7',
        'sekisho trace --rules4 rules.v4 --after "udp 10.0.1.5 > 10.0.2.9 dport 53" --in outside "udp 10.0.2.9 > 10.0.1.5 sport 53 dport 1024"',
      ),
    );

  program
    .command('test')
    .description('run rule tests: YAML or JSON tables of packets and what is expected of them (docs/testing.md)')
    .argument('<files...>', 'test files')
    .option('--tap', 'results in the TAP format')
    .option('--junit <file>', 'write results as JUnit XML')
    .option('--github', 'annotations for GitHub workflows (default where GITHUB_ACTIONS is set)')
    .option('--coverage [percent]', 'show which rules the tests reached; fail below the percentage')
    .option('--lcov <file>', 'write the coverage in the lcov format')
    .option('--watch', 'run again when a test or rule file changes')
    .action((files, options) => set(import('./test-command.ts').then(({ test }) => test(files, options))))
    .addHelpText('after', examples('sekisho test examples/web-server/test.yaml --coverage 100'));

  program
    .command('status')
    .description('what the daemon is doing: devices, packets, drops by reason')
    .option('--json', 'as JSON')
    .action((options) => set(import('./ask-daemon.ts').then(({ status }) => status(options))))
    .addHelpText('after', examples('sekisho status', 'sekisho status --json | jq .drops'));

  program
    .command('connections')
    .description('the connection table of the daemon, as /proc/net/nf_conntrack shows it')
    .action(() => set(import('./ask-daemon.ts').then(({ connections }) => connections())));

  for (const [name, what] of [
    ['reload', 'load the rule files again'],
    ['stop', 'save the rules and end'],
  ] as const) {
    program
      .command(name)
      .description(`tell the daemon to ${what}`)
      .action(() => set(import('./ask-daemon.ts').then(({ tell }) => tell(name))));
  }

  program
    .command('extensions')
    .description('the matches and targets that are attached')
    .option('--json', 'as JSON')
    .action((options) => set(import('./extensions.ts').then(({ extensions }) => extensions(options))));

  program
    .command('links')
    .description('make links with the classic names (iptables, ip6tables-save ...) in a folder')
    .argument('<dir>')
    .action((directory) => set(import('./links.ts').then(({ links }) => links(directory))))
    .addHelpText('after', examples('sekisho links /opt/sekisho/bin && PATH=/opt/sekisho/bin:$PATH ./firewall.sh'));

  // A host of the demonstration, inside its namespace.
  program.command('demo-peer', { hidden: true }).action(async () => {
    const { servePeer } = await import('./demo/peer.ts');
    servePeer();
  });

  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    throw error;
  }
}

/** An option that may be given several times: a list, or nothing. */
const many = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((value: string, before: string[] = []) => [...before, value]);

const examples = (...lines: string[]): string =>
  `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  ${line}\n`).join('')}`;

const HELP_AFTER = `
The classic tools: sekisho iptables, ip6tables, iptables-save, ip6tables-save, iptables-restore, ip6tables-restore take the words of
the real ones. They speak to the daemon where one serves the state directory, and work on the stored rules where none does.

Examples:
  sekisho demo                                     see it filter real traffic
  sekisho ip6tables -A FORWARD -p tcp --dport 22 -j DROP
  sekisho fmt -6 rules.v6                          canonical save text
  sekisho trace --rules6 rules.v6 tcp 2001:db8::1 '>' 2001:db8::2 dport 443 syn

Exit codes: 0 well, 1 no (a check or test failed, the daemon refused), 2 a mistake in words or rules, 69 no daemon answers,
77 not permitted. The classic tools have their own: 0, 1 refused, 2 bad parameter, 3 table or stored rules, 4 lock or files.
`;
