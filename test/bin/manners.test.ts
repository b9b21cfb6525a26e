// How the program behaves in a shell: help, mistakes, pipes, links.

import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { builtinRegistry } from '../../control/extensions.ts';
import { TOOLS } from '../../control/socket/protocol.ts';
import { PROGRAM, sekisho, shell } from './program.ts';

let folder: string;
let env: Record<string, string>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-manners-'));
  env = { SEKISHO_STATE_DIR: join(folder, 'state') };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('extensions of files that the environment names are of every program', () => {
  const own = fileURLToPath(new URL('../../examples/own-match/dnsname.mjs', import.meta.url));
  const extended = { ...env, SEKISHO_EXTENSIONS: own };
  const rule = '-p udp -m dnsname --dns-name Ads.Example. -j DROP';
  const document = `*filter\n-A FORWARD ${rule}\nCOMMIT\n`;
  expect(sekisho(['fmt'], { input: document, env: extended }).stdout).toContain(
    '-m dnsname --dns-name ads.example -j DROP',
  );
  expect(sekisho(['fmt'], { input: document, env }).stderr).toContain("Couldn't load match `dnsname'");
  expect(sekisho(['ip6tables', '-A', 'FORWARD', ...rule.split(' ')], { env: extended }).code).toBe(0);
  for (const _again of [1, 2]) {
    expect(sekisho(['ip6tables', '-S', 'FORWARD'], { env: extended }).stdout).toContain('--dns-name ads.example');
  }
  expect(sekisho(['ip6tables', '-S'], { env }).stderr).toContain("Couldn't load match `dnsname'");
  const step = { in: 'A', hex: '60' };
  const scenario = JSON.stringify({ v6rules: document, steps: [step, { counters: true }] });
  expect(sekisho(['play'], { input: scenario, env: extended }).stdout).toContain('--dns-name ads.example');
  const bad = sekisho(['fmt'], { input: document, env: { ...env, SEKISHO_EXTENSIONS: '/nowhere.mjs' } });
  expect([bad.code, bad.stderr]).toEqual([2, 'sekisho: /nowhere.mjs: no such file\n']);
});

