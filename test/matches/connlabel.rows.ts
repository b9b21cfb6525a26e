import { connlabel as match } from '../../matches/connlabel.ts';
import { ip6, udp } from '../../packet/build.ts';
import { CT_ESTABLISHED } from '../../packet/packet.ts';
import { inConnection } from './connections.ts';
import { not, number, sheet, some } from './sheet.ts';

const packet = ip6({}, udp());
const labelled = (...labels: readonly number[]) => inConnection(packet, CT_ESTABLISHED, { labels });

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--label 5', '--label "5"'],
        ['! --label 0x10 --set', '! --label "16" --set'],
        ['--set --label 127', '--label "127" --set'],
        ['--set', { fails: 'connlabel: option "--label" must be specified' }],
        ['--label <|""|>', { fails: 'Argument must have a minimum length of 1 characters' }],
        ['--label <|interactive|>', { fails: "label 'interactive' not found or invalid value" }],
        ['--label <|-1|>', { fails: "label '-1' not found or invalid value" }],
        ['--label 5 <|! --set|>', { fails: 'connlabel: option "--set" cannot be inverted.' }],
        ['--label 5 <|--label 6|>', { fails: 'connlabel: option "--label" can only be used once.' }],
      ],
      lists: [
        ['! --label 5', 'connlabel ! 5'],
        ['--label 5 --set', 'connlabel 5 set'],
      ],
      packets: [
        ['--label 5', labelled(5), 'match'],
        ['--label 5', labelled(4, 6, 127), 'no match'],
        ['! --label 5', labelled(4), 'match'],
        ['--label 127', labelled(127), 'match'],
        ['--label 5 --set', labelled(), 'match'],
        ['! --label 5 --set', labelled(), 'no match'],
        // The connection was made without room for labels: none can be set.
        ['--label 5 --set', inConnection(packet, CT_ESTABLISHED, {}), 'no match'],
        ['! --label 5 --set', inConnection(packet, CT_ESTABLISHED, {}), 'match'],
        // No connection.
        ['--label 5', packet, 'no match'],
        ['! --label 5', packet, 'match'],
      ],
    },
    generate: (dice) =>
      some(
        dice,
        [
          `${not(dice)}--label ${dice.chance(0.1) ? 'nosuch' : number(dice, dice.pick([127, 130, 0xffff]))}`,
          `${dice.chance(0.1) ? '! ' : ''}--set`,
        ],
        0.8,
      ),
  }),
];
