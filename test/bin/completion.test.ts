// What the shells offer, and that the scripts hand the words over as they stand.

import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Candidate } from '../../bin/completion/candidate.ts';
import { completeClassic } from '../../bin/completion/classic.ts';
import { completeConntrack } from '../../bin/completion/conntrack.ts';
import { completeIpset } from '../../bin/completion/ipset.ts';
import { COMMANDS, FORMS, formsOf, PROTOCOLS } from '../../conntrack/tool/options.ts';
import { builtinRegistry } from '../../control/extensions.ts';
import { PROGRAM, sekisho } from './program.ts';

const registry = builtinRegistry();
const around = {
  registry,
  family: 6 as const,
  devices: () => ['lo', 'eth0'],
  chains: async (table: string) => (table === 'nat' ? ['PREROUTING', 'dnat'] : ['INPUT', 'FORWARD', 'OUTPUT', 'web']),
  sets: async () => ['blocked'],
};

/** `line` up to `|`: some of what is offered, and some of what is not. */
const ROWS: readonly (readonly [line: string, offered: readonly string[], not: readonly string[]])[] = [
  ['-A |', ['INPUT', 'web'], ['--table', 'PREROUTING']],
  ['-t nat -A |', ['PREROUTING', 'dnat'], ['web']],
  ['-t |', ['filter', 'nat', 'mangle', 'raw', 'security'], []],
  ['-X |', ['web'], ['INPUT']],
  ['-A INPUT -j |', ['ACCEPT', 'REJECT', 'web'], ['INPUT', 'SNPTx']],
  ['-A INPUT -g |', ['web'], ['ACCEPT']],
  ['-A INPUT -m |', ['hl', 'conntrack', 'icmp6'], ['ttl']],
  ['-A INPUT -m hl |', ['--hl-eq', '-j'], ['--dport']],
  ['-A INPUT -m hl --|', ['--hl-eq', '--jump'], ['-j']],
  ['-A INPUT -p tcp -|', ['--dport', '--tcp-flags'], ['--hl-eq']],
  ['-A INPUT -p icmpv6 -|', ['--icmpv6-type'], []],
  ['-A INPUT -p icmpv6 --icmpv6-type |', ['echo-request', 'packet-too-big'], ['-j']],
  ['-A INPUT -m conntrack --ctstate |', ['NEW', 'ESTABLISHED'], []],
  ['-A INPUT -m conntrack --ctstate NEW,|', ['NEW,RELATED'], ['NEW,NEW']],
  ['-A INPUT -m state --state NEW -|', ['--state', '-j'], []],
  ['-A INPUT -j REJECT --reject-with |', ['icmp6-port-unreachable', 'tcp-reset'], ['icmp-port-unreachable']],
  ['-A INPUT -j LOG -|', ['--log-prefix', '--log-level'], []],
  ['-A INPUT -m set --match-set |', ['blocked'], ['src']],
  ['-A INPUT -m set --match-set blocked |', ['src', 'dst'], ['blocked']],
  ['-A INPUT -i |', ['lo', 'eth0'], []],
  ['-A INPUT -p |', ['tcp', 'icmpv6'], []],
  ['-L |', ['INPUT'], []],
  ['-A INPUT -s ::1 |', ['-j', '-m'], []],
];

describe('completion of ip6tables', () => {
  it.each(ROWS)('%s', async (line, offered, not) => {
    const words = line.replace('|', '').split(' ');
    const partial = words.pop() ?? '';
    const found = (await completeClassic(words, partial, around)).map(({ word }) => word);
    expect(found).toEqual(expect.arrayContaining([...offered]));
    for (const word of not) expect(found).not.toContain(word);
  });

  it('has a word of help for every option and extension', async () => {
    for (const line of ['-A INPUT -m conntrack', '-A INPUT -m', '-A INPUT -p tcp']) {
      const found = await completeClassic(line.split(' '), '', around);
      for (const { word, help } of found) expect(help, word).not.toBe('');
    }
  });
});

const CONNTRACK_ROWS: typeof ROWS = [
  ['|', ['-L', '--dump', '-E', '--load-file', '--memory'], ['--src']],
  [
    '-L |',
    ['conntrack', 'expect', 'dying', '--src', '-p', '--zero', '--json'],
    ['--timeout', '--event-mask', '--sport'],
  ],
  ['-L expect |', ['--family', '--output', '--json'], ['--src', '--zero']],
  ['-E -|', ['--event-mask', '-b', '--any-nat'], ['--status', '--zero']],
  ['-E -e NEW,|', ['NEW,DESTROY'], ['NEW,NEW']],
  ['-L -p |', ['tcp', 'udp', 'sctp', 'gre'], ['--src']],
  ['-L -p tcp -|', ['--sport', '--orig-port-src', '--state', '--src'], ['--orig-vtag', '--icmp-type']],
  ['-L -p tcp --state |', ['ESTABLISHED', 'TIME_WAIT'], ['NONE', '--src']],
  ['-L -p sctp --state |', ['COOKIE_WAIT'], ['TIME_WAIT']],
  ['-D -p icmpv6 --|', ['--icmpv6-type', '--icmpv6-id'], ['--sport']],
  ['-I -p gre --|', ['--srckey', '--reply-key-dst', '--timeout'], ['--sport', '--family']],
  ['-I expect -p tcp --|', ['--tuple-src', '--tuple-port-dst', '--mask-port-src'], ['--state', '--zone']],
  ['-L -o |', ['extended', 'xml', 'json'], []],
  ['-L -o id,|', ['id,timestamp'], ['id,id']],
  ['-U -u |', ['ASSURED', 'FIXED_TIMEOUT', 'UNSET'], []],
  ['-L -f |', ['ipv4', 'ipv6'], []],
  ['-L -s |', [], ['--dst', '-p']],
  ['-C |', ['conntrack', 'expect'], ['--src']],
];

