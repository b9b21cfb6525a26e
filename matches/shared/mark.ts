// -m mark and -m connmark: (mark & mask) == value.

import type { Option } from '../../grammar/options.ts';
import { mark } from '../../grammar/values.ts';
import { bang, option } from './text.ts';

export interface MarkChecked {
  readonly value: number;
  readonly mask: number;
  readonly inverted: boolean;
}

const kind = mark({ help: 'mark, or mark under a mask', invert: true, required: true });
export const markOptions: { mark: Option<{ value: number; mask: number }, true> } = { mark: kind };

export const saveMark = ({ inverted, ...value }: MarkChecked): string => option('mark', kind.print(value), inverted);

/** connmark's text has one blank more where no `!` stands. */
export const listMark = (label: string, { inverted, ...value }: MarkChecked): string =>
  `${label} ${inverted ? `${bang(inverted)} ` : ''}${kind.print(value)}`;
