import { cpu as match } from '../../matches/cpu.ts';
import { ip6, udp } from '../../packet/build.ts';
import { not, number, sheet } from './sheet.ts';

const onThird = { packet: ip6({}, udp()), services: { cpu: 2 } };

export const sheets = [
  sheet({
    match,
    rows: {
      rules: [
        ['--cpu 0', '='],
        ['! --cpu 0x10', '! --cpu 16'],
        ['', { fails: 'cpu: option "--cpu" must be specified' }],
        ['--cpu <|4294967296|>', { fails: 'cpu: bad value for option "--cpu", or out of range (0-4294967295).' }],
      ],
      lists: [['! --cpu 1', 'cpu ! 1']],
      packets: [
        ['--cpu 2', onThird, 'match'],
        ['--cpu 0', onThird, 'no match'],
        ['! --cpu 0', onThird, 'match'],
        // One worker.
        ['--cpu 0', { packet: ip6({}, udp()) }, 'match'],
      ],
    },
    generate: (dice) => `${not(dice)}--cpu ${number(dice, 0xffff_ffff)}`,
  }),
];
