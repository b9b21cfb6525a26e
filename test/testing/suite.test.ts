// Tables in YAML and JSON: how rows are read, what they claim, what is said of rows that make no sense; and the reports.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { test as testCommand } from '../../bin/test-command.ts';
import { Coverage } from '../../testing/coverage/coverage.ts';
import { parseExpectation } from '../../testing/suite/expectation.ts';
import { GROUP_KEYS, parseSuite, ROW_KEYS, SUITE_KEYS, SuiteError } from '../../testing/suite/suite.ts';
import { githubReport, junitReport, summary, tapReport, textReport } from '../../testing/suite/suite-report.ts';
import { filesOf, type RowResult, runSuite } from '../../testing/suite/suite-run.ts';

const HEAD = `v4: |
  *filter
  :INPUT ACCEPT
  :FORWARD DROP
  :OUTPUT ACCEPT
  -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment answers -j ACCEPT
  -A FORWARD -i inside -p tcp -m tcp --dport 443 -j ACCEPT
  -A FORWARD -i inside -p udp -m mark --mark 0x2 -j ACCEPT
  -A FORWARD -i inside -p udp -m udp --dport 53 -j ACCEPT
  -A FORWARD -p tcp -m tcp --dport 23 -j LOG --log-prefix "telnet, again: "
  -A FORWARD -p tcp -m tcp --dport 23 -j REJECT --reject-with tcp-reset
  COMMIT
tests:
`;
const run = (rows: string): readonly RowResult[] => runSuite(parseSuite(HEAD + rows, 'border.yaml')).rows;
const failures = (rows: string): string[] =>
  run(rows).flatMap(({ failure }) => (failure ? [failure.split('\n')[0]] : []));

describe('rows', () => {
  test('every kind of row, all of them holding', () => {
    const rows = run(`
  - name: packets
    rows:
      - tcp 10.0.1.2 > 192.0.2.9 dport 443 syn -> accepted by outside, ctstate NEW, as dport 443 ttl 63, rule "FORWARD 2"
      - 'inside: udp 10.0.1.2 > 192.0.2.9 dport 9 -> dropped by filter FORWARD policy, not logged'
      - outside: 'tcp 192.0.2.9 > 10.0.1.2 dport 23 syn => rejected with tcp-reset, logged "telnet, again: "'
      - local: udp 10.0.2.1 > 192.0.2.9 dport 53 → not dropped
      - { packet: udp 10.0.1.2 > 192.0.2.9 dport 7, mark: 0x2, repeat: 3, expect: accepted }
      - { packet: udp 10.0.1.2 > 192.0.2.9 dport 53 length 100, in: inside, fragments: 48, expect: [accepted, NEW] }
      - 45 00 00 1c 0000 0000 4001 63d0 0a000102 0a000202 0800f7ff00000000 -> dropped
  - name: flows and time
    rows:
      - flow web: tcp 10.0.1.2 > 192.0.2.9 dport 443 syn
      - web connect
      - web send 100 -> accepted, ctstate ESTABLISHED
      - web reply 2000
      - web retransmit
      - web out-of-window -> INVALID
      - web error host-unreachable -> accepted by inside, RELATED
      - hits answers = 6
      - web close
      - flow old in inside: udp 10.0.1.2 > 192.0.2.9 dport 53
      - old connect
      - wait 1h
      - old reply -> dropped
      - sysctl net.netfilter.nf_conntrack_tcp_loose=0
      - tcp 10.0.1.2 > 192.0.2.9 dport 443 ack -> INVALID
  - name: the group says what is expected
    expect: dropped
    rows:
      - udp 10.0.1.2 > 192.0.2.9 dport 69
      - tcp 192.0.2.9 > 10.0.1.2 dport 443 syn
      - hits answers = 0
`);
    expect(rows.filter(({ failure }) => failure !== undefined)).toEqual([]);
    expect(rows).toHaveLength(21);
    expect(rows[0]).toMatchObject({ group: 'packets', file: 'border.yaml', line: 17 });
  });

  test.each([
    [
      'tcp 10.0.1.2 > 192.0.2.9 dport 80 syn -> accepted',
      'expected the packet to be accepted, but it was dropped: filter FORWARD policy',
    ],
    [
      'tcp 10.0.1.2 > 192.0.2.9 dport 443 syn -> not accepted',
      'expected the packet not to be accepted, but it was accepted by filter FORWARD rule 2: it left by outside',
    ],
    [
      'tcp 10.0.1.2 > 192.0.2.9 dport 443 syn -> accepted, ctstate NEW, as dport 8443',
      'expected the packet to come out with dport 8443, but it has dport 443',
    ],
    ['eth9: tcp 10.0.1.2 > 192.0.2.9 -> accepted', 'no device eth9 here: there are inside, outside'],
    ['hits answers = 2', 'expected "answers" to have counted 2, but it counted 0'],
    [
      'udp 10.0.1.2 > 192.0.2.9 dport 53 -> rule answer me',
      'no rule is called "answer me"; did you mean "answers"? Rules are named by CHAIN NUMBER, FILE:LINE, their comment, or a part of their text.',
    ],
  ])('%s fails', (row, says) => {
    expect(failures(`  - rows:\n      - ${JSON.stringify(row)}\n`)).toEqual([says]);
  });

  test('each group begins anew', () => {
    const flow = '      - flow web: tcp 10.0.1.2 > 192.0.2.9 dport 443 syn\n      - web connect\n';
    expect(
      failures(
        `  - rows:\n${flow}  - rows:\n      - "tcp 192.0.2.9 > 10.0.1.2 sport 443 dport 1024 ack -> dropped, NEW"\n`,
      ),
    ).toEqual([]);
  });
});

