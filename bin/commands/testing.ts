// Commands that test rules.

import { type CommandFamily, examples } from './family.ts';

export const testing: CommandFamily = (program, set) => {
  program
    .command('test')
    .description('run rule tests: YAML or JSON tables of packets and what is expected of them (docs/testing.md)')
    .argument('<files...>', 'test files')
    .option('--tap', 'results in the TAP format')
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
};
