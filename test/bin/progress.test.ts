import { describe, expect, test } from 'vitest';
import { Progress } from '../../bin/progress.ts';

/** A terminal, a clock, and what stands in the line after each second of 1,000 steps. */
function watched(of: number | undefined, isTTY = true) {
  const written: string[] = [];
  let now = 0;
  const progress = new Progress('reading rules', of, { isTTY, write: (text) => written.push(text) }, () => now);
  const seconds = (number: number): void => {
    for (let at = 0; at < number * 1_000; at++) {
      now++;
      progress.step();
    }
  };
  return { progress, written, seconds };
}

describe('progress', () => {
  test('is not spoken of within the first second', () => {
    const { progress, written, seconds } = watched(900);
    seconds(0.9);
    progress.end();
    expect(written).toEqual([]);
  });

  test('is a line that is written over a few times a second, and gone in the end', () => {
    const { progress, written, seconds } = watched(4_000);
    seconds(3);
    progress.end();
    expect(written[0]).toBe('\r\x1b[Kreading rules: 1,024 of 4,000 (25 %)');
    expect(written.length).toBeGreaterThan(5);
    expect(written.length).toBeLessThan(14);
    expect(written.at(-1)).toBe('\r\x1b[K');
  });

  test('of work without a known end tells what is done', () => {
    const { written, seconds } = watched(undefined);
    seconds(1.1);
    expect(written).toEqual(['\r\x1b[Kreading rules: 1,000']);
  });

  test('is not written where no terminal is', () => {
    const { progress, written, seconds } = watched(5_000, false);
    seconds(5);
    progress.end();
    expect(written).toEqual([]);
  });
});
