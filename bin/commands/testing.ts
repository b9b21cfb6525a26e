// Commands that test rules.

import { Option } from 'commander';
import { type CommandFamily, examples, many } from './family.ts';

export const testing: CommandFamily = (program, set) => {
  program
    .command('test')
    .description('run rule tests: YAML or JSON tables of packets and what is expected of them (docs/testing.md)')
    .argument('<files...>', 'test files')
    .option('--tap', 'results in the TAP format')
    .addOption(
      new Option('--json', 'every row with its result, and the coverage, as JSON').conflicts([
        'tap',
        'github',
        'gaps',
        'watch',
      ]),
    )
    .option('--junit <file>', 'write results as JUnit XML')
    .option('--github', 'annotations for GitHub workflows (default where GITHUB_ACTIONS is set)')
    .option('--coverage [percent]', 'show which rules the tests reached; fail below the percentage')
    .option(
      '--gaps',
      'show what was not tried of the rules that were reached: answers of conditions, ways back, ctstates',
    )
    .option('--min-rules <percent>', 'fail when fewer of the rules were reached')
    .option('--min-policies <percent>', 'fail when fewer of the policies decided')
    .option('--min-predicates <percent>', 'fail when conditions gave fewer of their answers (each: yes and no)')
    .option('--min-edges <percent>', 'fail when the walk came back from fewer of the chains that let it')
    .option('--min-states <percent>', 'fail when fewer of the ctstates that rules name were met')
    .option('--lcov <file>', 'write the coverage in the lcov format')
    .option('--html <file>', 'write the coverage as a page with the save files')
    .option('--watch', 'run again when a test or rule file changes')
    .action((files, options) => set(import('../test-command.ts').then(({ test }) => test(files, options))))
    .addHelpText('after', examples('sekisho test examples/web-server/test.yaml --coverage 100'));

  program
    .command('mutate')
    .description(
      'change the rules one slip at a time, and show which changes the tests do not notice (docs/testing.md)',
    )
    .argument('<files...>', 'test files')
    .option('--accepted <file>', 'survivors that are well as they are, with reasons (YAML)')
    .option('--min-score <percent>', 'fail below this share of killed mutants; without it any survivor fails')
    .option('--all', 'show equivalent and accepted mutants, too')
    .option('--json', 'print every mutant as JSON')
    .action((files, options) => set(import('../mutate.ts').then(({ mutate }) => mutate(files, options))))
    .addHelpText('after', examples('sekisho mutate examples/web-server/test.yaml'));

  program
    .command('diff')
    .description('which packets fare otherwise under other rules: of all that there are (docs/testing.md)')
    .argument(
      '<old>',
      'save file; a name that ends in .v4 or .v6 says the family of both, others are read for IPv4 and IPv6',
    )
    .argument('<new>', 'save file that is to take its place')
    .option('-4, --ipv4', 'the files are of iptables-save')
    .option('-6, --ipv6', 'the files are of ip6tables-save')
    .option('--json', 'the changes as JSON')
    .action((before, after, options) => set(import('../diff.ts').then(({ diff }) => diff(before, after, options))))
    .addHelpText('after', examples('sekisho diff rules.v4 new.v4'));

  program
    .command('replay')
    .description(
      'send a capture (pcap, pcapng) through rules: what passes, what does not, and what other rules would change',
    )
    .argument('<file>', 'capture, or - for standard input')
    .addOption(many('--rules <file>', 'save file for both families; FILE.v4, FILE.v6: that family'))
    .addOption(many('--rules4 <file>', 'save file for IPv4'))
    .addOption(many('--rules6 <file>', 'save file for IPv6'))
    .option('--setup <file>', 'take devices, settings, sets and rules from a test file')
    .addOption(new Option('--mode <mode>', 'bridge or router').choices(['bridge', 'router']).default('router'))
    .addOption(many('--device <device>', 'NAME[,address=ADDR/LEN]...[,route=PREFIX]...[,mtu=N], as often as needed'))
    .option('--in <device>', 'device that every packet comes in by (default: the one that its source is behind)')
    .addOption(many('--from <interface=device>', 'device for the packets of an interface of the capture (pcapng)'))
    .addOption(many('--against <file>', 'other rules: show the packets that fare otherwise'))
    .addOption(
      many('--change <command>', "a change while it runs: 'iptables -I FORWARD -p tcp -j DROP'; show what flips"),
    )
    .option('--at <frame>', 'the change, or the other rules, come behind this frame (default 0)')
    .option('--until <frame>', 'stop behind this frame')
    .option('--ignore-checksums', 'wrong checksums are no reason for INVALID')
    .option('--packets', 'one line a packet instead of one a flow')
    .option('--counters', 'show what each rule counted')
    .option('--connections', 'show the connections that are there at the end')
    .option('--json', 'packets, flows, counters and flips as JSON')
    .option('--out <file>', 'write the packets that passed, as they left, into a pcap file')
    .action((file, options) => set(import('../replay.ts').then(({ replay }) => replay(file, options))))
    .addHelpText(
      'after',
      examples(
        'sekisho replay seen.pcap --rules rules.v4 --rules rules.v6',
        'sekisho replay seen.pcap --rules old.v4 --against new.v4',
        "sekisho replay seen.pcap --rules rules.v4 --at 120 --change 'iptables -I FORWARD -s 192.0.2.9 -j DROP'",
      ),
    );
};
