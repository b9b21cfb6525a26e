// Names of code points: RFC 2474 (CS), RFC 2597 (AF), RFC 3246 (EF).

export const DSCP_CLASSES: ReadonlyMap<string, number> = new Map([
  ['BE', 0],
  ...Array.from({ length: 8 }, (_, selector): [string, number] => [`CS${selector}`, selector << 3]),
  ...[1, 2, 3, 4].flatMap((level) =>
    [1, 2, 3].map((precedence): [string, number] => [`AF${level}${precedence}`, (level << 3) | (precedence << 1)]),
  ),
  ['EF', 0x2e],
]);
