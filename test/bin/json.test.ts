// --json on everything that lists. What asks a daemon is in test/inline/service.test.ts.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashlimitEntry, recentEntry, synproxyCounts } from '../../bin/proc-files.ts';
import { SynProxyStatistics } from '../../engine/synproxy/statistics.ts';
import { type Ran, sekisho } from './program.ts';

let folder: string;
let env: Record<string, string>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-json-'));
  env = { SEKISHO_STATE_DIR: join(folder, 'state') };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (line: string, input?: string): Ran => sekisho(line.split(' '), { env, input });
const json = (line: string, input?: string): unknown => JSON.parse(run(line, input).stdout);

describe('rules', () => {
  beforeAll(() => {
    const rules = [
      '*filter',
      ':web - [0:0]',
      '[7:420] -A INPUT ! -s 2001:db8::/32 -i eth+ -p tcp --dport 22 -m limit --limit 3/min -j LOG --log-prefix "a b"',
      '-A INPUT -g web',
      '-A INPUT -j DROP',
      'COMMIT',
      '*raw',
      'COMMIT',
      '',
    ];
    expect(run('ip6tables-restore -c', rules.join('\n')).stderr).toBe('');
  });

  const log = {
    number: 1,
    packets: 7,
    bytes: 420,
    rule: '! -s 2001:db8::/32 -i eth+ -p tcp -m tcp --dport 22 -m limit --limit 3/min -j LOG --log-prefix "a b"',
    source: '! 2001:db8::/32',
    in: 'eth+',
    protocol: 'tcp',
    matches: [
      { name: 'tcp', options: '--dport 22' },
      { name: 'limit', options: '--limit 3/min' },
    ],
    target: { name: 'LOG', options: '--log-prefix "a b"' },
  };
  const counted = { packets: 0, bytes: 0 };
  const goto = { number: 2, ...counted, rule: '-g web', matches: [], target: { chain: 'web', goto: true } };
  const drop = { number: 3, ...counted, rule: '-j DROP', matches: [], target: { verdict: 'DROP' } };
  const input = { name: 'INPUT', policy: 'ACCEPT', ...counted, rules: [log, goto, drop] };
  const web = { name: 'web', references: 1, rules: [] };
  const filter = (...chains: object[]): object => ({ family: 6, tables: [{ name: 'filter', chains }] });

  test.each([
    ['-nvL INPUT', filter(input)],
    ['-S INPUT 2', filter({ ...input, rules: [goto] })],
    ['-L web', filter(web)],
  ])('ip6tables --json %s', (words, listed) => {
    expect(json(`ip6tables --json ${words}`)).toEqual(listed);
  });

  test('ip6tables-save --json has all tables that were used, or one', () => {
    const { tables } = json('ip6tables-save --json') as { tables: { name: string; chains: { name: string }[] }[] };
    expect(tables.map(({ name }) => name)).toEqual(['raw', 'filter']);
    expect(tables[1].chains.map(({ name }) => name)).toEqual(['INPUT', 'FORWARD', 'OUTPUT', 'web']);
    expect(json('ip6tables-save --json -t raw')).toMatchObject({ tables: [{ name: 'raw' }] });
  });

  test('--json -L -Z shows what it sets to zero, as without', () => {
    expect(json('ip6tables --json -L INPUT -Z')).toEqual(filter(input));
    expect(json('ip6tables --json -L INPUT 1')).toEqual(filter({ ...input, rules: [{ ...log, ...counted }] }));
  });

  test.each([
    ['ip6tables --json -F', 2, '--json is for what lists'],
    ['ip6tables-restore --json', 2, '--json is for what lists'],
    ['ip6tables --json -L nowhere', 1, 'No chain/target/match by that name.'],
    ['ip6tables --json -t filtre -L', 3, 'did you mean "filter"?'],
    ['ip6tables -L --json', 2, 'unknown option "--json"'],
  ])('%s: %d', (line, code, stderr) => {
    expect(run(line, '')).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(stderr) });
  });
});

test('ipset list -o json, or --json', () => {
  run('ipset create a hash:net family inet6 timeout 600 comment counters');
  sekisho(['ipset', 'add', 'a', '2001:db8::/32', 'timeout', '0', 'comment', 'the "docs"'.replaceAll('"', "'")], {
    env,
  });
  run('ipset add a 2001:db8:1::/48 timeout 0 nomatch packets 3 bytes 180');
  const [set] = json('ipset list -o json') as [object];
  expect(set).toMatchObject({
    name: 'a',
    type: 'hash:net',
    header: {
      family: 'inet6',
      hashsize: 1024,
      maxelem: 65536,
      timeout: 600,
      comment: true,
      counters: true,
      numentries: 2,
    },
    members: [
      { elem: '2001:db8::/32', timeout: 0, packets: 0, bytes: 0, comment: "the 'docs'" },
      { elem: '2001:db8:1::/48', timeout: 0, packets: 3, bytes: 180, nomatch: true },
    ],
  });
  expect(json('ipset --json list -n')).toEqual([{ name: 'a' }]);
  expect(json('ipset --json list -t')).toEqual([expect.not.objectContaining({ members: expect.anything() })]);
});

test('sekisho test --json', () => {
  const { rows, coverage } = json('test --json examples/web-server/test.yaml') as {
    rows: { group: string; failure?: string }[];
    coverage: { measures: { rules: { of: number } }; lines: unknown[] };
  };
  expect(rows.filter(({ failure }) => failure !== undefined)).toEqual([]);
  expect(rows.length).toBeGreaterThan(5);
  expect(coverage.lines.length).toBeGreaterThanOrEqual(coverage.measures.rules.of);
});

test('sekisho links --json', () => {
  const made = json(`links --json ${join(folder, 'links')}`);
  expect(made).toContain(join(folder, 'links/ip6tables-save'));
});

test('lines of -m recent and -m hashlimit, taken apart', () => {
  expect(recentEntry('src=192.0.2.1 ttl: 64 last_seen: 4294967 oldest_pkt: 2 4294960, 4294967')).toEqual({
    src: '192.0.2.1',
    ttl: 64,
    last_seen: 4294967,
    oldest_pkt: 2,
    stamps: [4294960, 4294967],
  });
  expect(
    hashlimitEntry(
      '9 2001:0db8:0000:0000:0000:0000:0000:0001:1024->0000:0000:0000:0000:0000:0000:0000:0000:0 1600 3200 320',
    ),
  ).toEqual({
    expires: 9,
    src: '2001:0db8:0000:0000:0000:0000:0000:0001',
    sport: 1024,
    dst: '0000:0000:0000:0000:0000:0000:0000:0000',
    dport: 0,
    credit: 1600,
    credit_cap: 3200,
    cost: 320,
  });
});

test('the counts of SYNPROXY, taken apart', () => {
  const statistics = new SynProxyStatistics();
  statistics.synReceived = 26;
  statistics.cookieValid = 1;
  expect(synproxyCounts(statistics.read())).toEqual({
    entries: 0,
    syn_received: 26,
    cookie_invalid: 0,
    cookie_valid: 1,
    cookie_retrans: 0,
    conn_reopened: 0,
  });
});
