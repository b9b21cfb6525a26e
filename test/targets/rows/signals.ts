import { CLUSTERIP } from '../../../targets/CLUSTERIP.ts';
import { LED } from '../../../targets/LED.ts';
import { RATEEST } from '../../../targets/RATEEST.ts';
import { SECMARK } from '../../../targets/SECMARK.ts';
import { ULOG } from '../../../targets/ULOG.ts';
import type { Subject } from './subject.ts';

const MODULE = 'not confirmed by the kernel: module missing';
// Save and list texts of those were read from the tool with a stand-in for the kernel's tables.

const MADE = '--new --hashmode sourceip --clustermac 01:00:5E:00:00:20 --total-nodes 2 --local-node 1';
const COMBINATION = 'CLUSTERIP target: Invalid parameter combination';

export const signals: readonly Subject[] = [
  {
    target: RATEEST,
    table: 'mangle',
    chain: 'PREROUTING',
    alone: true,
    rules: [
      ['--rateest-name a --rateest-interval 250.0ms --rateest-ewmalog 500.0ms', '='],
      [
        '--rateest-name b --rateest-interval 250ms --rateest-ewmalog 0.5s',
        '--rateest-name b --rateest-interval 250.0ms --rateest-ewmalog 500.0ms',
      ],
      [
        // Without a unit: microseconds.
        '--rateest-name c --rateest-interval 1 --rateest-ewmalog 2',
        '--rateest-name c --rateest-interval 250.0ms --rateest-ewmalog 500.0ms',
      ],
      [
        '--rateest-name d --rateest-interval 8s --rateest-ewmalog 100s',
        '--rateest-name d --rateest-interval 8.0s --rateest-ewmalog 64.0s',
      ],
      [
        '--rateest-name e --rateest-interval 300MSEC --rateest-ewmalog 20000000usecs',
        '--rateest-name e --rateest-interval 500.0ms --rateest-ewmalog 32.0s',
      ],
      [
        '--rateest-name f --rateest-interval 1e0s --rateest-ewmalog 0x3s',
        '--rateest-name f --rateest-interval 1.0s --rateest-ewmalog 2.0s',
      ],
      [
        '--rateest-name 0123456789012345 --rateest-interval 500ms --rateest-ewmalog 3s',
        '--rateest-name 012345678901234 --rateest-interval 500.0ms --rateest-ewmalog 2.0s',
      ],
      ['--rateest-name a --rateest-interval <|2m|>', { fails: 'RATEEST: bad interval value "2m"' }],
      ['--rateest-name a --rateest-ewmalog <|x|>', { fails: 'RATEEST: bad ewmalog value "x"' }],
      [
        '--rateest-name a <|--rateest-interval 16s|> --rateest-ewmalog 100s',
        { fails: 'RATEEST: interval value is too large' },
      ],
      ['--rateest-name a --rateest-interval -3', { fails: 'RATEEST: interval value is too large' }],
      [
        '--rateest-name a --rateest-interval 500ms <|--rateest-ewmalog 600ms|>',
        { fails: 'RATEEST: ewmalog value is out of range' },
      ],
      ['--rateest-name a --rateest-interval 500ms', { fails: 'RATEEST: ewmalog value is out of range' }],
      ['--rateest-interval 1s --rateest-ewmalog 2s', { fails: 'RATEEST: option "--rateest-name" must be specified' }],
    ],
    oneWay: [
      [
        '--rateest-name "" --rateest-interval 1s --rateest-ewmalog 2s',
        '--rateest-name  --rateest-interval 1.0s --rateest-ewmalog 2.0s',
      ],
      [
        '--rateest-name "a b" --rateest-interval 1s --rateest-ewmalog 2s',
        '--rateest-name a b --rateest-interval 1.0s --rateest-ewmalog 2.0s',
      ],
    ],
    lists: [['--rateest-name a --rateest-interval 2s --rateest-ewmalog 20s', 'name a interval 2.0s ewmalog 16.0s']],
  },
  {
    target: LED,
    table: 'filter',
    chain: 'INPUT',
    notInKernel: MODULE,
    rules: [
      ['--led-trigger-id foo', '--led-trigger-id "foo"'],
      ['--led-trigger-id "foo bar" --led-delay 16 --led-always-blink', '='],
      [
        '--led-always-blink --led-delay 0x10 --led-trigger-id a',
        '--led-trigger-id "a" --led-delay 16 --led-always-blink',
      ],
      ['--led-trigger-id a --led-delay 0', '--led-trigger-id "a"'],
      ['--led-trigger-id "a\\"b"', '='],
      ['', { fails: 'LED: option "--led-trigger-id" must be specified' }],
      ['--led-trigger-id <|01234567890123456|>', { fails: 'Argument must have a maximum length of 16 characters' }],
      ['--led-trigger-id a --led-delay <|-5|>', { fails: 'Delay value must be within range 0..4294967295' }],
      [
        '--led-trigger-id a --led-delay <|12x|>',
        { fails: 'Delay value must be within range 0..4294967295', hint: 'inf' },
      ],
      ['--led-trigger-id a --led-delay <|4294967296|>', { fails: 'Delay value must be within range 0..4294967295' }],
    ],
    oneWay: [
      ['--led-trigger-id a --led-delay INF', '--led-trigger-id "a" --led-delay -1'],
      ['--led-trigger-id a --led-delay 4294967295', '--led-trigger-id "a" --led-delay -1'],
    ],
    lists: [
      ['--led-trigger-id foo', 'led-trigger-id:"foo" led-delay:0ms'],
      [
        '--led-trigger-id foo --led-delay inf --led-always-blink',
        'led-trigger-id:"foo" led-delay:inf led-always-blink',
      ],
    ],
  },
  {
    target: SECMARK,
    table: 'security',
    chain: 'INPUT',
    notInKernel: 'not confirmed by the kernel: without a security module it knows no context',
    rules: [
      ['--selctx system_u:object_r:foo_t:s0', '='],
      [`--selctx ${'0123456789'.repeat(30)}`, `--selctx ${'0123456789'.repeat(25)}01234`],
      ['', { fails: 'SECMARK: option "--selctx" must be specified' }],
      ['--selctx a <|--selctx b|>', { fails: 'SECMARK: option "--selctx" can only be used once.' }],
    ],
    oneWay: [
      ['--selctx "a b"', '--selctx a b'],
      ['--selctx ""', '--selctx '],
    ],
    lists: [['--selctx foo', 'SECMARK selctx foo']],
  },
  {
    target: ULOG,
    table: 'filter',
    chain: 'INPUT',
    notInKernel: MODULE,
    rules: [
      ['', '='],
      ['--ulog-nlgroup 1 --ulog-qthreshold 1 --ulog-cprange 0', ''],
      [
        '--ulog-nlgroup 32 --ulog-qthreshold 50 --ulog-cprange 100 --ulog-prefix foo',
        '--ulog-prefix foo --ulog-nlgroup 32 --ulog-cprange 100 --ulog-qthreshold 50',
      ],
      ['--ulog-prefix "foo bar"', '='],
      ['--ulog-prefix 0123456789012345678901234567890123', '--ulog-prefix 0123456789012345678901234567890'],
      ['--ulog-cprange 18446744073709551615', '--ulog-cprange 4294967295'],
      ['--ulog-nlgroup <|33|>', { fails: 'ULOG: bad value for option "--ulog-nlgroup", or out of range (1-32).' }],
      ['--ulog-qthreshold <|0|>', { fails: 'ULOG: bad value for option "--ulog-qthreshold", or out of range (1-50).' }],
      [
        '--ulog-cprange <|x|>',
        { fails: 'ULOG: bad value for option "--ulog-cprange", or out of range (0-18446744073709551615).' },
      ],
      ['--ulog-prefix <|""|>', { fails: 'Argument must have a minimum length of 1 characters' }],
    ],
    oneWay: [['--ulog-cprange 4294967296', '--ulog-cprange 0']],
    lists: [
      ['', 'ULOG copy_range 0 nlgroup 1 queue_threshold 1'],
      ['--ulog-prefix "a\\"b" --ulog-nlgroup 5', 'ULOG copy_range 0 nlgroup 5 prefix "a"b" queue_threshold 1'],
    ],
  },
  {
    target: CLUSTERIP,
    table: 'filter',
    chain: 'INPUT',
    notInKernel: MODULE,
    rules: [
      ['', '='],
      [`${MADE} --hash-init 0`, '='],
      [MADE, `${MADE} --hash-init 0`],
      [
        '--hash-init 0x10 --local-node 16 --total-nodes 16 --clustermac 1:0:5e:0:0:20 --hashmode sourceip-sourceport --new',
        '--new --hashmode sourceip-sourceport --clustermac 01:00:5E:00:00:20 --total-nodes 16 --local-node 16 --hash-init 16',
      ],
      ['--new', { fails: COMBINATION }],
      ['--hash-init 2', { fails: COMBINATION }],
      ['--hashmode sourceip', { fails: COMBINATION }],
      ['--hashmode <|sourceip-source|>', { fails: 'Unknown hashmode "sourceip-source"' }],
      ['--clustermac <|00:00:5e:00:00:20|>', { fails: 'MAC has to be a multicast ethernet address' }],
      ['--clustermac <|01:00:5e:00:00|>', { fails: 'Invalid MAC address specified.' }],
      ['--total-nodes <|17|>', { fails: 'CLUSTERIP: bad value for option "--total-nodes", or out of range (0-16).' }],
    ],
    lists: [
      ['', 'CLUSTERIP'],
      [MADE, 'CLUSTERIP hashmode=sourceip clustermac=01:00:5E:00:00:20 total_nodes=2 local_node=1 hash_init=0'],
    ],
  },
];
