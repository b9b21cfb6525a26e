// Small pieces of save and list text that targets share.

/** The parts that are there, with single blanks between them. */
export const words = (...parts: readonly (string | false | undefined)[]): string =>
  parts.filter((part) => typeof part === 'string' && part !== '').join(' ');
