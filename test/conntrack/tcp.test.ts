import { describe, expect, test } from 'vitest';
import { expected, play } from './player.ts';
import { tcpTraces } from './rows-tcp.ts';
import { tcpCells } from './tcp-cells.ts';

describe.each([4, 6] as const)('TCP over IPv%i', (family) => {
  test.each(tcpCells)('$name', (trace) => expect(play(trace, family)).toEqual(expected(trace)));
  test.each(tcpTraces)('$name', (trace) => expect(play(trace, family)).toEqual(expected(trace)));
});
