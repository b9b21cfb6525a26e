import { LOG } from '../../../targets/LOG.ts';
import { NFLOG } from '../../../targets/NFLOG.ts';
import { NFQUEUE } from '../../../targets/NFQUEUE.ts';
import { exclusive, type Subject } from './subject.ts';

const DIGITS = '0123456789';

export const log: readonly Subject[] = [
  {
    target: LOG,
    table: 'filter',
    chain: 'FORWARD',
    rules: [
      ['', '='],
      ['--log-level 7', '='],
      ['--log-level 4', ''],
      ['--log-level warning', ''],
      ['--log-level 0x3', '--log-level 3'],
      ['--log-level emerg', '--log-level 0'],
      ['--log-level panic', '--log-level 0'],
      ['--log-level alert', '--log-level 1'],
      ['--log-level crit', '--log-level 2'],
      ['--log-level error', '--log-level 3'],
      ['--log-level notice', '--log-level 5'],
      ['--log-level info', '--log-level 6'],
      ['--log-level debug', '--log-level 7'],
      ['--log-level <|warn|>', { fails: 'log level "warn" unknown' }],
      ['--log-level <|DEBUG|>', { fails: 'log level "DEBUG" unknown' }],
      ['--log-level <|8|>', { fails: 'log level "8" unknown' }],
      ['--log-prefix foo', '='],
      ['--log-prefix "foo "', '='],
      ['--log-prefix "a\\"b\\\'c\\\\d"', '='],
      ['--log-prefix a:b', '--log-prefix "a:b"'],
      ['--log-prefix é', '--log-prefix "é"'],
      [`--log-prefix ${DIGITS.repeat(3)}`, `--log-prefix ${DIGITS.repeat(2)}012345678`],
      ['--log-prefix <|""|>', { fails: 'Argument must have a minimum length of 1 characters' }],
      [
        '--log-macdecode --log-level info --log-prefix x --log-uid',
        '--log-prefix x --log-level 6 --log-uid --log-macdecode',
      ],
      ['--log-tcp-sequence --log-tcp-options --log-ip-options --log-uid --log-macdecode', '='],
      ['--log-uid <|--log-uid|>', { fails: 'LOG: option "--log-uid" can only be used once.' }],
      ['<|! --log-uid|>', { fails: 'LOG: option "--log-uid" cannot be inverted.' }],
    ],
    lists: [
      ['', 'LOG flags 0 level 4', 'LOG level warn'],
      ['--log-level error', 'LOG flags 0 level 3', 'LOG level err'],
      [
        '--log-prefix "foo " --log-uid --log-ip-options',
        'LOG flags 12 level 4 prefix "foo "',
        'LOG level warn ip-options uid prefix "foo "',
      ],
      [
        '--log-tcp-sequence --log-tcp-options --log-macdecode',
        'LOG flags 35 level 4',
        'LOG level warn tcp-sequence tcp-options macdecode',
      ],
    ],
  },
  {
    target: NFLOG,
    table: 'filter',
    chain: 'INPUT',
    rules: [
      ['', '='],
      ['--nflog-group 5', '='],
      ['--nflog-group 0', ''],
      ['--nflog-group <|65536|>', { fails: 'NFLOG: bad value for option "--nflog-group", or out of range (0-65535).' }],
      ['--nflog-prefix "foo bar "', '='],
      [`--nflog-prefix ${DIGITS.repeat(7)}`, `--nflog-prefix ${DIGITS.repeat(6)}012`],
      ['--nflog-prefix <|""|>', { fails: 'Argument must have a minimum length of 1 characters' }],
      ['--nflog-size 0', '='],
      ['--nflog-size 4294967295', '='],
      ['--nflog-threshold 0', ''],
      [
        '--nflog-threshold 3 --nflog-group 1 --nflog-size 10 --nflog-prefix x',
        '--nflog-prefix x --nflog-group 1 --nflog-size 10 --nflog-threshold 3',
      ],
      [
        '--nflog-threshold <|65536|>',
        { fails: 'NFLOG: bad value for option "--nflog-threshold", or out of range (0-65535).' },
      ],
      ['--nflog-range 100', '='],
      ['--nflog-range 0', ''],
    ],
    lists: [
      ['', ''],
      [
        '--nflog-threshold 3 --nflog-group 1 --nflog-size 10 --nflog-prefix "x y"',
        'nflog-prefix "x y" nflog-group 1 nflog-size 10 nflog-threshold 3',
      ],
    ],
  },
  {
    target: NFQUEUE,
    table: 'filter',
    chain: 'OUTPUT',
    rules: [
      ['', '--queue-num 0'],
      ['--queue-num 0x10', '--queue-num 16'],
      ['--queue-bypass', '--queue-num 0 --queue-bypass'],
      ['--queue-balance 0:3', '='],
      ['--queue-balance :3', '--queue-balance 0:3'],
      ['--queue-balance 3:', '--queue-balance 3:65535'],
      [
        '--queue-balance 1:3 --queue-cpu-fanout --queue-bypass',
        '--queue-balance 1:3 --queue-bypass --queue-cpu-fanout',
      ],
      ['--queue-num <|65536|>', { fails: 'NFQUEUE: bad value for option "--queue-num", or out of range (0-65535).' }],
      ['--queue-balance <|3:3|>', { fails: '3 should be less than 3' }],
      ['--queue-balance <|3|>', { fails: 'Bad range "3"' }],
      [
        '--queue-balance <|1-3|>',
        { fails: 'NFQUEUE: Argument to "--queue-balance" has unexpected characters near "-3".' },
      ],
      ['--queue-balance <|1:2:3|>', { fails: 'NFQUEUE: Too many components for option "--queue-balance" (max: 2)' }],
      [
        '--queue-balance <|0:65536|>',
        { fails: 'NFQUEUE: bad value for option "--queue-balance" near "65536", or out of range (0-65535).' },
      ],
      ['<|--queue-cpu-fanout|>', { fails: 'NFQUEUE: option "--queue-cpu-fanout" also requires "--queue-balance".' }],
      ...exclusive('NFQUEUE', ['--queue-num 1', '--queue-balance 1:3']),
    ],
    lists: [
      ['', 'NFQUEUE num 0'],
      ['--queue-balance 1:3 --queue-cpu-fanout --queue-bypass', 'NFQUEUE balance 1:3 bypass cpu-fanout'],
    ],
  },
];
