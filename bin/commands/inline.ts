// Commands that pass packets: the demonstration, the daemon.

import { Option } from 'commander';
import { IO_METHODS } from '../../tun/io-method.ts';
import { type CommandFamily, examples, many } from './family.ts';

export const inline: CommandFamily = (program, set) => {
  program
    .command('demo')
    .description(
      'two namespaces, the engine inline between them, real rules, real traffic: what passes and what does not',
    )
    .option('--memory', 'do it in memory, even where root and TUN are at hand')
    .action((options) => set(import('../demo/demo.ts').then(({ demo }) => demo(options))))
    .addHelpText('after', examples('sekisho demo', 'sekisho demo --memory   # without root and TUN'));

  program
    .command('run')
    .description('filter inline between two TUN devices until told to stop')
    .addOption(
      new Option('--config <file>', 'everything below in one YAML file, and more (docs/daemon.md)').conflicts([
        'inside',
        'outside',
        'mode',
        'queues',
        'io',
        'busyPoll',
        'rules',
        'rules4',
        'rules6',
        'sysctl',
        'stateDir',
        'namespace',
        'log',
        'metrics',
        'extension',
        'fingerprints',
      ]),
    )
    .option('--config-schema', 'print the JSON schema of that file, for editors')
    .option('--dry-run', 'check everything, say all that is wrong, change nothing')
    .option(
      '--inside <device>',
      'TUN device towards the clients: NAME[,netns=NS][,host=ADDR/LEN][,host-route=PREFIX][,mtu=N]',
      'inside',
    )
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
    .option('--queues <n>', 'queues of each device, with a thread for each that reads and writes (default: 1)')
    .addOption(
      new Option(
        '--io <method>',
        'how packets are read and written (default: io_uring where the machine allows it)',
      ).choices(IO_METHODS),
    )
    .option('--busy-poll <microseconds>', 'go on looking for packets that long before sleeping (default: 0)')
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
    .option('--namespace <ns>', 'make the devices there: a name, a path, pid:NUMBER or new:NAME, as for netns=')
    .option('--log <where>', 'lines of LOG rules and our own: stderr (default), syslog, or a file')
    .addOption(
      many('--extension <file>', "matches and targets of one's own: a JavaScript module (docs/own-extensions.md)"),
    )
    .option('--fingerprints <file>', 'a file like pf.os, for -m osf (/usr/share/xtables/pf.os where there is one)')
    .option('--metrics <address:port>', 'serve Prometheus there; with ,open behind it also to other machines')
    .action((options) => set(import('../run.ts').then(({ run }) => run(options))))
    .addHelpText(
      'after',
      examples(
        'sekisho run --inside in0,netns=lan --outside out0,netns=wan --rules examples/border/rules.save',
        'sekisho run --mode router --inside in0,netns=lan,address=10.0.1.1/24 --outside out0,address=10.0.2.1/24,route=0.0.0.0/0',
        'sekisho run   # with the rules of the state directory',
        'sekisho run --config /etc/sekisho.yaml --dry-run && sekisho run --config /etc/sekisho.yaml',
        'sekisho run --inside in0,netns=pid:$(docker inspect -f {{.State.Pid}} web),host=10.9.0.2/24,host-route=0.0.0.0/0 --outside out0,host=10.9.0.1/24',
      ),
    );

  // A host of the demonstration, inside its namespace.
  program.command('demo-peer', { hidden: true }).action(async () => {
    const { servePeer } = await import('../demo/peer.ts');
    servePeer();
  });
};
