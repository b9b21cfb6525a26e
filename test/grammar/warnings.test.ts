import { describe, expect, test } from 'vitest';
import { helpers } from '../../conntrack/helpers/index.ts';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Registry } from '../../engine/registry.ts';
import { matches } from '../../matches/index.ts';
import { targets } from '../../targets/index.ts';

const lookup = new Registry({ matches, targets, helpers });
const LOCALTZ =
  'WARNING: --localtz is being replaced by --kerneltz, since "local" is ambiguous. Note the kernel timezone has caveats - see manpage for details.';
const NFLOG = 'warn: --nflog-range has never worked and is no longer supported, please use --nflog-size instead';
const weird = (name: string): string =>
  `Warning: weird character in interface \`${name}' ('/' and ' ' are not allowed by the kernel).`;
const reversed = (range: string): string => `xt_iprange: range ${range} is reversed and will never match`;

/** Rules, what is warned of on the way, and the exit code: each was asked of iptables-restore 1.8.9. */
const rows: readonly (readonly [rule: string, warnings: readonly string[], code: number])[] = [
  ['-m iprange --src-range 10.0.0.1-10.0.0.5', [], 0],
  ['-m iprange --src-range 10.0.0.5-10.0.0.1', [reversed('10.0.0.5-10.0.0.1')], 0],
  [
    '-m iprange --src-range 10.0.0.5-10.0.0.1 --dst-range 10.0.0.9-10.0.0.1',
    [reversed('10.0.0.5-10.0.0.1'), reversed('10.0.0.9-10.0.0.1')],
    0,
  ],
  // What is warned of before the rule is refused is said all the same.
  ['-m iprange --src-range 10.0.0.5-10.0.0.1 --src-range 5', [reversed('10.0.0.5-10.0.0.1')], 2],
  ['-j NFLOG --nflog-range 0', [NFLOG], 0],
  ['-j NFLOG --nflog-range 5 --nflog-size 6', [NFLOG], 2],
  ['-m time --localtz', [LOCALTZ], 0],
  ['-m time --localtz --utc', [LOCALTZ], 2],
  ['-m physdev --physdev-in "a b"', [weird('a b')], 0],
  ['-i a/b -o a/b', [weird('a/b'), weird('a/b')], 2],
  ['-m set --set s src', ['--set option deprecated, please use --match-set'], 0],
  ['-m set --match-set s src', [], 0],
];

describe('a warning goes to standard error, and changes nothing', () => {
  test.each(rows)('%s', (rule, warnings, code) => {
    const ruleset = new Ruleset(4, { lookup });
    const text = `*mangle\n-A PREROUTING ${rule}\nCOMMIT\n`;
    const result = restore(text, ruleset, { program: 'iptables-restore' });
    expect(result.warnings).toEqual(warnings);
    expect(result.exitCode).toBe(code);
  });
});
