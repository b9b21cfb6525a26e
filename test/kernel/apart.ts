// Packet rows that the kernel between two TUN devices cannot show, with the reason.

import type { MatchPacketRow } from '../../testing/ext-cases.ts';

export const APART: readonly (readonly [match: string, reason: string, rows: (row: MatchPacketRow) => boolean])[] = [
  ['statistic', 'the kernel draws its own numbers', ([options]) => options.includes('random')],
  [
    'hbh',
    'hop-by-hop options are read before any hook',
    ([options, , answer]) => options.includes('31') || answer === 'drop',
  ],
  [
    'ah',
    'a hop-by-hop header cut short is dropped before any hook',
    ([, packet]) => packet instanceof Uint8Array && packet[6] === 0,
  ],
];
