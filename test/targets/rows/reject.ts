import { REJECT } from '../../../targets/REJECT.ts';
import type { Subject } from './subject.ts';

export const reject: readonly Subject[] = [
  {
    target: REJECT,
    table: 'filter',
    chain: 'FORWARD',
    rules: [
      ['', '--reject-with icmp-port-unreachable', 4],
      ['', '--reject-with icmp6-port-unreachable', 6],
      ['--reject-with icmp-net-unreachable', '=', 4],
      ['--reject-with icmp-host-unreachable', '=', 4],
      ['--reject-with icmp-proto-unreachable', '=', 4],
      ['--reject-with icmp-port-unreachable', '=', 4],
      ['--reject-with icmp-net-prohibited', '=', 4],
      ['--reject-with icmp-host-prohibited', '=', 4],
      ['--reject-with icmp-admin-prohibited', '=', 4],
      ['-p tcp ; --reject-with tcp-reset', '='],
      ['-p tcp ; --reject-with tcp-rst', '--reject-with tcp-reset', 4],
      ['--reject-with icmp6-no-route', '=', 6],
      ['--reject-with icmp6-adm-prohibited', '=', 6],
      ['--reject-with icmp6-addr-unreachable', '=', 6],
      ['--reject-with icmp6-policy-fail', '=', 6],
      ['--reject-with icmp6-reject-route', '=', 6],
      ['--reject-with net-unreach', '--reject-with icmp-net-unreachable', 4],
      ['--reject-with admin-prohib', '--reject-with icmp-admin-prohibited', 4],
      ['--reject-with port-unreach', '--reject-with icmp6-port-unreachable', 6],
      // Any beginning will do, in any case; the first type of the tool's list wins.
      ['--reject-with HOST-un', '--reject-with icmp-host-unreachable', 4],
      ['--reject-with icmp', '--reject-with icmp-net-unreachable', 4],
      ['--reject-with ""', '--reject-with icmp-net-unreachable', 4],
      ['--reject-with p', '--reject-with icmp6-port-unreachable', 6],
      ['--reject-with icmp6-reject', '--reject-with icmp6-reject-route', 6],
      [
        '--reject-with <|net-unreachx|>',
        { fails: 'unknown reject type "net-unreachx"', hint: 'icmp-net-unreachable' },
        4,
      ],
      ['--reject-with <|tcp-rst|>', { fails: 'unknown reject type "tcp-rst"' }, 6],
      ['--reject-with <|echo-reply|>', { fails: 'unknown reject type "echo-reply"' }, 6],
      ['<|--reject-with|>', { fails: 'option "--reject-with" requires an argument' }],
      ['<|! --reject-with port-unreach|>', { fails: 'REJECT: option "--reject-with" cannot be inverted.' }],
      [
        '--reject-with port-unreach <|--reject-with p|>',
        { fails: 'REJECT: option "--reject-with" can only be used once.' },
      ],
    ],
    // Named differently by family: test/targets/REJECT.test.ts.
    lists: [],
  },
];
