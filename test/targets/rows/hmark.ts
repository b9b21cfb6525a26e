import { HMARK } from '../../../targets/HMARK.ts';
import type { Subject } from './subject.ts';

const RND = '--hmark-rnd 0x00000001 --hmark-mod 10';
const given = '--hmark-mod 10 --hmark-rnd 1';

export const hmark: readonly Subject[] = [
  {
    target: HMARK,
    table: 'mangle',
    chain: 'PREROUTING',
    rules: [
      [`--hmark-tuple src,dst ${given}`, `--hmark-src-prefix 32 --hmark-dst-prefix 32 ${RND}`, 4],
      [`--hmark-tuple src,dst ${given}`, `--hmark-src-prefix 128 --hmark-dst-prefix 128 ${RND}`, 6],
      [
        '--hmark-tuple sport,dport,proto --hmark-mod 10 --hmark-offset 100 --hmark-rnd 0xfeedcafe',
        '--hmark-sport-mask 0xffff --hmark-dport-mask 0xffff --hmark-proto-mask 0xffff --hmark-rnd 0xfeedcafe --hmark-mod 10 --hmark-offset 100',
      ],
      [`--hmark-tuple ct,spi ${given}`, `--hmark-spi-mask 0xffffffff ${RND} --hmark-tuple ct`],
      [`${RND} --hmark-offset 4294967295 --hmark-tuple ct`, '='],
      [`--hmark-tuple SPORT,Proto ${given}`, `--hmark-sport-mask 0xffff --hmark-proto-mask 0xffff ${RND}`],
      [`--hmark-src-prefix 24 --hmark-dst-prefix 0 ${RND}`, '='],
      [`--hmark-src-prefix 255.255.255.0 ${given}`, `--hmark-src-prefix 24 ${RND}`, 4],
      [`--hmark-src-prefix 33 ${given}`, `--hmark-src-prefix 32 ${RND}`, 4],
      [`--hmark-src-prefix ffff:: ${given}`, `--hmark-src-prefix 16 ${RND}`, 6],
      [`--hmark-proto-mask 0xff ${RND}`, '='],
      [`--hmark-proto-mask 6 ${given}`, `--hmark-proto-mask 0x06 ${RND}`],
      [`--hmark-sport-mask 0x00ff --hmark-dport-mask 0xff00 --hmark-sport 0x0050 --hmark-dport 0x01bb ${RND}`, '='],
      [`--hmark-spi-mask 0x000000ff --hmark-spi 0x00000050 ${RND}`, '='],
      [`--hmark-spi-mask 5 --hmark-sport 7 ${given}`, `--hmark-spi-mask 0x00000005 --hmark-sport 0x0007 ${RND}`],
      // A member of the tuple overrides what stands before it.
      [`--hmark-src-prefix 5 --hmark-tuple src ${given}`, `--hmark-src-prefix 32 ${RND}`, 4],
      [
        `--hmark-tuple sport <|--hmark-sport-mask 5|> ${given}`,
        { fails: 'HMARK: option "--hmark-sport-mask" can only be used once.' },
      ],
      ['--hmark-mod 10', { fails: '--hmark-rnd is mandatory' }],
      ['--hmark-tuple src --hmark-rnd 1', { fails: '--hmark-mod is mandatory' }],
      [given, { fails: 'you have to specify --hmark-tuple at least' }],
      ['--hmark-mod <|0|>', { fails: 'HMARK: bad value for option "--hmark-mod", or out of range (1-4294967295).' }],
      [
        `--hmark-tuple spi,sport ${given}`,
        { fails: 'you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time' },
      ],
      [`--hmark-tuple <|src,foo|> ${given}`, { fails: 'Bad type "foo"', hint: 'sport' }],
      [`--hmark-tuple <|src,,dst|> ${given}`, { fails: 'Bad type ",dst"' }],
      [`--hmark-tuple <|src,|> ${given}`, { fails: '"--hmark-tuple" requires a list of types with no spaces' }],
      [
        `--hmark-src-prefix <|x|> ${given}`,
        {
          fails:
            'HMARK: bad value for option "--hmark-src-prefix", neither a valid network mask nor valid CIDR (0-32).',
        },
        4,
      ],
    ],
    lists: [
      [
        '--hmark-tuple ct,sport,proto --hmark-mod 10 --hmark-offset 100 --hmark-rnd 1',
        'HMARK mod 10 + 0x64 ct, sport-mask 0xffff proto-mask 0xffff rnd 0x1 ',
      ],
      [`--hmark-src-prefix 24 --hmark-spi 5 ${given}`, 'HMARK mod 10 src-prefix 24 spi 0x5 rnd 0x1 '],
    ],
  },
];