const SETS = new Map([
  ['bad', 'hash:net'],
  ['ports', 'bitmap:port'],
  ['all', 'list:set'],
]);
const IPSET_ROWS: typeof ROWS = [
  ['|', ['create', 'add', 'list', '-exist', '--json', '-!'], ['bad']],
  ['create x |', ['hash:ip', 'list:set', 'hash:net,port,net'], ['bad']],
  ['create x hash:net |', ['family', 'hashsize', 'timeout', 'comment'], ['range', 'netmask']],
  ['create x hash:ip,mark |', ['markmask'], []],
  ['create x bitmap:port |', ['range'], ['family']],
  ['create x hash:net family |', ['inet', 'inet6'], ['hashsize']],
  ['create x hash:net timeout |', [], ['hashsize']],
  ['create x hash:net counters |', ['comment'], ['counters']],
  ['add |', ['bad', 'ports'], []],
  ['add bad 192.0.2.0/24 |', ['nomatch', 'timeout', 'comment'], ['before', 'wildcard']],
  ['add bad 192.0.2.0/24 timeout |', [], ['comment']],
  ['add all ports |', ['before', 'after'], ['nomatch']],
  ['swap bad |', ['ports'], []],
  ['list -o |', ['plain', 'save', 'xml', 'json'], ['bad']],
  ['-o save list |', ['bad', '-terse'], ['create']],
  ['help |', ['hash:ip'], ['bad']],
];

describe.each([
  ['conntrack', CONNTRACK_ROWS, completeConntrack],
  ['ipset', IPSET_ROWS, (words: readonly string[]) => completeIpset(words, SETS)],
] as const)('completion of %s', (_, rows, complete) => {
  it.each(rows)('%s', (line, offered, not) => {
    const words = line.replace('|', '').split(' ');
    const partial = words.pop() ?? '';
    const candidates = complete(words, partial);
    const found = candidates === 'files' ? [':files'] : candidates.map(({ word }) => word);
    expect(found).toEqual(expect.arrayContaining([...offered]));
    for (const word of not) expect(found).not.toContain(word);
  });
});

it('every option of conntrack, of its protocols too, is offered somewhere and has a word of help', () => {
  const commands = Object.keys(COMMANDS).flatMap((letter) => [[`-${letter}`], [`-${letter}`, 'expect']]);
  const lines = commands.flatMap((words) => [words, ...PROTOCOLS.map(({ name }) => [...words, '-p', name])]);
  const offer = (words: readonly string[]): readonly Candidate[] => {
    const candidates = completeConntrack(words, '-');
    return candidates === 'files' ? [] : candidates;
  };
  const found = [...lines, []].flatMap(offer);
  for (const { word, help } of found) expect(help, word).not.toBe('');
  const offered = new Set(found.map(({ word }) => word));
  // nat-range is deprecated; the tool only warns of it.
  const longs = [...FORMS, ...PROTOCOLS.flatMap((one) => formsOf(one).all)].map(({ long }) => `--${long}`);
  expect(longs.filter((long) => !offered.has(long) && long !== '--nat-range')).toEqual([]);
});

describe('sekisho complete', () => {
  const offered = (...words: string[]): string[] =>
    sekisho(['complete', '--', ...words], { env: { SEKISHO_STATE_DIR: join(tmpdir(), `sekisho-none-${process.pid}`) } })
      .stdout.split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t')[0]);

  it('knows the commands, the classic names and their options', () => {
    expect(offered('sekisho', '')).toEqual(expect.arrayContaining(['demo', 'run', 'trace', 'ip6tables', 'ipset']));
    expect(offered('sekisho', 'run', '--mo')).toEqual(['--mode']);
    expect(offered('sekisho', 'run', '--mode', '')).toEqual(['bridge', 'router']);
    expect(offered('sekisho', 'fmt', '')).toEqual([':files']);
    expect(offered('sekisho', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(offered('sekisho', 'ip6tables', '-t', 'na')).toEqual(['nat']);
    expect(offered('ip6tables', '-A', 'OUT')).toEqual(['OUTPUT']);
    expect(offered('conntrack', '-L', '--sr')).toEqual(['--src', '--src-nat']);
    expect(offered('ipset', 'cr')).toEqual(['create']);
    expect(offered('iptables-save', '-t', 'ma')).toEqual(['mangle']);
    expect(offered('ip6tables-restore', '--no')).toEqual(['--noflush']);
    expect(offered('ip6tables-restore', '')).toEqual([':files']);
  });
});

describe('the script of', () => {
  let program = '';
  beforeAll(() => {
    program = `'${process.execPath}' '${PROGRAM}'`;
  });

  it('bash fills COMPREPLY', () => {
    const script = `
      sekisho() { ${program} "$@"; }
      compopt() { :; }
      source <(sekisho completion --classic bash)
      COMP_WORDS=(ip6tables -A INPUT -m hl --hl-) COMP_CWORD=5; _sekisho; echo "\${COMPREPLY[@]}"
      COMP_WORDS=(/usr/bin/sekisho completion '') COMP_CWORD=2; _sekisho; echo "\${COMPREPLY[@]}"
      complete -p iptables`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const [options, shells, classic] = stdout.trim().split('\n');
    expect(options.split(' ').sort()).toEqual(['--hl-eq', '--hl-gt', '--hl-lt']);
    expect(shells).toBe('bash zsh fish');
    expect(classic).toContain('_sekisho');
  });
});
