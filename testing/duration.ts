// Spans of time as people write them: '300ms', '90s', '2h', '5d', '1h 30m'.

const MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds. A number is milliseconds already. Throws RangeError for text that is no span. */
export function milliseconds(span: string | number): number {
  if (typeof span === 'number' && Number.isFinite(span) && span >= 0) return span;
  const text = String(span).trim();
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\b\s*/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    throw new RangeError(`"${text}" is no span of time: write 300ms, 90s, 15m, 2h, 5d`);
  }
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * MS[unit], 0);
}
