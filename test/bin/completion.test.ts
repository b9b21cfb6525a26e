// What the shells offer, and that the scripts hand the words over as they stand.

import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { completeClassic } from '../../bin/completion/classic.ts';
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
