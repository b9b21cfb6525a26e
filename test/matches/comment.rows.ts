import { comment as match } from '../../matches/comment.ts';
import { ip4, udp } from '../../packet/build.ts';
import { sheet } from './sheet.ts';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--comment ""', '='],
        ['--comment foo-bar_1', '='],
        ['--comment foo.bar', '--comment "foo.bar"'],
        ['--comment "it\'s \\"q\\" \\\\ back"', '--comment "it\\\'s \\"q\\" \\\\ back"'],
        ['--comment --comment', '='],
        [`--comment ${'A'.repeat(300)}`, `--comment ${'A'.repeat(255)}`],
        ['', { fails: 'comment: option "--comment" must be specified' }],
        ['<|! --comment foo|>', { fails: 'comment: option "--comment" cannot be inverted.' }],
      ],
      lists: [['--comment "foo bar"', '/* foo bar */']],
      packets: [['--comment x', ip4({}, udp()), 'match']],
    },
    generate: (dice) => {
      const letters = Array.from({ length: dice.int(0, 12) }, () =>
        dice.pick([...'aZ09_- ./*$(){}!#&|;<>?`~^=+,:@%\u00e9']),
      );
      return `--comment "${letters.join('')}${dice.pick(['', '\\"', '\\\\', "\\'", "'", 'x'])}"`;
    },
  }),
];
