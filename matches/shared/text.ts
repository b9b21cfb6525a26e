// Small pieces of save and list text that many matches share.

/** The parts that are there, with single blanks between them. */
export const words = (...parts: readonly (string | false | undefined)[]): string =>
  parts.filter((part) => typeof part === 'string' && part !== '').join(' ');

/** Save text of one option: `! --name value`. */
export const option = (name: string, value: string | number, inverted = false): string =>
  `${inverted ? '! ' : ''}--${name} ${value}`;

/** The same for an option without a value. */
export const bare = (name: string, inverted = false): string => `${inverted ? '! ' : ''}--${name}`;

export const bang = (inverted: boolean): string => (inverted ? '!' : '');

/** Lower-case hex with at least `digits` digits, 0x in front. */
export const hexDigits = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** As printf's %02X. */
export const upperHex = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0');