describe('the command line', () => {
  test('--help lists the commands and shows how they are used', () => {
    const { code, stdout } = sekisho(['--help']);
    expect(code).toBe(0);
    for (const command of ['demo', 'run', 'fmt', 'play', 'trace', 'status', 'links']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    }
    expect(stdout).toContain('Examples:\n');
    expect(stdout).not.toContain('demo-peer');
  });

  test('--help of every command and tool has an example', () => {
    const commands = [...sekisho(['--help']).stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name);
    const own = commands.filter((name) => name !== 'sekisho' && name !== 'help');
    for (const name of [...own, 'ip6tables', 'ip6tables-restore', 'iptables-apply', 'conntrack', 'ipset']) {
      const { stdout, stderr } = sekisho([name, '--help']);
      expect(stdout + stderr, name).toMatch(/^Examples?:$/m);
    }
  });

  // The first line is the real tool's; some of the words are not in its own help.
  test.each([
    ['conntrack --dmup', '--dump'],
    ['conntrack -L -p tpc', 'tcp'],
    ['conntrack -L -p tcp --sprot 3', '--sport'],
    ['conntrack -L -o xlm', 'xml'],
    ['conntrack -E -e NEW,DESTORY', 'DESTROY'],
    ['conntrack -L -p tcp --state ESTABLISHEDD', 'ESTABLISHED'],
    ['ipset craete a hash:ip', 'create'],
    ['ipset create a hash:ipp', 'hash:ip'],
    ['ipset create a hash:ip tiemout 3', 'timeout'],
    ['iptables-restore --tets', '--test'],
    ['iptables-save --tabel x', '--table'],
    ['iptables-save -t filtre', 'filter'],
    ['ip6tables -A INPUTT', 'INPUT'],
    ['ip6tables -A INPUT -j ACCPET', 'ACCEPT'],
    ['ip6tables -A INPUT -m contrack', 'conntrack'],
    ['ip6tables -t filer -S', 'filter'],
    ['ip6tables -A INPUT -p tcp --dprot 3', '--dport'],
    ['man ipsett', 'ipset'],
    ['statsu', 'status'],
    ['top --srot rate', '--sort'],
  ])('%s: did you mean %s', (line, meant) => {
    const { code, stderr } = sekisho(line.split(' '), { env });
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(new RegExp(`[Dd]id you mean "?${meant}"?\\?`));
  });

  test('xtables-legacy-multi is what its first word says', () => {
    expect(sekisho(['xtables-legacy-multi', 'ip6tables-save', '-V']).stdout).toBe('ip6tables-save v1.8.9 (legacy)\n');
    expect(sekisho(['xtables-legacy-multi'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ERROR: No valid subcommand given\.\nValid subcommands:\n \* iptables\n/),
    });
  });

  test('a command that is none brings the nearest one to mind: 2', () => {
    const { code, stdout, stderr } = sekisho(['tracee']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain("unknown command 'tracee'");
    expect(stderr).toContain('Did you mean trace?');
  });

  test.each([
    [['run', '--mode', 'bridged'], 'bridge, router'],
    [['run', '--insde', 'x'], 'Did you mean --inside?'],
    [['trace'], "missing required argument 'packet'"],
    [['run', '--inside', 'a/b'], 'sekisho: "a/b" is no device name'],
    [['run', '--inside', 'x', '--outside', 'x'], '--inside and --outside are two devices'],
    [['run', '--sysctl', 'net.ipv4.ip_forward'], 'write NAME=VALUE'],
  ])('sekisho %j is a mistake: 2, %s', (words, said) => {
    const { code, stderr } = sekisho(words, { env });
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
  });

  test('where no daemon is, that is said: 69', () => {
    for (const command of ['status', 'reload']) {
      const { code, stdout, stderr } = sekisho([command], { env });
      expect([code, stdout]).toEqual([69, '']);
      expect(stderr).toBe(
        `sekisho: no daemon on ${join(folder, 'state', 'control.sock')} (is "sekisho run" running, and SEKISHO_STATE_DIR the same?)\n`,
      );
    }
  });

  test('a reader that goes away early is no error', () => {
    const { stdout, stderr } = shell(
      'sekisho extensions --json | head -c 10; echo; sekisho fmt -c /dev/null | true',
      env,
    );
    expect([stdout, stderr]).toEqual(['[{"kind":"\n', '']);
  });

  test('nothing is coloured that does not go to a terminal', () => {
    expect(sekisho(['--help']).stdout).not.toContain('\x1b[');
    expect(sekisho(['demo', '--memory']).stdout).not.toContain('\x1b[');
  });

  test('extensions are read from what is attached', () => {
    const rows = JSON.parse(sekisho(['extensions', '--json']).stdout);
    const registry = builtinRegistry();
    for (const kind of ['match', 'target'] as const) {
      const names = rows.filter((row: { kind: string }) => row.kind === kind).map(({ name }: { name: string }) => name);
      expect(names).toEqual(registry.all(kind as 'match').map(({ name }) => name));
    }
    expect(rows).toContainEqual(expect.objectContaining({ kind: 'helper', name: 'ftp', families: [4, 6], port: 21 }));
    expect(rows).toContainEqual(
      expect.objectContaining({ kind: 'match', name: 'hl', families: [6], kernel: expect.stringContaining('xt_hl') }),
    );
  });
});

describe('links with the classic names', () => {
  test('are made, and found first they are the tools', () => {
    const { code, stdout } = sekisho(['links', join(folder, 'bin')]);
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(TOOLS.map((name) => join(folder, 'bin', name))));
    expect(readlinkSync(join(folder, 'bin', 'iptables'))).toBe(PROGRAM);
    const run = (name: string, ...words: string[]) =>
      spawnSync(join(folder, 'bin', name), words, { encoding: 'utf8', env: { ...process.env, ...env } });
    expect(run('iptables', '-N', 'web').status).toBe(0);
    expect(run('iptables-save', '-t', 'filter').stdout).toContain(':web - [0:0]\n');
  });

  test('made again they are replaced; what is no link is left alone: 1', () => {
    sekisho(['links', folder]);
    rmSync(join(folder, 'ip6tables'));
    writeFileSync(join(folder, 'ip6tables'), 'mine');
    const { code, stderr } = sekisho(['links', folder]);
    expect([code, stderr]).toEqual([
      1,
      `sekisho: ${join(folder, 'ip6tables')} is there and is no link; left as it is\n`,
    ]);
    expect(readFileSync(join(folder, 'ip6tables'), 'utf8')).toBe('mine');
    expect(lstatSync(join(folder, 'iptables')).isSymbolicLink()).toBe(true);
  });
});

