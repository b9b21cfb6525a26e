// When a thread is taken for one that hangs.

import { expect, test } from 'vitest';
import { Pulse } from '../../tun/pulse.ts';

test.each([
  ['turns between all looks', [1, 2, 3, 4], [true, true, true, true]],
  [
    'stands still at one look: the whole process may have been stopped',
    [1, 1, 2, 2, 3],
    [true, true, true, true, true],
  ],
  ['stands still at two in a row', [1, 1, 1], [true, true, false]],
  ['never turned', [0, 0, 0], [true, true, false]],
])('a thread that %s', (_, turns, beats) => {
  const cells = new Int32Array(1);
  const pulse = new Pulse(cells, 0);
  const looks = turns.map((turn) => {
    cells[0] = turn;
    return pulse.beats();
  });
  expect(looks).toEqual(beats);
});
