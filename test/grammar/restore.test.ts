// Save files: what the restore program takes and refuses line by line. Every row was asked of ip6tables-restore 1.8.9.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fmt, fmtBatch } from '../../bin/fmt.ts';
import { type RestoreOptions, restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Registry } from '../../engine/registry.ts';
import { noNames } from '../../grammar/names.ts';
import { linesOf, ownLinesOf } from '../../grammar/save-lines.ts';
import { comment } from '../../matches/comment.ts';
import { hl } from '../../matches/hl.ts';
import { tcp } from '../../matches/tcp.ts';
import { LOG } from '../../targets/LOG.ts';
import { REJECT } from '../../targets/REJECT.ts';

const lookup = new Registry({ matches: [hl, comment, tcp], targets: [LOG, REJECT] });
const options = { family: 6 as const, lookup, names: noNames };
const program = 'ip6tables-restore';

const HEAD = '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n';

/** Lines of a filter table -> what is saved after the policies. */
const taken: [lines: string, saved: string][] = [
  ['', ''],
  [':foo -\n', ':foo - [0:0]\n'],
  [':foo - [0:0\n', ':foo - [0:0]\n'],
  [':INPUT - [1:2]\n', ''],
  [':-foo -\n:!a -\n:LOG -\n', ':!a - [0:0]\n:-foo - [0:0]\n:LOG - [0:0]\n'],
  ['-N foo\n-A foo\n', ':foo - [0:0]\n-A foo\n'],
  ['# hash\n\n-A INPUT\n', '-A INPUT\n'],
  [' \t-A INPUT\n', '-A INPUT\n'],
  ['[1:2] -A INPUT\n', '-A INPUT\n'],
  ['[1:2]-A INPUT\n', '-A INPUT\n'],
  ['[a:b] -A INPUT\n', '-A INPUT\n'],
  ['-4 -A INPUT -Q\n-A INPUT -4 -Q\n', ''],
  ['-6 -A INPUT\n', '-A INPUT\n'],
  ['-A INPUT -m comment --comment "foo\n', '-A INPUT -m comment --comment "foo\n"\n'],
  [`-A INPUT -m comment --comment 'a'\n`, `-A INPUT -m comment --comment "\\'a\\'"\n`],
  ['-A INPUT -m comment --comment ab"c d"\n', '-A INPUT -m comment --comment "abc d"\n'],
  ['-A INPUT -m comment --comment ""\n', '-A INPUT -m comment --comment ""\n'],
  ['-A INPUT -p tcp --dport 22\n-I INPUT\n-D INPUT 2\n', '-A INPUT\n'],
  [':foo -\n-A foo -j foo\n', ':foo - [0:0]\n-A foo -j foo\n'],
  ['-N x\n-A INPUT -j x\n-E x y\n', ':y - [0:0]\n-A INPUT -j y\n'],
  ['-A INPUT\n-R INPUT 1 -p tcp\n', '-A INPUT -p tcp\n'],
  [':LOG -\n-A INPUT -j LOG\n', ':LOG - [0:0]\n-A INPUT -j LOG\n'],
];

