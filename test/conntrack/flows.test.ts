import { describe, expect, test } from 'vitest';
import { dccpTraces } from './dccp-cells.ts';
import { expected, play } from './player.ts';
import { flowTraces } from './rows-flows.ts';
import { sctpTraces } from './rows-sctp.ts';
import { sctpCells } from './sctp-cells.ts';

describe.each([4, 6] as const)('over IPv%i', (family) => {
  const traces = [...flowTraces, ...sctpTraces, ...sctpCells, ...dccpTraces].filter(
    (trace) => (trace.family ?? family) === family,
  );
  test.each(traces)('$name', (trace) => expect(play(trace, family)).toEqual(expected(trace)));
});
