// Our grammar beside the real tools: the same texts and command lines through both, byte for byte.
//
// SEKISHO_SEED replays a run; SEKISHO_CASES makes it longer.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fmt } from '../../bin/fmt.ts';
import { helpers } from '../../conntrack/helpers/index.ts';
import { hostNames } from '../../control/host-names.ts';
import { runTool } from '../../control/tool/tool.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Registry } from '../../engine/registry.ts';
import { matches } from '../../matches/index.ts';
import type { Family } from '../../packet/numbers.ts';
import { targets } from '../../targets/index.ts';
import { RandomSave } from '../grammar/random-save.ts';
import { REAL_WORLD } from '../grammar/real-world/index.ts';
import { Dice } from './dice.ts';
import { type Document, type Ran, runReal, runRealCommands } from './restore-tools.ts';
import { probeTwin, ready } from './support.ts';

const lookup = new Registry({ matches, targets, helpers });
const names = hostNames();
const run = ready('the real iptables-restore, -save and command lines beside ours', probeTwin());

const seed = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const cases = Number(process.env.SEKISHO_CASES ?? 60);

/** Warnings are ours to word; what the tools say of an error is its first other line. */
const firstLine = (stderr: string): string => stderr.split('\n').find((line) => !line.startsWith('Warning')) ?? '';
const lineNumber = (stderr: string): string | undefined => /Error occurred at line: (\d+)/.exec(stderr)?.[1];

interface Seen {
  readonly code: number;
  /** On success. */
  readonly stdout?: string;
  /** On failure. */
  readonly first?: string;
  readonly line?: string;
}

const seen = (code: number, stdout: string, stderr: string): Seen =>
  code === 0
    ? { code, stdout }
    : { code, first: firstLine(stderr), ...(code === 2 ? { line: lineNumber(stderr) } : {}) };

function ours({ family, text }: Document): Seen {
  const { exitCode, stdout, stderr } = fmt(text, { family, lookup, names });
  return seen(exitCode, stdout, stderr);
}

describe.skipIf(!run)(`the real tools (SEKISHO_SEED=${seed})`, () => {
  for (const [kind, mistakes] of [
    ['mostly right', 0.003],
    ['often wrong', 0.03],
  ] as const) {
    for (const family of [4, 6] as const) {
      it(`take, refuse and print random IPv${family} save files that are ${kind} as we do`, () => {
        const documents = Array.from({ length: cases }, (_, index): Document => {
          const dice = new Dice(seed + index);
          return { family, text: new RandomSave(dice, { family, mistakes }).file() };
        });
        runReal(documents).forEach((real, index) => {
          const theirs = seen(real.code, real.stdout + real.saved, real.stderr);
          expect(ours(documents[index]), `seed ${seed + index}:\n${documents[index].text}`).toEqual(theirs);
        });
      });
    }
  }

  for (const family of [4, 6] as const) {
    it(`answer random sequences of IPv${family} commands as we do`, async () => {
      const sequences = Array.from({ length: Math.ceil(cases / 4) }, (_, index) => {
        const random = new RandomSave(new Dice(seed + 7_000_000 + index), { family, mistakes: 0.01 });
        const edits = Array.from({ length: 25 }, () => random.command(['web', 'a']));
        return [['-N', 'web'], ['-N', 'a'], ...edits];
      });
      const real = runRealCommands(family, sequences);
      for (const [at, sequence] of sequences.entries()) {
        const ruleset = new Ruleset(family, { lookup, names });
        for (const [index, argv] of sequence.entries()) {
          const what = `sequence ${at}: ${argv.join(' ')}`;
          expect(await answer(family, argv, ruleset), what).toEqual(theirAnswer(real[at][index]));
        }
      }
    });
  }

  it.each(REAL_WORLD)('save $name as we do', ({ file, family }) => {
    const text = readFileSync(file, 'utf8');
    const [real] = runReal([{ family, text }]);
    expect(real.stderr).toBe('');
    expect(real.saved.split('\n').filter((line) => line.startsWith('-A')).length).toBeGreaterThanOrEqual(500);
    expect(fmt(text, { family, lookup, names }).stdout).toBe(real.saved);
  });

  it('keep counters of random files with -c as we do', () => {
    const documents = Array.from({ length: cases }, (_, index): Document => {
      const family = index % 2 === 0 ? 4 : 6;
      const text = new RandomSave(new Dice(seed + 3_000_000 + index), { family, mistakes: 0.003 }).file();
      return { family, text, options: '-c', saveOptions: '-c' };
    });
    runReal(documents).forEach((real, index) => {
      const { family, text } = documents[index];
      const { exitCode, stdout, stderr } = fmt(text, { family, lookup, names, counters: true });
      const theirs = seen(real.code, real.stdout + real.saved, real.stderr);
      expect(seen(exitCode, stdout, stderr), `seed ${seed + 3_000_000 + index}:\n${text}`).toEqual(theirs);
    });
  });

  it.each(['-n', '-n -c', '-t', '-T filter', '-n -T raw'])(
    'restore with %s onto rules that are there as we do',
    async (options) => {
      const documents = Array.from({ length: Math.ceil(cases / 2) }, (_, index): Document => {
        const family = index % 2 === 0 ? 4 : 6;
        const random = new RandomSave(new Dice(seed + 5_000_000 + index), { family, mistakes: 0.003 });
        return { family, before: random.file(), text: random.file(), options, saveOptions: '-c' };
      });
      for (const [index, real] of runReal(documents).entries()) {
        const { family, before, text } = documents[index];
        const ruleset = new Ruleset(family, { lookup, names });
        const program = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
        await runTool({ program, argv: ['-c'], stdin: before, date: new Date(0) }, ruleset);
        const ran = await runTool({ program, argv: options.split(' '), stdin: text, date: new Date(0) }, ruleset);
        const what = `seed ${seed + 5_000_000 + index}:\n${before}\nthen with ${options}\n${text}`;
        expect(seen(ran.exitCode, ran.stdout, ran.stderr), what).toEqual(seen(real.code, real.stdout, real.stderr));
        expect(ruleset.save({ counters: true }), what).toBe(real.saved);
      }
    },
  );

  it('keep counters with -c as we do', () => {
    const text =
      '*filter\n:INPUT DROP [3:180]\n:web - [9:9]\n[7:420] -A INPUT -j web\n-A web -c 1 2 -j ACCEPT\nCOMMIT\n';
    const [real] = runReal([{ family: 6, text, options: '-c', saveOptions: '-c' }]);
    expect(fmt(text, { family: 6, lookup, names, counters: true }).stdout).toBe(real.saved);
  });
});

async function answer(family: Family, argv: readonly string[], ruleset: Ruleset): Promise<Seen> {
  const program = family === 4 ? 'iptables' : 'ip6tables';
  const { exitCode, stdout, stderr } = await runTool({ program, argv, date: new Date(0) }, ruleset);
  return seen(exitCode, stdout, stderr);
}

const theirAnswer = ({ code, stdout, stderr }: Ran): Seen => seen(code, stdout, stderr);