describe('what makes no sense is told with its line, all at once', () => {
  const problems = (text: string): string[] => {
    try {
      parseSuite(text, 'odd.yaml');
    } catch (error) {
      if (error instanceof SuiteError) return error.message.split('\n');
      throw error;
    }
    return [];
  };

  test.each([
    [
      '- rows: ["tcp 10.0.0.1 > 10.0.0.2 syn"]',
      'nothing is expected of this packet: write "-> accepted", or give the group an "expect"',
    ],
    ['- rows: ["tpc 10.0.0.1 > 10.0.0.2 -> accepted"]', '"tpc" is not a word for packets (did you mean "tcp"?)'],
    [
      '- rows: ["tcp 10.0.0.1 > 10.0.0.2 -> acepted"]',
      '"acepted" is nothing that can be expected; did you mean "accepted"?',
    ],
    [
      '- rows: ["tcp 10.0.0.1 > 10.0.0.2 -> accepted dropped"]',
      '"accepted dropped": behind accepted comes nothing, or "by ..."',
    ],
    ['- rows: ["tcp 10.0.0.1 > 10.0.0.2 -> as port 5"]', '"as port 5": no field is called port: src, dst, protocol'],
    ['- rows: ["tcp 10.0.0.1 > 10.0.0.2 -> ctstate OLD"]', 'no ctstate is called OLD'],
    ['- rows: ["wait a bit"]', '"a bit" is no span of time'],
    ['- rows: ["sysctl tcp_loose"]', '"tcp_loose" is no setting: sysctl NAME=VALUE'],
    ['- rows: ["flow a: tcp 10.0.0.1 > 10.0.0.2", a sned 3]', 'a flow does not "sned"'],
    [
      '- rows: [{packet: "tcp 10.0.0.1 > 10.0.0.2", repaet: 3, expect: accepted}]',
      'a row has no "repaet"; did you mean "repeat"?',
    ],
    ['- rows: [{packet: "tcp 10.0.0.1 > 10.0.0.2", repeat: many, expect: accepted}]', 'repeat is a number, not many'],
    ['- nam: x', 'a group of tests has no "nam"; did you mean "name"?'],
    ['- name: [', 'Flow sequence'],
  ])('%s', (group, says) => {
    const [problem] = problems(`v4: x.v4\ntests:\n  ${group}\n`);
    expect(problem).toMatch(/^odd\.yaml:[34]: /);
    expect(problem).toContain(says);
  });

  test('several', () => {
    expect(problems('mode: hub\ntests: []\n')).toEqual([
      expect.stringContaining('odd.yaml:1: no rules'),
      'odd.yaml:1: mode is router or bridge, not hub',
    ]);
    expect(problems('[]')[0]).toContain('a test file is a mapping with rules');
    expect(problems('v6: a\n')).toEqual(['odd.yaml:1: no tests']);
  });

  test('an expectation keeps its words', () => {
    expect(parseExpectation('accepted by lan0, not logged "a, b"').map(({ text, negated }) => [text, negated])).toEqual(
      [
        ['accepted by lan0', false],
        ['not logged "a, b"', true],
      ],
    );
    expect(() => parseExpectation(' ')).toThrow('nothing is expected');
  });
});

