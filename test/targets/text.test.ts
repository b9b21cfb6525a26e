// What every target reads, prints and refuses. The same rows go to iptables 1.8.9 in test/kernel/targets-text.test.ts.

import { expect, test } from 'vitest';
import { Registry } from '../../engine/registry.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { tcp } from '../../matches/tcp.ts';
import { targets } from '../../targets/index.ts';
import { targetCases } from '../../testing/ext-cases.ts';
import { subjects } from './rows/index.ts';
import { command, names } from './rows/subject.ts';

for (const subject of subjects) targetCases(subject.target, { ...subject, names, beside: { matches: [tcp] } });

const registry = new Registry({ matches: [tcp], targets });

for (const subject of subjects) {
  for (const [row, saved, only] of subject.oneWay ?? []) {
    test.each(only ? [only] : subject.target.families)(`IPv%i ${row} -> ${saved}, and not back`, (family) => {
      const parsed = parseCommand(command(subject, row), { family, lookup: registry, names, table: subject.table });
      if (parsed.kind !== 'append' || parsed.rules[0].target?.kind !== 'extension')
        throw new Error('not read as a target');
      const scope = { family, names, protocol: parsed.rules[0].protocol };
      expect(subject.target.save(parsed.rules[0].target.checked, scope)).toBe(saved);
    });
  }
}

test('every target has rows', () => {
  expect(subjects.map(({ target }) => target.name).sort()).toEqual(targets.map(({ name }) => name).sort());
});
