import { CONNMARK } from '../../../targets/CONNMARK.ts';
import { MARK } from '../../../targets/MARK.ts';
import type { RuleRow } from '../../../testing/ext-cases.ts';
import { exclusive, type Subject } from './subject.ts';

/** The five ways, alike in both targets. */
const xmark = (target: string): RuleRow[] => [
  ['--set-xmark 1/2', '--set-xmark 0x1/0x2'],
  ['--set-xmark 1', '--set-xmark 0x1/0xffffffff'],
  ['--set-xmark 5/0', '--set-xmark 0x5/0x0'],
  ['--set-mark 1', '--set-xmark 0x1/0xffffffff'],
  // OR, not XOR: the bits of the value are cleared as well.
  ['--set-mark 1/2', '--set-xmark 0x1/0x3'],
  ['--set-mark 010/010', '--set-xmark 0x8/0x8'],
  ['--set-mark 0xffffffff', '--set-xmark 0xffffffff/0xffffffff'],
  ['--and-mark 0xff', '--set-xmark 0x0/0xffffff00'],
  ['--and-mark 0xffffffff', '--set-xmark 0x0/0x0'],
  ['--or-mark 0xff', '--set-xmark 0xff/0xff'],
  ['--or-mark 0', '--set-xmark 0x0/0x0'],
  ['--xor-mark 0xff', '--set-xmark 0xff/0x0'],
  ['--set-mark <|0x100000000|>', { fails: `${target}: bad integer value for option "--set-mark", or out of range.` }],
  ['--set-mark <|1/0x100000000|>', { fails: `${target}: bad integer value for option "--set-mark", or out of range.` }],
  ['--set-mark <|1/|>', { fails: `${target}: bad integer value for option "--set-mark", or out of range.` }],
  ['--set-mark <|/1|>', { fails: `${target}: bad integer value for option "--set-mark", or out of range.` }],
  ['--set-mark <|x|>', { fails: `${target}: bad integer value for option "--set-mark", or out of range.` }],
  ['--set-mark <|-1|>', { fails: `${target}: bad integer value for option "--set-mark", or out of range.` }],
  ['--set-mark <|1x|>', { fails: `${target}: trailing garbage after value for option "--set-mark".` }],
  ['--and-mark <|1/2|>', { fails: `${target}: bad value for option "--and-mark", or out of range (0-4294967295).` }],
  [
    '--or-mark <|0x1ffffffff|>',
    { fails: `${target}: bad value for option "--or-mark", or out of range (0-4294967295).` },
  ],
  ['--set-mark 1 <|--set-mark 2|>', { fails: `${target}: option "--set-mark" can only be used once.` }],
  ['<|! --set-mark 1|>', { fails: `${target}: option "--set-mark" cannot be inverted.` }],
];

const WAYS = ['--set-xmark 1', '--set-mark 1', '--and-mark 1', '--or-mark 1', '--xor-mark 1'];

/** -L guesses the way from the bits. */
const xmarkLists = (target: string): Subject['lists'] => [
  ['--set-mark 1', `${target} set 0x1`],
  ['--set-mark 0', `${target} and 0x0`],
  ['--set-mark 0xffffffff', `${target} or 0xffffffff`],
  ['--set-mark 0x10/0xff', `${target} xset 0x10/0xff`],
  ['--and-mark 0xff', `${target} and 0xff`],
  ['--or-mark 0xff', `${target} or 0xff`],
  ['--xor-mark 0xff', `${target} xor 0xff`],
  ['--xor-mark 0', `${target} and 0xffffffff`],
];

