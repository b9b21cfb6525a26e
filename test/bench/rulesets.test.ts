import { expect, test } from 'vitest';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Registry } from '../../engine/registry.ts';
import { matches } from '../../matches/index.ts';
import { targets } from '../../targets/index.ts';
import { classBench, SHAPES, saveText } from './rulesets.ts';

const FAMILIES = [4, 6] as const;
const each = SHAPES.flatMap((shape) => FAMILIES.map((family) => [shape, family] as const));

const rulesOf = (save: string): string[] => save.split('\n').filter((line) => line.startsWith('-A'));

test.each(each)(
  '%s, IPv%i: the same rules from the same seed, as many as asked for, and all can be loaded',
  (shape, family) => {
    const save = saveText(shape, family, 500);
    expect(saveText(shape, family, 500)).toBe(save);
    expect(saveText(shape, family, 500, 2)).not.toBe(save);
    // A service of kube-proxy is several rules: the last one is not cut.
    expect(Math.abs(rulesOf(save).length - 500)).toBeLessThan(20);
    const ruleset = new Ruleset(family, { lookup: new Registry({ matches, targets }), install: () => {} });
    expect(restore(save, ruleset, { program: 'bench' }).diagnostics).toEqual([]);
  },
);

test.each(FAMILIES)('IPv%i: containers have addresses of their own, however many', (family) => {
  const rules = rulesOf(saveText('docker', family, 70_000)).filter((rule) => / -d /.test(rule));
  expect(new Set(rules.map((rule) => / -d (\S+)/.exec(rule)![1])).size).toBe(rules.length);
  const save = ['*filter', ':FORWARD ACCEPT [0:0]', ':DOCKER - [0:0]', ...rules.slice(-3), 'COMMIT', ''].join('\n');
  const ruleset = new Ruleset(family, { lookup: new Registry({ matches, targets }), install: () => {} });
  expect(restore(save, ruleset, { program: 'bench' }).diagnostics).toEqual([]);
});

/** Percent of the rules. */
function share(rules: readonly string[], pattern: RegExp): number {
  return Math.round((100 * rules.filter((rule) => pattern.test(rule)).length) / rules.length);
}

// What the ClassBench paper says of its seeds (rulesets.ts), with a percent or two for the draw.
test.each(FAMILIES)(
  'IPv%i: access lists, firewalls and chains have the fields that their shapes are known by',
  (family) => {
    const [acl, fw, ipc] = (['acl', 'fw', 'ipc'] as const).map((shape) => classBench(shape, family, 5_000));
    expect(share(acl, / --sport /)).toBeLessThan(5); // nearly every source port is open
    expect(share(acl, / --dport \d+( |$)/)).toBeGreaterThan(55); // one destination port
    expect(share(acl, / -s .* -d /)).toBeGreaterThan(85); // both ends
    expect(share(fw, / -s .* -d /)).toBeLessThan(60); // one end open
    expect(share(fw, /port 1024:65535/)).toBeGreaterThan(10); // the class of high ports
    expect(share(ipc, / --sport \d+( |$)/)).toBeGreaterThan(15); // pairs of ports
    for (const rules of [acl, fw, ipc]) {
      expect(share(rules, /-p tcp/)).toBeGreaterThan(share(rules, /-p udp/));
      expect(new Set(rules.map((rule) => rule.replace(/ -j .*/, ''))).size).toBeGreaterThan(0.995 * rules.length);
    }
  },
);