test('the schema for editors knows the same keys', () => {
  const schema = JSON.parse(readFileSync(new URL('../../docs/test-file.schema.json', import.meta.url), 'utf8'));
  expect(Object.keys(schema.properties)).toEqual(SUITE_KEYS);
  expect(Object.keys(schema.definitions.group.properties).sort()).toEqual([...GROUP_KEYS].sort());
  expect(Object.keys(schema.definitions.row.oneOf[1].properties)).toEqual(ROW_KEYS);
});

test.each(['home-router', 'web-server', 'ipv6-border', 'kubernetes-node'])(
  'examples/%s/test.yaml holds and reaches every rule',
  (name) => {
    const file = new URL(`../../examples/${name}/test.yaml`, import.meta.url).pathname;
    const coverage = new Coverage();
    const suite = parseSuite(readFileSync(file, 'utf8'), file);
    const { rows } = runSuite(suite, coverage);
    expect(rows.filter(({ failure }) => failure !== undefined)).toEqual([]);
    expect(coverage.unreached).toEqual([]);
    expect(filesOf(suite)).toContain(file);
    expect(filesOf(suite).length).toBeGreaterThan(1);
  },
);

describe('reports', () => {
  const rows: RowResult[] = [
    {
      group: 'web',
      file: 'a.yaml',
      line: 4,
      text: 'tcp 10.0.0.1 > 10.0.0.2 # 1 -> accepted',
      failure: undefined,
      ms: 2,
    },
    {
      group: 'mail, "in"',
      file: 'a.yaml',
      line: 7,
      text: 'x -> dropped',
      failure: 'expected <a>\n\n  100 %\x07',
      ms: 1.5,
    },
  ];

  test('text', () => {
    expect(textReport(rows)).toBe(
      'FAIL a.yaml:7  mail, "in"\n  x -> dropped\n\n    expected <a>\n\n      100 %\x07\n\n1 passed, 1 failed\n',
    );
    expect(summary([])).toBe('0 passed, 0 failed');
  });

  test('TAP', () => {
    expect(tapReport(rows).split('\n')).toEqual([
      'TAP version 14',
      '1..2',
      'ok 1 - web: tcp 10.0.0.1 > 10.0.0.2 \\# 1 -> accepted',
      'not ok 2 - mail, "in": x -> dropped',
      '  ---',
      '  at: "a.yaml:7"',
      '  message: |',
      '    expected <a>',
      '',
      '      100 %\x07',
      '  ...',
      '',
    ]);
  });

  test('JUnit', () => {
    const xml = junitReport(rows);
    expect(xml).toContain('<testsuite name="a.yaml" tests="2" failures="1" errors="0" skipped="0" time="0.004">');
    expect(xml).toContain('name="tcp 10.0.0.1 &gt; 10.0.0.2 # 1 -&gt; accepted" file="a.yaml" line="4" time="0.002"/>');
    expect(xml).toContain('<failure message="expected &lt;a&gt;">expected &lt;a&gt;\n\n  100 %?</failure>');
  });

  test('GitHub annotations', () => {
    expect(githubReport(rows)).toBe('::error file=a.yaml,line=7,title=mail%2C "in"::expected <a>%0A%0A  100 %25\x07\n');
  });
});

