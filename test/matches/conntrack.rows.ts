import { IPS_ASSURED, IPS_CONFIRMED, IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from '../../conntrack/tracker.ts';
import { conntrack as match } from '../../matches/conntrack.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_UNTRACKED } from '../../packet/packet.ts';
import { inConnection } from './connections.ts';
import { address, list, not, number, ports, range, sheet, some } from './sheet.ts';

const six = ip6({}, udp());
const four = ip4({}, udp());
const STATES = ['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED', 'SNAT', 'DNAT', 'new', 'est'];
const STATUSES = ['NONE', 'EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'assured', 'conf'];

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--ctstate ESTABLISHED,RELATED', '--ctstate RELATED,ESTABLISHED'],
        [
          '! --ctstate DNAT,SNAT,UNTRACKED,ESTABLISHED,RELATED,NEW,INVALID',
          '! --ctstate INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED,SNAT,DNAT',
        ],
        ['--ctstate N,e', '--ctstate NEW,ESTABLISHED'],
        ['--ctproto tcp', '--ctproto 6'],
        ['! --ctproto 0', '='],
        ['--ctorigsrc 2001:db8::1/64 ! --ctorigdst ::/0', '=', 6],
        ['--ctreplsrc 10.1.2.3/255.255.0.0 --ctrepldst 10', '--ctreplsrc 10.1.2.3/16 --ctrepldst 0.0.0.10', 4],
        // A mask with holes counts as all ones.
        ['--ctorigsrc 10.1.2.3/255.0.255.0', '--ctorigsrc 10.1.2.3', 4],
        [
          '--ctorigsrcport 80:90 ! --ctorigdstport 5: --ctreplsrcport : --ctrepldstport 9:8',
          '--ctorigsrcport 80:90 ! --ctorigdstport 5:65535 --ctreplsrcport 0:65535 --ctrepldstport 9:8',
        ],
        // Protocol 0 is refused behind an inverted --ctstatus, and only there.
        ['! --ctstatus ASSURED <|--ctproto 0|>', { fails: 'conntrack: rule would never match protocol' }],
        ['--ctproto 0 ! --ctstatus ASSURED', '='],
        ['--ctstatus ASSURED,NONE', '--ctstatus ASSURED'],
        ['! --ctstatus NONE', '='],
        ['--ctexpire 0x10:', '--ctexpire 16:4294967295'],
        ['--ctdir reply', '--ctdir REPLY'],
        [
          '--ctdir ORIGINAL --ctexpire 5 --ctstatus CONFIRMED --ctorigsrcport 1 --ctproto 17 --ctstate NEW',
          '--ctstate NEW --ctproto 17 --ctorigsrcport 1 --ctstatus CONFIRMED --ctexpire 5 --ctdir ORIGINAL',
        ],
        ['', { fails: 'conntrack: At least one option is required' }],
        ['--ctstate <|NEW,FOO,EST|>', { fails: 'Bad ctstate "FOO,EST"' }],
        ['--ctstate <|""|>', { fails: 'Bad ctstate ""' }],
        ['--ctstatus <|SNAT|>', { fails: 'Bad ctstatus "SNAT"' }],
        ['--ctproto <|256|>', { fails: 'unknown protocol "256" specified' }],
        ['--ctdir <|REP|>', { fails: 'conntrack: Bad value for "--ctdir" option: "REP"' }],
        ['<|! --ctdir REPLY|>', { fails: 'conntrack: option "--ctdir" cannot be inverted.' }],
        [
          '--ctexpire <|4294967296|>',
          { fails: 'bad value for option "--ctexpire" near "4294967296", or out of range (0-4294967295).' },
        ],
        ['--ctorigsrc <|::1/129|>', { fails: 'neither a valid network mask nor valid CIDR (0-128).' }, 6],
        ['--ctorigsrc <|1.2.3.4/|>', { fails: 'neither a valid network mask nor valid CIDR (0-32).' }, 4],
      ],
      lists: [['! --ctstate NEW --ctdir REPLY --ctexpire 5', '! ctstate NEW ctexpire 5 ctdir REPLY']],
      packets: [
        ['--ctstate NEW', inConnection(six, CT_NEW, {}), 'match'],
        ['--ctstate NEW', inConnection(six, CT_ESTABLISHED, {}), 'no match'],
        ['! --ctstate NEW', inConnection(six, CT_ESTABLISHED, {}), 'match'],
        ['--ctstate INVALID', { packet: six, ctState: CT_INVALID }, 'match'],
        ['--ctstate UNTRACKED', { packet: six, ctState: CT_UNTRACKED }, 'match'],
        // Before the tracker has seen it (raw table).
        ['--ctstate INVALID', { packet: six, ctState: 0 }, 'match'],
        ['--ctstate SNAT', inConnection(six, CT_ESTABLISHED, { status: IPS_SRC_NAT }), 'match'],
        ['--ctstate SNAT', inConnection(six, CT_ESTABLISHED, { status: IPS_DST_NAT }), 'no match'],
        ['--ctstate NEW,DNAT', inConnection(six, CT_ESTABLISHED, { status: IPS_DST_NAT }), 'match'],
        ['! --ctstate SNAT', inConnection(six, CT_ESTABLISHED, { status: IPS_SRC_NAT }), 'no match'],
        // Without a connection the state alone decides, whatever else is asked.
        ['--ctstate INVALID --ctorigdst 9::9', { packet: six, ctState: CT_INVALID }, 'match'],
        ['! --ctproto 17', { packet: six, ctState: CT_INVALID }, 'no match'],
        ['--ctproto 17', inConnection(four, CT_NEW, {}), 'match'],
        ['! --ctproto 17', inConnection(four, CT_NEW, {}), 'no match'],
        ['--ctorigsrc 10.1.0.0/16', inConnection(four, CT_NEW, {}), 'match'],
        ['! --ctorigsrc 10.1.0.0/16', inConnection(four, CT_NEW, {}), 'no match'],
        ['--ctorigdst 10.2.0.1 --ctreplsrc 10.2.0.1 --ctrepldst 10.9.0.1', inConnection(four, CT_NEW, {}), 'match'],
        ['--ctrepldst 10.1.0.1', inConnection(four, CT_NEW, {}), 'no match'],
        ['--ctorigsrc fd00:1::/32', inConnection(six, CT_NEW, {}), 'match'],
        ['--ctorigsrc fd00:2::/32', inConnection(six, CT_NEW, {}), 'no match'],
        [
          '--ctorigsrcport 1024 --ctorigdstport 80 --ctreplsrcport :80 --ctrepldstport 61024:',
          inConnection(six, CT_NEW, {}),
          'match',
        ],
        ['--ctrepldstport 1024', inConnection(six, CT_NEW, {}), 'no match'],
        ['--ctorigsrcport 5:4', inConnection(six, CT_NEW, {}), 'no match'],
        ['! --ctorigsrcport 5:4', inConnection(six, CT_NEW, {}), 'match'],
        ['--ctstatus ASSURED', inConnection(six, CT_ESTABLISHED, { status: IPS_ASSURED | IPS_SEEN_REPLY }), 'match'],
        ['--ctstatus EXPECTED', inConnection(six, CT_ESTABLISHED, { status: IPS_CONFIRMED }), 'no match'],
        // No status bit at all is asked for, so nothing can be found.
        ['--ctstatus NONE', inConnection(six, CT_NEW, {}), 'no match'],
        ['! --ctstatus NONE', inConnection(six, CT_NEW, {}), 'match'],
        ['--ctexpire 30', inConnection(six, CT_NEW, { timeLeft: 30_999 }), 'match'],
        ['--ctexpire 30', inConnection(six, CT_NEW, { timeLeft: 29_999 }), 'no match'],
        // The clock of an entry starts when it is confirmed: behind this packet.
        [
          '--ctexpire 0',
          inConnection(six, CT_NEW, {}, (pkt) => {
            pkt.unconfirmed = true;
          }),
          'match',
        ],
        [
          '--ctdir REPLY',
          inConnection(six, CT_ESTABLISHED, {}, (pkt) => {
            pkt.direction = 1;
          }),
          'match',
        ],
        [
          '--ctdir ORIGINAL',
          inConnection(six, CT_ESTABLISHED, {}, (pkt) => {
            pkt.direction = 1;
          }),
          'no match',
        ],
      ],
    },
    generate(dice, family) {
      if (dice.chance(0.1)) return `${not(dice)}--ctstate ${list(dice, STATES)}`;
      const bits = family === 4 ? 32 : 128;
      const masked = (): string => {
        const host = address(dice, family);
        return dice.chance(0.5) ? host : `${host}/${number(dice, bits)}`;
      };
      const options = some(
        dice,
        [
          `${not(dice)}--ctstate ${list(dice, STATES)}`,
          `${not(dice)}--ctproto ${dice.pick(['tcp', 'udp', 'icmp', '0', '41', '255', '256', 'gre', 'all', 'SCTP', 'nope'])}`,
          ...['ctorigsrc', 'ctorigdst', 'ctreplsrc', 'ctrepldst'].map((name) => `${not(dice)}--${name} ${masked()}`),
          ...['ctorigsrcport', 'ctorigdstport', 'ctreplsrcport', 'ctrepldstport'].map(
            (name) => `${not(dice)}--${name} ${ports(dice)}`,
          ),
          `${not(dice)}--ctstatus ${list(dice, STATUSES)}`,
          `${not(dice)}--ctexpire ${range(dice, 0xffff_ffff)}`,
          `--ctdir ${dice.pick(['ORIGINAL', 'REPLY', 'reply', 'BOTH'])}`,
        ],
        0.25,
      );
      // One fault at a time: the tool finds this one while it reads, and ours at the end.
      return /--ctproto (0|all)\b/.test(options) ? options.replace('! --ctstatus', '--ctstatus') : options;
    },
  }),
];