/** A file -> the first line on stderr, line number where the tool gives one, exit code. */
const refused: [file: string, first: string, code: number, line?: number][] = [
  ['*filter\nCOMMIT', "Bad argument `COMMIT'", 2, 2],
  ['*filter\nCOMMIT\r\n', "Bad argument `COMMIT\r'", 2, 2],
  ['*filter\r\n', `${program} v1.8.9 (legacy): ${program}: unable to initialize table 'filter\r'`, 2, 1],
  ['*filter\nCOMMIT \n', "Bad argument `COMMIT'", 2, 2],
  ['*filter\n', `${program}: COMMIT expected at line 2`, 1],
  ['*\nCOMMIT\n', `${program} v1.8.9 (legacy): ${program}: line 1 table name invalid`, 2, 1],
  ['*foo\nCOMMIT\n', `${program} v1.8.9 (legacy): ${program}: unable to initialize table 'foo'`, 2, 1],
  ['*filter\n*nat\nCOMMIT\n', "Bad argument `*nat'", 2, 2],
  ['COMMIT\n', `${program}: line 1 failed`, 1],
  [':INPUT ACCEPT\n', `${program}: line 1 failed`, 1],
  ['*filter\nCOMMIT\n-A INPUT\n', `${program}: line 3 failed`, 1],
  ['*filter\n:foo -\n:foo -\nCOMMIT\n', `${program} v1.8.9 (legacy): error creating chain 'foo':File exists`, 2, 3],
  ['*filter\n:ACCEPT -\nCOMMIT\n', `${program} v1.8.9 (legacy): error creating chain 'ACCEPT':File exists`, 2, 2],
  ['*filter\n:foo\nCOMMIT\n', `${program} v1.8.9 (legacy): ${program}: line 2 policy invalid`, 2, 2],
  ['*filter\n:\nCOMMIT\n', `${program} v1.8.9 (legacy): ${program}: line 2 chain name invalid`, 2, 2],
  [
    '*filter\n:foo ACCEPT [0:0]\nCOMMIT\n',
    `${program} v1.8.9 (legacy): Can't set policy \`ACCEPT' on \`foo' line 2: Bad built-in chain name`,
    1,
  ],
  [
    '*filter\n:INPUT FOO\nCOMMIT\n',
    `${program} v1.8.9 (legacy): Can't set policy \`FOO' on \`INPUT' line 2: Bad policy name`,
    1,
  ],
  [
    '*filter\n:01234567890123456789012345678 -\nCOMMIT\n',
    `${program} v1.8.9 (legacy): Invalid chain name \`01234567890123456789012345678' (28 chars max)`,
    2,
    2,
  ],
  ['*filter\n  \nCOMMIT\n', `${program} v1.8.9 (legacy): no command specified`, 2, 2],
  ['*filter\n-A INPUT # no\nCOMMIT\n', "Bad argument `#'", 2, 2],
  [
    '*filter\n-A INPUT -t nat\nCOMMIT\n',
    `${program} v1.8.9 (legacy): The -t option cannot be used in ${program}.`,
    2,
    2,
  ],
  ['*filter\n-A INPUT -w\nCOMMIT\n', `${program} v1.8.9 (legacy): You cannot use \`-w' from iptables-restore`, 2, 2],
  ['*filter\n[1:2 -A INPUT\nCOMMIT\n', `${program} v1.8.9 (legacy): Bad line 2: need ]`, 2, 2],
  ['*filter\n[1] -A INPUT\nCOMMIT\n', `${program} v1.8.9 (legacy): Bad line 2: need ]`, 2, 2],
  ['*filter\n [1:2] -A INPUT\nCOMMIT\n', "Bad argument `[1:2]'", 2, 2],
  ['*filter\n-A INPUT -Q -4\nCOMMIT\n', `${program} v1.8.9 (legacy): unknown option "-Q"`, 2, 2],
  [
    '*filter\n-A INPUT -j foo\n:foo -\nCOMMIT\n',
    `${program} v1.8.9 (legacy): Couldn't load target \`foo':No such file or directory`,
    2,
    2,
  ],
  ['*filter\n-A nowhere\nCOMMIT\n', `${program}: line 2 failed`, 1],
  ['*filter\n:foo -\n-A INPUT -j foo\n-A foo -j foo\nCOMMIT\n', `${program}: line 5 failed`, 1],
  ['*filter\n:foo -\n-A INPUT -j foo\n-X foo\nCOMMIT\n', `${program}: line 4 failed`, 1],
  ['*filter\n:foo -\n-A foo -m tcp\nCOMMIT\n', `${program}: line 4 failed`, 1],
  ['*mangle\n:foo -\n-A foo -j REJECT\nCOMMIT\n', `${program}: line 4 failed`, 1],
  [
    '*filter\n:LOG -\n-A INPUT -j LOG --log-level 3\nCOMMIT\n',
    `${program} v1.8.9 (legacy): unknown option "--log-level"`,
    2,
    3,
  ],
  [
    `*filter\n-A INPUT -m comment --comment ${'a'.repeat(1024)}\nCOMMIT\n`,
    `${program} v1.8.9 (legacy): Parameter too long!`,
    2,
    2,
  ],
  [
    `*filter\n-A INPUT ${'-v '.repeat(250)}\nCOMMIT\n`,
    `${program} v1.8.9 (legacy): Parser cannot handle more arguments`,
    2,
    2,
  ],
  [`#${'a'.repeat(10_239)}\n*filter\nCOMMIT\n`, `${program}: line 2 failed`, 1],
  [
    `*filter\n-A INPUT${' '.repeat(10_228)}-j DROP\nCOMMIT\n`,
    `${program} v1.8.9 (legacy): option "-j" requires an argument`,
    2,
    2,
  ],
];

