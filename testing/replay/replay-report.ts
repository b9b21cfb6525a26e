// A replay for people: flows, packets, and what flips.

import type { Flip, ReplayedFlow, ReplayedPacket, ReplayResult } from './replay.ts';

const seconds = (ms: number): string => (ms / 1_000).toFixed(6);

/** `accepted by outside (filter FORWARD rule 2)`, `dropped: filter FORWARD policy`. */
export function fateText({ verdict, out, by, reason }: ReplayedPacket): string {
  if (verdict !== 'accepted') return reason === '' ? verdict : `${verdict}: ${reason}`;
  const way = out.length > 0 ? `accepted by ${out[0].device}` : 'delivered';
  return by === '' ? way : `${way} (${by})`;
}

/** One line a packet. */
export const packetsText = ({ packets }: ReplayResult): string =>
  packets
    .map((one) => {
      const { number, at, device, ctstate, text } = one;
      const from = device === '' ? 'own' : device;
      return `#${number}  ${seconds(at)}  ${from}  ${text}\n      ${fateText(one)}${ctstate ? `, ${ctstate}` : ''}\n`;
    })
    .join('');

/** One line a flow: packets, octets, how many passed, and what decided. */
export function flowsText({ flows }: ReplayResult): string {
  const rows = flows.map((flow) => [
    String(flow.number),
    String(flow.packets),
    String(flow.octets),
    String(flow.accepted),
    String(flow.stopped),
    `${flow.text}   ${decidersText(flow)}`,
  ]);
  const head = ['flow', 'packets', 'octets', 'passed', 'stopped', ''];
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => (at < 5 ? row[at].length : 0))));
  const line = (row: readonly string[]): string =>
    `${row
      .map((cell, at) => (at < 5 ? cell.padStart(widths[at]) : cell))
      .join('  ')
      .trimEnd()}\n`;
  return `${line(head)}${rows.map(line).join('')}`;
}

const decidersText = ({ by }: ReplayedFlow): string =>
  [...by]
    .sort(([, a], [, b]) => b - a)
    .map(([what, number]) => (by.size > 1 ? `${what} (${number})` : what))
    .join(', ');

export function summaryText({ packets, flows, cutShort, badChecksums }: ReplayResult): string {
  const passed = packets.filter(({ verdict }) => verdict === 'accepted').length;
  const notes = [
    ...(cutShort > 0
      ? [`${cutShort} packets are cut short in the capture: the rest was taken for zeros, and checksums not looked at`]
      : []),
    ...(badChecksums > 0 && cutShort === 0
      ? [`${badChecksums} packets have wrong checksums; where the sending host captured them: --ignore-checksums`]
      : []),
  ];
  const sum = `${packets.length} packets in ${flows.length} flows: ${passed} passed, ${packets.length - passed} stopped\n`;
  return `${sum}${notes.map((note) => `note: ${note}\n`).join('')}`;
}

/** What fares otherwise, packet by packet. */
export function flipsText(found: readonly Flip[], total: number): string {
  const lines = found.map(({ before, after }) => {
    const { number, device, text } = before;
    return `#${number}  ${device === '' ? 'own' : device}  ${text}\n  - ${fateText(before)}\n  + ${fateText(after)}\n`;
  });
  const turned = found.filter(({ what }) => what === 'verdict').length;
  const moved = found.length - turned;
  const changed = moved > 0 ? `, ${moved} leave otherwise` : '';
  return `${lines.join('')}${turned} of ${total} verdicts flip${changed}\n`;
}
