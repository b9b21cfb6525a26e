// Searching octets: Horspool's variant of Boyer and Moore, with the table made when the rule is loaded.

/** Latin-1 as the kernel's toupper() has it (lib/ctype.c): case goes beyond ASCII there, 0xf7 (division sign) excepted. */
const UPPER = Uint8Array.from({ length: 256 }, (_, octet) => {
  const lower = (octet >= 0x61 && octet <= 0x7a) || (octet >= 0xdf && octet !== 0xf7);
  return lower ? octet - 0x20 : octet;
});
const SAME = Uint8Array.from({ length: 256 }, (_, octet) => octet);

/** Where `pattern` first stands in bytes[from .. end), or -1. */
export type Search = (bytes: Uint8Array, from: number, end: number) => number;

export function search(pattern: Uint8Array, ignoreCase: boolean): Search {
  const fold = ignoreCase ? UPPER : SAME;
  const wanted = pattern.map((octet) => fold[octet]);
  const last = wanted.length - 1;
  // How far the end of the pattern may move on when this octet stands under it.
  const shift = new Uint16Array(256).fill(wanted.length);
  for (let index = 0; index < last; index++) shift[wanted[index]] = last - index;
  return (bytes, from, end) => {
    for (let tail = from + last; tail < end; tail += shift[fold[bytes[tail]]]) {
      let index = last;
      while (index >= 0 && fold[bytes[tail - last + index]] === wanted[index]) index--;
      if (index < 0) return tail - last;
    }
    return -1;
  };
}
