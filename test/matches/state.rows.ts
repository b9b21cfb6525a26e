import { state as match } from '../../matches/state.ts';
import { ip6, udp } from '../../packet/build.ts';
import { CT_ESTABLISHED, CT_RELATED, CT_UNTRACKED } from '../../packet/packet.ts';
import { inConnection } from './connections.ts';
import { list, not, sheet } from './sheet.ts';

const six = ip6({}, udp());

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--state ESTABLISHED,RELATED', '--state RELATED,ESTABLISHED'],
        ['! --state invalid,U', '! --state INVALID,UNTRACKED'],
        ['', { fails: 'state: option "--state" must be specified' }],
        ['--state <|SNAT|>', { fails: 'Bad state "SNAT"' }],
        ['--state <|NEW,|>', { fails: '"--state" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED' }],
        ['<|--ctstate|> NEW', { fails: 'unknown option "--ctstate"' }],
      ],
      lists: [['! --state NEW', '! state NEW']],
      packets: [
        ['--state RELATED', inConnection(six, CT_RELATED, {}), 'match'],
        ['--state RELATED', inConnection(six, CT_ESTABLISHED, {}), 'no match'],
        ['! --state UNTRACKED', { packet: six, ctState: CT_UNTRACKED }, 'no match'],
      ],
    },
    generate: (dice) =>
      `${not(dice)}--state ${list(dice, ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'n', 'Rel', 'X', ''])}`,
  }),
];