export const marks: readonly Subject[] = [
  {
    target: MARK,
    table: 'mangle',
    chain: 'FORWARD',
    rules: [
      ...xmark('MARK'),
      ...exclusive('MARK', WAYS),
      ['', { fails: 'MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required' }],
    ],
    lists: xmarkLists('MARK'),
  },
  {
    target: CONNMARK,
    table: 'mangle',
    chain: 'FORWARD',
    rules: [
      ...xmark('CONNMARK'),
      ...exclusive('CONNMARK', [...WAYS, '--save-mark', '--restore-mark']),
      ['--save-mark', '--save-mark --nfmask 0xffffffff --ctmask 0xffffffff'],
      ['--save-mark --mask 0xff', '--save-mark --nfmask 0xff --ctmask 0xff'],
      ['--mask 0xff --save-mark', '--save-mark --nfmask 0xff --ctmask 0xff'],
      ['--save-mark --nfmask 0xff', '--save-mark --nfmask 0xff --ctmask 0xffffffff'],
      ['--save-mark --ctmask 0xff', '--save-mark --nfmask 0xffffffff --ctmask 0xff'],
      ['--save-mark --nfmask 0x0 --ctmask 0x0', '='],
      ['--restore-mark', '--restore-mark --nfmask 0xffffffff --ctmask 0xffffffff'],
      ['--restore-mark --nfmask 0xff --ctmask 0xf0', '='],
      // Options write into one record in the order in which they stand.
      ['--set-mark 5 --mask 0xf0', '--set-xmark 0x5/0xf0'],
      ['--mask 0xf0 --set-mark 5', '--set-xmark 0x5/0xffffffff'],
      ['--set-mark 5 --ctmask 0xf0', '--set-xmark 0x5/0xf0'],
      ['--set-mark 1 --nfmask 1', '--set-xmark 0x1/0xffffffff'],
      ['--and-mark 5 --ctmask 0xf0', '--set-xmark 0x0/0xf0'],
      ['--save-mark --left-shift-mark 4', '--save-mark --nfmask 0xffffffff --ctmask 0xffffffff --left-shift-mark 4'],
      ['--set-xmark 0x1/0x2 --right-shift-mark 31', '='],
      ['--left-shift-mark 4 --xor-mark 1', '--set-xmark 0x1/0x0 --left-shift-mark 4'],
      ['--set-mark 1 --right-shift-mark 0', '--set-xmark 0x1/0xffffffff'],
      // The later shift wins, and a later shift by nothing takes the earlier one back.
      ['--set-mark 1 --left-shift-mark 31 --right-shift-mark 3', '--set-xmark 0x1/0xffffffff --right-shift-mark 3'],
      ['--right-shift-mark 3 --set-mark 1 --left-shift-mark 31', '--set-xmark 0x1/0xffffffff --left-shift-mark 31'],
      ['--left-shift-mark 3 --set-mark 1 --right-shift-mark 0', '--set-xmark 0x1/0xffffffff'],
      ['', { fails: 'CONNMARK target: No operation specified' }],
      ['--mask 1', { fails: 'CONNMARK target: No operation specified' }],
      ['--left-shift-mark 4', { fails: 'CONNMARK target: No operation specified' }],
      [
        '--save-mark --mask 0xff <|--nfmask 1|>',
        { fails: 'CONNMARK: option "--nfmask" cannot be used together with "--mask".' },
      ],
      [
        '--ctmask 1 <|--mask 2|> --save-mark',
        { fails: 'CONNMARK: option "--ctmask" cannot be used together with "--mask".' },
      ],
      [
        '--save-mark --mask <|x|>',
        { fails: 'CONNMARK: bad value for option "--mask", or out of range (0-4294967295).' },
      ],
      [
        '--set-mark 1 --left-shift-mark <|33|>',
        { fails: 'CONNMARK: bad value for option "--left-shift-mark", or out of range (0-32).' },
      ],
    ],
    lists: [
      ...xmarkLists('CONNMARK'),
      ['--save-mark', 'CONNMARK save'],
      ['--save-mark --mask 0xff', 'CONNMARK save mask 0xff'],
      ['--save-mark --nfmask 0xff', 'CONNMARK save nfmask 0xff ctmask ~0xffffffff'],
      ['--restore-mark --ctmask 0xff', 'CONNMARK restore ctmask 0xff nfmask ~0xffffffff'],
      ['--restore-mark --mask 0xff --right-shift-mark 4', 'CONNMARK restore mask 0xff right-shift-mark 4'],
    ],
  },
];
