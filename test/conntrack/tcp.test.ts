import { describe, expect, test } from 'vitest';
import { expected, play } from './player.ts';
import { tcpTraces } from './rows-tcp.ts';

describe.each([4, 6] as const)('TCP over IPv%i', (family) => {
  test.each(tcpTraces)('$name', (trace) => expect(play(trace, family)).toEqual(expected(trace)));
});