describe('the tools as programs', () => {
  test('rules last from call to call, and parsed tables are kept beside them', () => {
    const { stdout, stderr } = shell(
      `sekisho ip6tables -P INPUT DROP && sekisho ip6tables -A INPUT -p tcp --dport 22 -j ACCEPT
       sekisho ip6tables -S; sekisho ip6tables-save -c | grep -v '^#'; sekisho ip6tables -nL INPUT`,
      env,
    );
    expect(stderr).toBe('');
    expect(stdout).toBe(`-P INPUT DROP
-P FORWARD ACCEPT
-P OUTPUT ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[0:0] -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
Chain INPUT (policy DROP)
target     prot opt source               destination         
ACCEPT     6    --  ::/0                 ::/0                 tcp dpt:22
`);
    expect(readdirSync(join(folder, 'state')).sort()).toEqual(['lock', 'rules.v6', 'rules.v6.parsed']);
  });

  test('a restore that fails keeps what it did not come to, and what it did not name', () => {
    const { stdout } = shell(
      `printf '*mangle\\n-A INPUT -j ACCEPT\\nCOMMIT\\n*raw\\n-A OUTPUT -j DROP\\nCOMMIT\\n*filter\\n-A INPUT -j DROP\\nCOMMIT\\n' | sekisho ip6tables-restore
       printf '*raw\\n-A OUTPUT -p tcp\\nCOMMIT\\n*filter\\n-A INPUT -j NONE\\nCOMMIT\\n' | sekisho ip6tables-restore
       sekisho ip6tables-save | grep -e -A
       printf '*filter\\n-A INPUT -p udp\\nCOMMIT\\n' | sekisho ip6tables-restore; sekisho ip6tables-save | grep -e -A`,
      env,
    );
    expect(stdout).toBe(
      ['INPUT -j DROP', 'OUTPUT -p tcp', 'INPUT -j ACCEPT', 'INPUT -p udp', 'OUTPUT -p tcp', 'INPUT -j ACCEPT']
        .map((rule) => `-A ${rule}\n`)
        .join(''),
    );
  });

  test('restore reads standard input or a file, -f of save writes one', () => {
    const rules = join(folder, 'r');
    writeFileSync(rules, '*filter\n-A INPUT -j DROP\nCOMMIT\n');
    const { stdout, stderr } = shell(
      `sekisho iptables-restore '${rules}' && sekisho iptables-save -f '${folder}/out' && grep DROP '${folder}/out'
       echo '*filter\nCOMMIT' | sekisho iptables-restore && sekisho iptables -S INPUT
       sekisho iptables-restore '${folder}/none'; echo $?; sekisho iptables-save -f '${folder}/no/out'; echo $?`,
      env,
    );
    expect(stdout).toBe('-A INPUT -j DROP\n-P INPUT ACCEPT\n1\n1\n');
    expect(stderr).toBe(
      `Can't open ${folder}/none: No such file or directory\nFailed to open file, error: No such file or directory\n`,
    );
  });

  test('a mistake: the real tool’s first line, the place, a hint, its exit code', () => {
    expect(sekisho(['ip6tables', '-A', 'INPUT', '--dport', '22'], { env })).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^ip6tables v1\.8\.9 \(legacy\): unknown option "--dport"\n {6}\| -A INPUT --dport 22\n {6}\| {10}\^{7}\nhint: .*\nTry `ip6tables -h' or 'ip6tables --help' for more information\.\n$/,
      ),
    });
  });

  test('-h holds the help of the matches named before it', () => {
    const { stdout } = sekisho(['ip6tables', '-m', 'hl', '-h'], { env });
    expect(stdout).toMatch(/^ip6tables v1\.8\.9 \(legacy\)\n\nUsage: ip6tables -\[ACD\] chain/);
    expect(stdout).toMatch(/\nhl: Hop limit .*[\s\S]*\n\[!\] --hl-eq value +equal to VALUE \(also --hl\)\n/);
  });

  test('--file: another file than those of the state directory', () => {
    const file = join(folder, 'rules.v6');
    writeFileSync(file, '*filter\nCOMMIT\n');
    expect(sekisho(['ip6tables', '--file', file, '-N', 'web'], { env }).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain(':web - [0:0]\n');
    expect(sekisho(['ip6tables-save', `--file=${file}`], { env }).stdout).toContain(':web - [0:0]\n');
    expect(sekisho(['ip6tables', '-S', 'web'], { env }).code).toBe(1);
  });
});
