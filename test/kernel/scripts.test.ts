// The firewall scripts that people have, unchanged, once with the real tools and once with ours in their place: what they say, and the rules
// that stand afterwards. Each runs in namespaces of its own: network, and mounts, so that the programs' own paths lead to either.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROGRAM } from '../bin/program.ts';
import { probe, probeTwin, ready } from './support.ts';

const SCRIPTS = fileURLToPath(new URL('scripts', import.meta.url));

/** Name, the program that it needs, and what it does not do the same way twice. */
const ROWS: readonly (readonly [name: string, program: string | undefined, masked?: RegExp])[] = [
  ['docker', undefined],
  ['ferm', 'ferm'],
  ['ufw', 'ufw'],
  ['fail2ban', 'fail2ban-client'],
  // Names of chains made of digits drawn at random.
  ['shorewall', 'shorewall', /(?<=sha-[lr]h-)[0-9a-f]+/g],
  ['firewalld', 'firewalld'],
];

/** Folders that the programs write into: each run has a copy. */
const COPIED = ['/etc/ufw', '/lib/ufw', '/etc/firewalld', '/var/lib/shorewall'];

let folder = '';
let made: string | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-scripts-'));
  const shim = join(folder, 'sekisho');
  writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$(basename "$0")" "$@"\n`);
  chmodSync(shim, 0o755);
  // Only a place to mount something on.
  made = mkdirSync('/var/lib/sekisho', { recursive: true });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  if (made !== undefined) rmSync(made, { recursive: true });
});

/** All of these names lead to two programs, which go by the name that they are called by. */
const NFT = '/usr/sbin/xtables-nft-multi';
const LEGACY = '/usr/sbin/xtables-legacy-multi';

function run(name: string, tools: 'real' | 'ours'): string {
  const copies = mkdtempSync(join(folder, `${name}-`));
  const mounts =
    tools === 'real'
      ? `mount --bind ${LEGACY} ${NFT}`
      : `mount --bind ${folder}/sekisho ${NFT}; mount --bind ${folder}/sekisho ${LEGACY}`;
  const script = `
    mount --make-rprivate /
    ip link set lo up
    ${mounts}
    for each in ${COPIED.join(' ')}; do
      [ -d $each ] || continue
      mkdir -p ${copies}$each; cp -a $each/. ${copies}$each; mount --bind ${copies}$each $each
    done
    mount -t tmpfs none /run
    mount -t tmpfs none /var/lib/sekisho
    . ${SCRIPTS}/${name}.sh
    echo "=== rules"
    iptables-save; ip6tables-save`;
  const { stdout, stderr } = spawnSync('unshare', ['-n', '-m', 'bash', '-c', script], {
    encoding: 'utf8',
    // Shorewall keeps its surroundings in what it compiles: they are the same for all.
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', SCRIPTS },
    cwd: copies,
    timeout: 240_000,
  });
  return `${stdout}${stderr}`.replace(/^#.*\n/gm, '');
}

describe.skipIf(!ready('firewall scripts with our tools in place of the real ones', probeTwin()))(
  'scripts that people have do the same with our tools:',
  () => {
    for (const [name, program, masked] of ROWS) {
      const may = program === undefined || ready(`the rules of ${name}`, probe(program));
      it.skipIf(!may)(name, { timeout: 500_000 }, () => {
        const same = (text: string): string => (masked ? text.replace(masked, '*') : text);
        const real = same(run(name, 'real'));
        expect(real.match(/^-A /gm)?.length ?? 0, real).toBeGreaterThan(name === 'fail2ban' ? 1 : 10);
        expect(same(run(name, 'ours'))).toBe(real);
      });
    }
  },
);
