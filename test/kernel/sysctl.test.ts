// Every setting of the tracker that `sysctl -a` lists in a new namespace of the kernel at hand: known here, with the same default, and
// taking and refusing the same values.

import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { Firewall } from '../../engine/firewall.ts';
import { Registry } from '../../engine/registry.ts';
import { seeded } from '../conntrack/player.ts';
import { probe, ready } from './support.ts';

/** Belong to the whole machine, or come from its memory. */
const OF_THE_MACHINE = ['buckets', 'expect_max', 'max'].map((name) => `net.netfilter.nf_conntrack_${name}`);
/** A time of -1 is taken by the kernel, and not by us. */
const VALUES = [0, 1, 2, 3, 255, 256, 86_400, 8_589_934, 8_589_935, 2_147_483_647, 2_147_483_648];

const inNamespace = (script: string): string =>
  execFileSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

const newFirewall = (): Firewall =>
  new Firewall({
    mode: { kind: 'bridge', ports: ['tunA', 'tunB'] },
    registry: new Registry({ matches: [], targets: [] }),
    random: seeded(1),
    transmit: () => {},
  });

/** Value after an attempt to set it; the old one if it was refused. */
function attempt(name: string, value: number): number | undefined {
  const firewall = newFirewall();
  try {
    firewall.setSysctl(name, value);
  } catch {
    // Refused: the value stays.
  }
  return firewall.sysctl(name);
}

describe.skipIf(!ready('settings of the tracker beside the kernel', probe('sysctl')))('settings', () => {
  let listed: [name: string, value: number][] = [];
  beforeAll(() => {
    listed = inNamespace('sysctl -a 2>/dev/null')
      .split('\n')
      .filter((line) => /^net\.(netfilter\.nf_conntrack_|nf_conntrack_)/.test(line))
      .map((line) => line.split(' = '))
      .map(([name, value]) => [name, Number(value)]);
  });

  test('all that the kernel lists, with its defaults', () => {
    const firewall = newFirewall();
    const settable = listed.filter(([name]) => !OF_THE_MACHINE.includes(name));
    expect(settable.length).toBeGreaterThan(35);
    expect(settable.map(([name]) => [name, firewall.sysctl(name)])).toEqual(settable);
    for (const name of OF_THE_MACHINE) expect(firewall.sysctl(name), name).toBeDefined();
  });

  test('the same values are taken and refused', () => {
    const names = listed.map(([name]) => name).filter((name) => !OF_THE_MACHINE.includes(name));
    const told = inNamespace(
      names
        .flatMap((name) => {
          const path = `/proc/sys/${name.replaceAll('.', '/')}`;
          return [
            `was=$(cat ${path})`,
            ...VALUES.map(
              (value) => `echo ${value} >${path}; echo ${name} ${value} $(cat ${path}); echo $was >${path}`,
            ),
          ];
        })
        .join('\n'),
    );
    const ours = names.flatMap((name) => VALUES.map((value) => `${name} ${value} ${attempt(name, value)}`));
    expect(ours).toEqual(told.trim().split('\n'));
  });
});
