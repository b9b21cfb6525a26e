import { hl } from '../../matches/hl.ts';
import { ttl } from '../../matches/ttl.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import type { MatchPacketRow, RuleRow } from '../../testing/ext-cases.ts';
import type { Dice } from '../kernel/dice.ts';
import { not, number, sheet, some } from './sheet.ts';

const rules = (name: string, none: string): RuleRow[] => [
  [`! --${name}-eq 42`, '='],
  // The old spelling is saved as the new one.
  [`--${name} 0x2a`, `--${name}-eq 42`],
  [`--${name}-l 42`, `--${name}-lt 42`],
  [
    `--${name}-gt 42 <|--${name}-lt 9|>`,
    { fails: `${name}: option "--${name}-lt" cannot be used together with "--${name}-gt".` },
  ],
  [
    `--${name}-lt 42 <|--${name}-eq 9|>`,
    { fails: `${name}: option "--${name}-lt" cannot be used together with "--${name}-eq".` },
  ],
  [`--${name}-gt <|256|>`, { fails: `${name}: bad value for option "--${name}-gt", or out of range (0-255).` }],
  [`<|! --${name}-lt 5|>`, { fails: `${name}: option "--${name}-lt" cannot be inverted.` }],
  ['', { fails: none }],
];

const packets = (name: string, of: (limit: number) => Uint8Array): MatchPacketRow[] => [
  [`--${name}-gt 42`, of(43), 'match'],
  [`--${name}-gt 42`, of(42), 'no match'],
  [`--${name}-lt 42`, of(41), 'match'],
  [`--${name}-lt 42`, of(42), 'no match'],
  [`--${name}-eq 255`, of(255), 'match'],
  [`! --${name}-eq 255`, of(255), 'no match'],
  [`! --${name}-eq 255`, of(254), 'match'],
];

const generate =
  (name: string) =>
  (dice: Dice): string =>
    some(
      dice,
      [`${not(dice)}--${name}-eq`, `${dice.chance(0.1) ? '! ' : ''}--${name}-lt`, `--${name}-gt`, `--${name}`],
      0.35,
    ).replace(new RegExp(`--${name}(-..)?`, 'g'), (option) => `${option} ${number(dice, 255)}`);

export const sheets = [
  sheet({
    match: hl,
    rows: {
      rules: rules('hl', "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'"),
      lists: [
        ['! --hl-eq 5', 'HL match HL != 5'],
        ['--hl-lt 5', 'HL match HL < 5'],
      ],
      packets: packets('hl', (hopLimit) => ip6({ hopLimit }, udp())),
    },
    generate: generate('hl'),
  }),
  sheet({
    match: ttl,
    rows: {
      rules: rules('ttl', "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt"),
      lists: [
        ['--ttl-gt 5', 'TTL match TTL > 5'],
        ['--ttl 5', 'TTL match TTL == 5'],
      ],
      packets: packets('ttl', (ttl) => ip4({ ttl }, udp())),
    },
    generate: generate('ttl'),
  }),
];
