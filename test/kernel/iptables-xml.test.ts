// Save text to XML beside the real iptables-xml, byte for byte.

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { fmt } from '../../bin/fmt.ts';
import { helpers } from '../../conntrack/helpers/index.ts';
import { hostNames } from '../../control/host-names.ts';
import { Registry } from '../../engine/registry.ts';
import { saveToXml } from '../../grammar/save-xml.ts';
import { matches } from '../../matches/index.ts';
import { targets } from '../../targets/index.ts';
import { RandomSave } from '../grammar/random-save.ts';
import { REAL_WORLD } from '../grammar/real-world/index.ts';
import { Dice } from './dice.ts';
import { probeTwin, ready } from './support.ts';

const run = ready('the real iptables-xml beside ours', probeTwin());
const seed = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const lookup = new Registry({ matches, targets, helpers });
const names = hostNames();

const OPTIONS = [[], ['-c'], ['-v'], ['--combine', '--verbose']];

function same(text: string): void {
  for (const words of OPTIONS) {
    const real = spawnSync('iptables-xml', words, { input: text, encoding: 'utf8', maxBuffer: 1 << 28 });
    const flag = (letter: string): boolean => words.some((word) => word.replace(/^-+/, '').startsWith(letter));
    const ours = saveToXml(text, { combine: flag('c'), verbose: flag('v') });
    const said = ours.failure ? `iptables-xml: ${ours.failure.message}\n` : '';
    // Its first line when verbose is no XML, and not printed by us.
    expect(ours.xml, `iptables-xml ${words.join(' ')} of\n${text}`).toBe(real.stdout.replace(/^xptables-xml\n/, ''));
    expect([ours.failure?.code ?? 0, said]).toEqual([real.status, real.stderr]);
  }
}

describe.skipIf(!run)(`iptables-xml (SEKISHO_SEED=${seed})`, () => {
  for (const family of [4, 6] as const) {
    it(`gives the XML of what IPv${family} restore and save print of random files`, () => {
      for (let index = 0; index < 60; index++) {
        const text = new RandomSave(new Dice(seed + index), { family, mistakes: 0 }).file();
        same(fmt(text, { family, lookup, names }).stdout);
      }
    });
  }

  it.each(REAL_WORLD.map((one) => [one.name, one] as const))(
    'gives the XML of %s, saved',
    (_name, { family, make }) => {
      same(fmt(make(), { family, lookup, names }).stdout);
    },
  );

  it.each([
    ['a line outside of tables', 'hello\n'],
    ['a rule outside of tables', '-A INPUT -j ACCEPT\n'],
    ['a table that is not committed', '*filter\n:INPUT ACCEPT [0:0]\n'],
    ['a rule without -A', '*filter\n:INPUT ACCEPT [0:0]\n-I INPUT -j ACCEPT\nCOMMIT\n'],
  ])('ends as the real one does: %s', (_what, text) => same(text));
});