describe('a table of a save file', () => {
  it.each(taken)('%j is saved as %j', (lines, saved) => {
    const { stdout, stderr, exitCode } = fmt(`*filter\n${lines}COMMIT\n`, options);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: `${HEAD}${saved}COMMIT\n`, stderr: '', exitCode: 0 });
  });

  it.each(refused)('%j is refused: %s', (file, first, code, line) => {
    const { stdout, stderr, exitCode } = fmt(file, options);
    expect(stderr.split('\n')[0]).toBe(first);
    expect(exitCode).toBe(code);
    expect(stdout).toBe('');
    const said = /Error occurred at line: (\d+)/.exec(stderr)?.[1];
    expect(said === undefined ? undefined : Number(said)).toBe(line);
  });
});

describe('problems', () => {
  it('are all reported in one run, each with its line and a caret', () => {
    const file =
      '*filter\n-A INPUT -m hl --hl-gt 256 -j DROP\n-A INPUT -p tcp --dprot 22\n-A INPUT -j ACCEPT\n-A nowhere\nCOMMIT\n*rwa\nCOMMIT\n';
    const { stderr, exitCode } = fmt(file, options);
    expect(exitCode).toBe(2);
    expect(stderr).toBe(
      [
        `${program} v1.8.9 (legacy): hl: bad value for option "--hl-gt", or out of range (0-255).`,
        'Error occurred at line: 2',
        '    2 | -A INPUT -m hl --hl-gt 256 -j DROP',
        '      |                        ^^^',
        `${program} v1.8.9 (legacy): unknown option "--dprot"`,
        'Error occurred at line: 3',
        '    3 | -A INPUT -p tcp --dprot 22',
        '      |                 ^^^^^^^',
        'hint: did you mean "--dport"?',
        `${program}: line 5 failed`,
        '    5 | -A nowhere',
        '      |    ^^^^^^^',
        'reason: No chain/target/match by that name: there is no chain nowhere in table filter',
        `${program} v1.8.9 (legacy): ${program}: unable to initialize table 'rwa'`,
        'Error occurred at line: 7',
        '    7 | *rwa',
        '      |  ^^^',
        'hint: did you mean "raw"?',
        '',
      ].join('\n'),
    );
  });

  it('that the kernel has with a table are shown at the rule that causes them', () => {
    const { stderr } = fmt('*mangle\n-A INPUT\n-A INPUT -j REJECT\nCOMMIT\n', options);
    expect(stderr).toBe(
      [
        `${program}: line 4 failed`,
        '    3 | -A INPUT -j REJECT',
        '      | ^^^^^^^^^^^^^^^^^^',
        'reason: Invalid argument: -j REJECT is only for the filter table, not mangle',
        '',
      ].join('\n'),
    );
  });

  it('of the next table do not undo the one before', () => {
    const ruleset = new Ruleset(6, { lookup });
    const { exitCode } = restore(
      '*raw\n-A OUTPUT -j ACCEPT\nCOMMIT\n*filter\n-A INPUT\n-Q\nCOMMIT\n*mangle\nCOMMIT\n',
      ruleset,
      { program },
    );
    expect(exitCode).toBe(2);
    const filter = HEAD;
    expect(ruleset.save()).toBe(
      `${filter}COMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j ACCEPT\nCOMMIT\n`,
    );
  });
});

