import { AUDIT } from '../../../targets/AUDIT.ts';
import { CONNSECMARK } from '../../../targets/CONNSECMARK.ts';
import { DNPT } from '../../../targets/DNPT.ts';
import { IDLETIMER } from '../../../targets/IDLETIMER.ts';
import { SNPT } from '../../../targets/SNPT.ts';
import { TEE } from '../../../targets/TEE.ts';
import type { RuleRow } from '../../../testing/ext-cases.ts';
import { exclusive, type Subject } from './subject.ts';

const prefixes = (name: string): RuleRow[] => [
  ['--src-pfx fd00::/64 --dst-pfx 2001:db8::/64', '='],
  ['--dst-pfx 2001:db8::/48 --src-pfx fd00::/64', '--src-pfx fd00::/64 --dst-pfx 2001:db8::/48'],
  ['--src-pfx fd00::/ffff:: --dst-pfx ::/64', '--src-pfx fd00::/16 --dst-pfx ::/64'],
  ['', { fails: `${name}: option "--src-pfx" must be specified` }],
  ['--src-pfx fd00::/64', { fails: `${name}: option "--dst-pfx" must be specified` }],
  [
    '--src-pfx <|fd00::/129|> --dst-pfx ::/64',
    { fails: `${name}: bad value for option "--src-pfx", neither a valid network mask nor valid CIDR (0-128).` },
  ],
];

export const others: readonly Subject[] = [
  {
    target: SNPT,
    table: 'mangle',
    chain: 'POSTROUTING',
    rules: prefixes('SNPT'),
    lists: [['--src-pfx fd00::/64 --dst-pfx fd01::/64', 'SNPT src-pfx fd00::/64 dst-pfx fd01::/64']],
  },
  {
    target: DNPT,
    table: 'mangle',
    chain: 'PREROUTING',
    rules: prefixes('DNPT'),
    lists: [['--src-pfx fd00::/64 --dst-pfx fd01::/64', 'DNPT src-pfx fd00::/64 dst-pfx fd01::/64']],
  },
  {
    target: TEE,
    table: 'mangle',
    chain: 'PREROUTING',
    rules: [
      ['--gateway 10.0.0.1', '=', 4],
      ['--oif lo --gateway 10.1', '--gateway 10.0.0.1 --oif lo', 4],
      ['--gateway fe80::1 --oif 1234567890123456', '--gateway fe80::1 --oif 123456789012345', 6],
      ['', { fails: 'TEE: option "--gateway" must be specified' }],
      ['--gateway 1.1.1.1 <|--gateway 1.1.1.2|>', { fails: 'TEE: option "--gateway" can only be used once.' }, 4],
    ],
    lists: [],
  },
  {
    target: AUDIT,
    table: 'filter',
    chain: 'INPUT',
    rules: [
      ['--type accept', '='],
      ['--type dRoP', '--type drop'],
      ['--type reject', '='],
      ['--type <|acc|>', { fails: 'Bad action type value "acc"' }],
      ['', { fails: 'AUDIT: option "--type" must be specified' }],
    ],
    lists: [['--type drop', 'AUDIT drop']],
  },
  {
    target: CONNSECMARK,
    table: 'security',
    chain: 'INPUT',
    rules: [
      ['--save', '='],
      ['--restore', '='],
      ['', { fails: 'CONNSECMARK target: parameter required' }],
      ...exclusive('CONNSECMARK', ['--save', '--restore']),
    ],
    lists: [['--save', 'CONNSECMARK save']],
  },
  {
    target: IDLETIMER,
    sharedInKernel: 'timers of one name are one timer for the whole machine, and must agree',
    table: 'filter',
    chain: 'INPUT',
    rules: [
      ['--timeout 5 --label foo', '='],
      ['--label 0123456789012345678901234567 --timeout 0x10', '--timeout 16 --label 012345678901234567890123456'],
      ['--timeout 1 --alarm --label bar', '--timeout 1 --label bar --alarm'],
      ['', { fails: 'IDLETIMER: option "--timeout" must be specified' }],
      ['--timeout 5', { fails: 'IDLETIMER: option "--label" must be specified' }],
      [
        '--timeout <|4294967296|> --label x',
        { fails: 'IDLETIMER: bad value for option "--timeout", or out of range (0-4294967295).' },
      ],
    ],
    lists: [['--timeout 5 --label foo', 'timeout:5 label:foo']],
  },
];
