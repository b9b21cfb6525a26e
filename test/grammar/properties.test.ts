// Properties of the grammar, over random files of the attached extensions and over noise. fast-check prints the seed of a failure.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fmt } from '../../bin/fmt.ts';
import { helpers } from '../../conntrack/helpers/index.ts';
import { parseSave } from '../../engine/edit/restore.ts';
import { same } from '../../engine/edit/same-rule.ts';
import { Registry } from '../../engine/registry.ts';
import { RuleError } from '../../grammar/error.ts';
import { noNames } from '../../grammar/names.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { printRule } from '../../grammar/print.ts';
import type { RuleSpec } from '../../grammar/rule-spec.ts';
import { matches } from '../../matches/index.ts';
import type { Family } from '../../packet/numbers.ts';
import { targets } from '../../targets/index.ts';
import { Dice } from '../kernel/dice.ts';
import { RandomSave } from './random-save.ts';

const lookup = new Registry({ matches, targets, helpers });
const names = noNames;
const family = fc.constantFrom<Family>(4, 6);
const seed = fc.integer({ min: 0, max: 0x7fff_ffff });

const file = (version: Family, from: number, mistakes = 0): string =>
  new RandomSave(new Dice(from), { family: version, mistakes }).file();

/** What a rule says, without where it was read. `-p all` and a lone `+` are not printed and so not read back. */
const meaning = (rule: RuleSpec): Partial<RuleSpec> => {
  const { origin: _origin, counters: _counters, allProtocols: _all, ...rest } = rule;
  const device = (given: RuleSpec['inInterface']): RuleSpec['inInterface'] => (given?.name === '+' ? undefined : given);
  return { ...rest, inInterface: device(rule.inInterface), outInterface: device(rule.outInterface) };
};

describe('canonical text', () => {
  it('is a fixed point: printing what was read back from it changes nothing', () => {
    fc.assert(
      fc.property(family, seed, fc.boolean(), (version, from, counters) => {
        const options = { family: version, lookup, names, counters };
        const once = fmt(file(version, from), options);
        if (once.exitCode !== 0) return;
        // The tables come out latest first: turned around, a second reading uses them in the same order.
        const turned = once.stdout
          .split(/^(?=\*)/m)
          .reverse()
          .join('');
        expect(fmt(turned, options)).toEqual({ stdout: once.stdout, stderr: '', exitCode: 0 });
      }),
      { numRuns: 200 },
    );
  });

  it('reads back as the same rule', () => {
    fc.assert(
      fc.property(family, seed, (version, from) => {
        for (const table of parseSave(file(version, from), { family: version, lookup }).tables) {
          for (const chain of table.chains.values()) {
            for (const rule of chain.rules) {
              // `! --dport :` matches nothing, and 1.8.9 does not print it.
              if (rule.origin?.text.includes('! --dport :')) continue;
              const text = printRule(chain.name, rule, { lookup, names });
              const again = parseCommand(text, { family: version, lookup, table: table.name });
              if (again.kind !== 'append') throw new Error(`read as ${again.kind}`);
              expect(same(meaning(again.rules[0]), meaning(rule)), text).toBe(true);
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('noise', () => {
  it('as a save file is taken or refused, never thrown over', () => {
    fc.assert(
      fc.property(
        family,
        seed,
        fc.integer({ min: 0, max: 20 }),
        fc.string({ unit: 'binary' }),
        (version, from, cuts, noise) => {
          let text = file(version, from, 0.2);
          const dice = new Dice(from);
          for (let cut = 0; cut < cuts; cut++) {
            const at = dice.int(0, text.length);
            text =
              text.slice(0, at) +
              dice.pick([noise, '"', '\\', '\n', '!', ' ', '-', '']) +
              text.slice(at + dice.int(0, 3));
          }
          const { exitCode, stderr } = fmt(text, { family: version, lookup, names });
          expect([0, 1, 2, 3, 4]).toContain(exitCode);
          expect(exitCode === 0 || stderr !== '').toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('as a command line gives a command or a RuleError', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(
        '-A',
        'INPUT',
        '-m',
        'tcp',
        '-p',
        '!',
        '--dport',
        '-j',
        'LOG',
        '--log-level',
        '-c',
        '--',
        '-nvL',
        '-s',
        '1',
        '::1',
      ),
    );
    fc.assert(
      fc.property(family, fc.array(word, { maxLength: 12 }), (version, argv) => {
        try {
          parseCommand(argv, { family: version, lookup });
        } catch (error) {
          expect(error).toBeInstanceOf(RuleError);
          const { span } = error as RuleError;
          const length = argv.join(' ').length;
          if (span) expect(span.start >= 0 && span.start <= span.end && span.end <= length).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