describe('switches of the restore program', () => {
  const before =
    '*filter\n:INPUT DROP [9:9]\n:OUTPUT DROP [3:3]\n:foo - [0:0]\n:bar - [0:0]\n-A foo -p tcp\n-A bar -p tcp\n-A INPUT -j bar\nCOMMIT\n';

  const afterwards = (text: string, given: Partial<RestoreOptions>): string => {
    const ruleset = new Ruleset(6, { lookup });
    expect(restore(before, ruleset, { program, counters: true }).exitCode).toBe(0);
    expect(restore(text, ruleset, { program, ...given }).exitCode).toBe(0);
    return ruleset.save({ counters: true });
  };

  it('-n keeps rules and chains, flushes user chains that are named, leaves policies that are not', () => {
    expect(
      afterwards('*filter\n:foo - [1:1]\n:INPUT ACCEPT [1:1]\n[5:6] -A foo -p udp\nCOMMIT\n', { noflush: true }),
    ).toBe(
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n:bar - [0:0]\n:foo - [0:0]\n[0:0] -A INPUT -j bar\n[0:0] -A bar -p tcp\n[0:0] -A foo -p udp\nCOMMIT\n',
    );
  });

  it('-c takes counters from : lines and from brackets', () => {
    const text =
      '*filter\n:foo - [1:1]\n:INPUT ACCEPT [1:1]\n:FORWARD - [7:7]\n[5:6] -A foo -p udp\n-A foo -p tcp -c 8 9\nCOMMIT\n';
    expect(afterwards(text, { counters: true })).toBe(
      '*filter\n:INPUT ACCEPT [1:1]\n:FORWARD ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n:foo - [0:0]\n[5:6] -A foo -p udp\n[8:9] -A foo -p tcp\nCOMMIT\n',
    );
  });

  it('-c wants counters behind a policy', () => {
    const ruleset = new Ruleset(6, { lookup });
    const { diagnostics } = restore('*filter\n:INPUT ACCEPT [5\nCOMMIT\n', ruleset, { program, counters: true });
    expect(diagnostics[0].first).toBe(`${program} v1.8.9 (legacy): invalid policy counters for chain 'INPUT'`);
  });

  it('-t changes nothing, and does not ask the kernel', () => {
    const kept = afterwards('*filter\n:INPUT ACCEPT [5:5]\n:a -\n-A INPUT -j a\n-A a -j a\nCOMMIT\n', { test: true });
    expect(kept).toContain(':INPUT DROP [9:9]');
    expect(kept).toContain(':foo - [0:0]');
  });

  it('-T reads one table and passes over the others, whatever stands in them', () => {
    const saved = afterwards(
      '*filter\n:INPUT ACCEPT [5:5]\nfoo\nCOMMIT\n*raw\n-A OUTPUT -j ACCEPT\nCOMMIT\n*mangle\nbar\nCOMMIT\n',
      { table: 'raw' },
    );
    expect(saved).toMatch(/^\*raw\n(.*\n)+\[0:0\] -A OUTPUT -j ACCEPT\nCOMMIT\n\*filter\n:INPUT DROP \[9:9\]/);
  });

  it('-v says what is done, comments included', () => {
    const ruleset = new Ruleset(6, { lookup });
    const { stdout } = restore('#hi\n*raw\n-A OUTPUT -p tcp -v\nCOMMIT\n', ruleset, { program, verbose: true });
    expect(stdout).toBe(
      "#hi\nFlushing chain `PREROUTING'\nFlushing chain `OUTPUT'\n  tcp opt -- in * out *  ::/0  -> ::/0  \n",
    );
  });
});

describe('fmt --batch', () => {
  it('answers each document by itself', () => {
    const text = '*filter\n-A INPUT -j ACCEPT\nCOMMIT\n%%\n*filter\n-A INPUT -Q\nCOMMIT\n%%\n\n%%\n';
    expect(fmtBatch(text, options).stdout).toBe(
      [
        'ok',
        `${HEAD}-A INPUT -j ACCEPT`,
        'COMMIT',
        '%%',
        'fail 2',
        `${program} v1.8.9 (legacy): unknown option "-Q"`,
        'Error occurred at line: 2',
        '    2 | -A INPUT -Q',
        '      |          ^^',
        '%%',
        'ok',
        '%%',
        '',
      ].join('\n'),
    );
  });
});

describe('a long text', () => {
  it('is read in pieces: line for line the same', () => {
    const line = fc.oneof(
      fc.string({ maxLength: 300 }),
      fc.nat(20_000).map((length) => '\u00e9'.repeat(length)),
    );
    const whole = (text: string): unknown[] =>
      [...linesOf(text)].map(({ number, start, end }) => [number, text.slice(start, end)]);
    const inPieces = (text: string): unknown[] =>
      [...ownLinesOf(text)].map(({ number, source, start, end }) => [number, source.slice(start, end)]);
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), fc.boolean(), (lines, ends) => {
        const text = lines.join('\n') + (ends ? '\n' : '');
        expect(inPieces(text)).toEqual(whole(text));
      }),
      { seed: 11, numRuns: 60 },
    );
  });

  it('is not kept by the rules that came with it', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const ruleset = new Ruleset(6, options);
    const used = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    // As kube-proxy does: a chain that changes comes with all that could have.
    const restoreOne = (number: number): void => {
      const noise = Array.from({ length: 3_000 }, (_, index) => `# ${number} ${index} of a text that is long`).join(
        '\n',
      );
      const text = `${HEAD}:a-chain-of-a-service-${number} - [0:0]\n${noise}\n-A a-chain-of-a-service-${number} -j ACCEPT\nCOMMIT\n`;
      expect(restore(text, ruleset, { program, noflush: true }).exitCode).toBe(0);
    };
    restoreOne(0);
    const before = used();
    for (let number = 1; number <= 100; number++) restoreOne(number);
    // 11 MB of text.
    expect(used() - before).toBeLessThan(2_000_000);
    expect(ruleset.table('filter')?.chains.size).toBe(104);
  });
});