describe('sekisho test', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sekisho-suite-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const command = async (files: Record<string, string>, options: Parameters<typeof testCommand>[1]) => {
    const [out, err] = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockReturnValue(true),
    );
    try {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      const code = await testCommand(
        Object.keys(files).map((name) => join(folder, name)),
        { github: false, ...options },
      );
      const text = (spy: typeof out): string => spy.mock.calls.map(([chunk]) => String(chunk)).join('');
      return { code, out: text(out), err: text(err) };
    } finally {
      out.mockRestore();
      err.mockRestore();
    }
  };
  const good = `${HEAD}  - rows: ["udp 10.0.1.2 > 192.0.2.9 dport 53 -> accepted"]\n`;
  const bad = `${HEAD}  - rows: ["udp 10.0.1.2 > 192.0.2.9 dport 54 -> accepted"]\n`;

  test('exit codes: 0 all holds, 1 some row does not, 2 a file that cannot be read', async () => {
    expect(await command({ 'good.yaml': good }, {})).toMatchObject({ code: 0, out: '1 passed, 0 failed\n' });
    const failed = await command({ 'good.yaml': good, 'bad.yaml': bad }, {});
    expect(failed).toMatchObject({ code: 1, out: expect.stringContaining('1 passed, 1 failed\n') });
    expect(await command({ 'odd.yaml': 'tests: 3' }, {})).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('odd.yaml:1: no rules'),
    });
    const refused = await command({ 'refused.yaml': 'v4: |\n  *filter\n  -A FORWARD -j\n  COMMIT\ntests: []\n' }, {});
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('Error occurred at line: 2') });
  });

  test('coverage, with a threshold', async () => {
    const low = await command({ 'good.yaml': good }, { coverage: '50' });
    expect(low).toMatchObject({ code: 1, err: 'sekisho: 16.7 % of the rules were reached, 50 % are asked for\n' });
    expect(low.out).toContain('1 of 6 rules reached (16.7 %)');
    expect(await command({ 'good.yaml': good }, { coverage: '15' })).toMatchObject({ code: 0 });
    expect(await command({ 'good.yaml': good }, { coverage: 'most' })).toMatchObject({ code: 2 });
  });

  test('thresholds for what is within the rules, and a page of it', async () => {
    const html = join(folder, 'coverage.html');
    const low = await command({ 'good.yaml': good }, { minStates: '100', minPredicates: '10%', gaps: true, html });
    expect(low).toMatchObject({
      code: 1,
      err: 'sekisho: 0.0 % of the ctstates named were reached, 100 % are asked for\n',
    });
    expect(low.out).toContain('never no: -i inside\n');
    expect(readFileSync(html, 'utf8')).toContain('<code>-A FORWARD');
    expect(await command({ 'good.yaml': good }, { minEdges: 'all' })).toMatchObject({ code: 2 });
  });

  test('--watch runs again when a file that was read changes, and not for others', async () => {
    writeFileSync(join(folder, 'rules.v4'), '*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n');
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const written = (): string => out.mock.calls.map(([chunk]) => String(chunk)).join('');
    try {
      writeFileSync(
        join(folder, 'watched.yaml'),
        'v4: rules.v4\ntests:\n  - rows: ["udp 10.0.1.2 > 192.0.2.9 -> accepted"]\n',
      );
      const ended = testCommand([join(folder, 'watched.yaml')], { watch: true, github: false });
      expect(written()).toBe('1 passed, 0 failed\n\nwatching; end with Ctrl-C\n');
      writeFileSync(join(folder, 'notes.txt'), 'nothing to do with it');
      writeFileSync(join(folder, 'rules.v4'), '*filter\n:INPUT ACCEPT\n:FORWARD DROP\n:OUTPUT ACCEPT\nCOMMIT\n');
      await vi.waitFor(() => expect(written()).toContain('0 passed, 1 failed\n'), { timeout: 10_000 });
      process.emit('SIGTERM', 'SIGTERM');
      expect(await ended).toBe(0);
    } finally {
      out.mockRestore();
    }
  });

  test('JSON does as well as YAML, and reports go into files', async () => {
    const json = JSON.stringify({
      v4: 'rules.v4',
      tests: [{ name: 'json', rows: ['udp 10.0.1.2 > 192.0.2.9 dport 53 -> accepted'] }],
    });
    writeFileSync(join(folder, 'rules.v4'), '*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n');
    const [junit, lcov] = [join(folder, 'junit.xml'), join(folder, 'lcov.info')];
    expect(await command({ 'test.json': json }, { tap: true, junit, lcov })).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^TAP version 14\n1\.\.1\nok 1/),
    });
    expect(readFileSync(junit, 'utf8')).toContain('<testcase classname="json"');
    expect(readFileSync(lcov, 'utf8')).toMatch(/SF:.*rules\.v4\nDA:2,0\nDA:3,1\n/);
  });
});
