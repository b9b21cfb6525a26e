import { length as match } from '../../matches/length.ts';
import { hopByHop, ip4, ip6, udp } from '../../packet/build.ts';
import { not, range, sheet } from './sheet.ts';

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--length 40:80', '='],
        ['! --length :80', '! --length 0:80'],
        ['--length 0x10:020', '--length 16'],
        ['--length :', '--length 0:65535'],
        ['--length ""', '--length 0'],
        ['--length 80:40', '='],
        ['', { fails: 'length: option "--length" must be specified' }],
        [
          '--length <|65536|>',
          { fails: 'length: bad value for option "--length" near "65536", or out of range (0-65535).' },
        ],
        ['--length <|1:2:3|>', { fails: 'length: Too many components for option "--length" (max: 2)' }],
      ],
      lists: [['! --length 40:', 'length !40:65535']],
      packets: [
        // The IP header counts in both families, extension headers too.
        ['--length 28', ip4({}, udp({ data: 0 })), 'match'],
        ['--length 48', ip6({}, udp({ data: 0 })), 'match'],
        ['--length 56', ip6({}, hopByHop(), udp({ data: 0 })), 'match'],
        ['--length 29:', ip4({}, udp({ data: 0 })), 'no match'],
        ['! --length 29:', ip4({}, udp({ data: 0 })), 'match'],
        ['--length 28', ip4({ padding: 18 }, udp({ data: 0 })), 'match'],
        ['--length 80:40', ip4({}, udp({ data: 30 })), 'no match'],
      ],
    },
    generate: (dice) => `${not(dice)}--length ${range(dice, 0xffff)}`,
  }),
];
