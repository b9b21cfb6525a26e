import { sctp as match } from '../../matches/sctp.ts';
import { fragment, ip4, ip6, raw, sctp } from '../../packet/build.ts';
import { fewNames, not, ports, sheet, some } from './sheet.ts';

const TYPES = [
  'DATA',
  'INIT',
  'INIT_ACK',
  'SACK',
  'HEARTBEAT',
  'HEARTBEAT_ACK',
  'ABORT',
  'SHUTDOWN',
  'SHUTDOWN_ACK',
  'ERROR',
  'COOKIE_ECHO',
  'COOKIE_ACK',
  'ECN_ECNE',
  'ECN_CWR',
  'SHUTDOWN_COMPLETE',
  'I_DATA',
  'ASCONF_ACK',
  'RE_CONFIG',
  'PAD',
  'FORWARD_TSN',
  'ASCONF',
  'I_FORWARD_TSN',
];
const DATA = { type: 0, flags: 3, data: 12 };
const SACK = { type: 3, data: 12 };
/** A header and nothing behind it. */
const bare = raw(132, Uint8Array.of(4, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0));

export const sheets = [
  sheet({
    match,
    rows: {
      frame: '-p sctp',
      names: fewNames,
      rules: [
        ['', ''],
        ['--dport 7: --sport 5:6', '--sport 5:6 --dport 7:65535'],
        // Unlike tcp, all ports stay when they were written.
        ['! --sport : --dport :', '! --sport 0:65535 --dport 0:65535'],
        ['--chunk-types ANY init', '--chunk-types any INIT'],
        ['! --chunk-types all INIT,DATA', '! --chunk-types all DATA,INIT'],
        ['--chunk-types only ASCONF,ASCONF_ACK,FORWARD_TSN', '--chunk-types only ASCONF_ACK,FORWARD_TSN,ASCONF'],
        ['--chunk-types any DATA:BeU,ABORT:t', '--chunk-types any DATA:UBe,ABORT:t'],
        ['--chunk-types any DATA:i,DATA:I,DATA:u', '--chunk-types any DATA:Iu'],
        // The tool takes flags of I_DATA and loses them.
        ['--chunk-types any I_DATA:iE', '--chunk-types any I_DATA'],
        ['--chunk-types any ALL', '='],
        ['--chunk-types any ""', '--chunk-types any NONE'],
        ['--dport <|6:5|>', { fails: 'invalid portrange (min > max)' }],
        ['--dport <|http|>', { fails: "invalid port/service `http' specified" }],
        ['--sport 1 <|--sport 2|>', { fails: "Only one `--source-port' allowed" }],
        ['--chunk-types <|some INIT|>', { fails: 'Match type has to be one of "ALL", "ANY" or "ONLY"' }],
        ['--chunk-types <|any FOO|>', { fails: "Unknown sctp chunk `FOO'" }],
        ['--chunk-types <|any INIT:T|>', { fails: 'Invalid flags for chunk type 1' }],
        ['<|--chunk-types any|> --dport 5', { fails: '--chunk-types requires two args' }],
      ],
      lists: [
        ['! --chunk-types any DATA:Be,ABORT:T', 'sctp ! any 0x0000:Be,0x0006:T', 'sctp ! any DATA:Be,ABORT:T'],
        ['--sport 5:6 --chunk-types only ALL', 'sctp spts:5:6 only ALL'],
      ],
      packets: [
        ['--dport 80', ip6({}, sctp({ dport: 80 })), 'match'],
        ['--dport 80', ip4({}, sctp({ dport: 81 })), 'no match'],
        ['! --sport 1:5', ip4({}, sctp({ sport: 6 })), 'match'],
        ['--chunk-types any INIT,DATA', ip6({}, sctp({ chunks: [SACK, DATA] })), 'match'],
        ['--chunk-types any INIT', ip6({}, sctp({ chunks: [SACK, DATA] })), 'no match'],
        ['! --chunk-types any INIT', ip6({}, sctp({ chunks: [SACK, DATA] })), 'match'],
        ['--chunk-types all SACK,DATA', ip6({}, sctp({ chunks: [SACK, DATA] })), 'match'],
        ['--chunk-types all SACK,DATA', ip6({}, sctp({ chunks: [SACK, SACK] })), 'no match'],
        ['--chunk-types all SACK', ip6({}, sctp({ chunks: [SACK, DATA] })), 'match'],
        ['--chunk-types only SACK,DATA', ip6({}, sctp({ chunks: [SACK, SACK] })), 'match'],
        ['--chunk-types only SACK', ip6({}, sctp({ chunks: [SACK, DATA] })), 'no match'],
        ['--chunk-types any DATA:BE', ip6({}, sctp({ chunks: [DATA] })), 'match'],
        ['--chunk-types any DATA:Be', ip6({}, sctp({ chunks: [DATA] })), 'no match'],
        ['--chunk-types any DATA:u', ip6({}, sctp({ chunks: [DATA] })), 'match'],
        ['--chunk-types all DATA:e', ip6({}, sctp({ chunks: [DATA, { type: 0, flags: 0, data: 5 }] })), 'match'],
        ['--chunk-types only DATA:E', ip6({}, sctp({ chunks: [DATA, { type: 0, flags: 0, data: 5 }] })), 'no match'],
        ['--chunk-types any I_DATA:E', ip6({}, sctp({ chunks: [{ type: 0x40, data: 16 }] })), 'match'],
        ['--chunk-types any NONE', ip6({}, sctp({ chunks: [DATA] })), 'no match'],
        ['--chunk-types all NONE', ip6({}, sctp({ chunks: [DATA] })), 'match'],
        ['--chunk-types only ALL', ip6({}, sctp({ chunks: [DATA, { type: 200, data: 0 }] })), 'match'],
        ['--chunk-types any DATA', ip4({}, sctp({ chunks: [{ type: 3, length: 0 }] })), 'drop'],
        ['--chunk-types any DATA', ip4({}, bare), 'drop'],
        ['--dport 80', ip4({}, bare), 'match'],
        ['', ip4({}, raw(132, new Uint8Array(11))), 'drop'],
        ['', ip6({}, fragment({ offset: 8, nextHeader: 132 }), raw(132, new Uint8Array(24))), 'no match'],
      ],
    },
    generate: (dice) => {
      const chunk = (): string => {
        const type = dice.pick(TYPES);
        const letters = type.endsWith('DATA') ? 'IUBEiube' : 'Tt';
        const flags = dice.chance(0.3) && (/DATA$|^ABORT$|COMPLETE$/.test(type) || dice.chance(0.1));
        return `${dice.chance(0.1) ? type.toLowerCase() : type}${flags ? `:${dice.some([...letters], 0.3).join('')}` : ''}`;
      };
      const chunks = dice.chance(0.15)
        ? dice.pick(['ALL', 'NONE', 'all', 'NOPE', 'DATA,,INIT'])
        : Array.from({ length: dice.int(1, 4) }, chunk).join(',');
      return some(
        dice,
        [
          `${not(dice)}--sport ${ports(dice)}`,
          `${not(dice)}--dport ${ports(dice)}`,
          `${not(dice)}--chunk-types ${dice.pick(['any', 'all', 'only', 'ONLY', 'Any'])} ${chunks}`,
        ],
        0.6,
      );
    },
  }),
];
