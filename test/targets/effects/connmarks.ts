// What CONNMARK makes of the two marks, before and after.

export interface ConnmarkRow {
  readonly options: string;
  readonly nfmark: number;
  readonly ctmark: number;
  readonly nfmarkAfter: number;
  readonly ctmarkAfter: number;
}

const row = (
  options: string,
  [nfmark, ctmark]: readonly [number, number],
  [nfmarkAfter, ctmarkAfter]: readonly [number, number],
): ConnmarkRow => ({ options, nfmark, ctmark, nfmarkAfter, ctmarkAfter });

export const connmarks: readonly ConnmarkRow[] = [
  row('--set-mark 5', [1, 0xff], [1, 5]),
  row('--set-mark 1/2', [1, 0xffffffff], [1, 0xfffffffd]),
  row('--set-xmark 1/2', [1, 0xffffffff], [1, 0xfffffffc]),
  row('--and-mark 0xf0', [1, 0xff], [1, 0xf0]),
  row('--or-mark 0x80000000', [1, 0xff], [1, 0x800000ff]),
  row('--xor-mark 0xffffffff', [1, 0xff], [1, 0xffffff00]),
  row('--save-mark', [0x1234, 0xffff0000], [0x1234, 0x1234]),
  row('--save-mark --mask 0xff', [0x1234, 0xffff0000], [0x1234, 0xffff0034]),
  // XOR: bits of the packet's mark outside ctmask flip.
  row('--save-mark --nfmask 0xffff --ctmask 0xff', [0x1234, 0x1100], [0x1234, 0x0334]),
  row('--restore-mark', [0xff, 0x80001234], [0x80001234, 0x80001234]),
  row('--restore-mark --mask 0xff', [0xabcd, 0x1234], [0xab34, 0x1234]),
  row('--restore-mark --nfmask 0xff --ctmask 0xffff', [0x1100, 0x1234], [0x0334, 0x1234]),
  row('--set-mark 0x81 --left-shift-mark 28', [1, 0], [1, 0x10000000]),
  row('--set-mark 0x81 --right-shift-mark 4', [1, 0], [1, 8]),
  row('--set-xmark 0/0 --right-shift-mark 31', [1, 0x80000000], [1, 1]),
  // What is shifted is what is about to be stored, after the mask.
  row('--save-mark --nfmask 0xf0 --ctmask 0 --left-shift-mark 4', [0xff, 1], [0xff, 0xf01]),
  row('--restore-mark --nfmask 0xff00 --ctmask 0xff --left-shift-mark 8', [0x12345678, 0xabcd], [0x1234cd78, 0xabcd]),
];
