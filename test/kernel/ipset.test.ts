// The ipset tool beside the real one: sequences of commands in a namespace of their own, each command's output, words and exit code
// compared. Members are compared sorted, for the kernel's order is that of its hash; sizes in memory and random initvals are not.
// SEKISHO_SEED and SEKISHO_CASES choose the random ones.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hostNames } from '../../control/host-names.ts';
import { runIpset, Sets } from '../../engine/sets/index.ts';
import { seeded } from '../../testing/bare-services.ts';
import { ipsetSequences } from '../engine/sets/sequences.ts';
import { askedAgain } from './beside.ts';
import { Dice } from './dice.ts';
import { randomIpset } from './random-ipset.ts';
import { probe, ready } from './support.ts';

const seed = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const cases = Number(process.env.SEKISHO_CASES ?? 40);
const names = hostNames();

interface Command {
  readonly argv: readonly string[];
  readonly stdin?: string;
}

const commandOf = (line: string): Command => {
  const [words, ...lines] = line.split('\n');
  const argv = [...words.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
  return { argv, stdin: lines.length > 0 ? `${lines.join('\n')}\n` : undefined };
};

/** What cannot be the same: memory, random numbers, the order of a hash; a second that has passed. */
function comparable(text: string): string[] {
  const lines = text
    .replace(/Size in memory: \d+/g, 'Size in memory: N')
    .replace(/initval 0x\w{8}/g, 'initval X')
    .replace(/<memsize>\d+/g, '<memsize>N')
    .replace(/<initval>0x\w{8}/g, '<initval>X')
    .replace(/<timeout>(\d+)/g, (_all, seconds) => `<timeout>${Math.ceil(Number(seconds) / 10) * 10}`)
    .replace(/timeout (\d+)(?= |$)/gm, (_all, seconds) => `timeout ${Math.ceil(Number(seconds) / 10) * 10}`)
    .split('\n');
  return lines.map((line) => line.trimEnd()).sort();
}

function real(commands: readonly Command[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-ipset-'));
  const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
  try {
    const lines = commands.map(({ argv, stdin }, index) => {
      if (stdin !== undefined) writeFileSync(join(folder, `${index}.in`), stdin);
      const from = stdin === undefined ? '/dev/null' : `${index}.in`;
      return `ipset ${argv.map(quoted).join(' ')} < ${from} > out 2> err; code=$?; echo "exit $code"; cat out; echo "--"; cat err; printf '%%%%\\n'`;
    });
    const script = lines.map((line) => line.replace("'%%%%\\n'", "'%%%%%%%%\\n'")).join('\n');
    const done = spawnSync('unshare', ['-n', 'sh', '-c', script], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    return done.stdout.split('%%%%\n').slice(0, -1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function ours(commands: readonly Command[]): string[] {
  const sets = new Sets(seeded(1));
  return commands.map(({ argv, stdin }) => {
    const { stdout, stderr, exitCode } = runIpset(sets, { argv, stdin, names, now: 0 });
    return `exit ${exitCode}\n${stdout}--\n${stderr}`;
  });
}

/** What runs out in the kernel while the commands do is there the next time. */
async function compare(lines: readonly string[]): Promise<void> {
  const commands = lines.map(commandOf);
  const mine = ours(commands);
  const wrong = await askedAgain('ipset', async () => {
    const theirs = real(commands);
    if (theirs.length !== lines.length) return [`${theirs.length} answers to ${lines.length} commands`];
    return lines.flatMap((line, index) => differing(line, comparable(theirs[index]), comparable(mine[index])));
  });
  expect(wrong.slice(0, 36)).toEqual([]);
}

function differing(line: string, real: readonly string[], ours: readonly string[]): string[] {
  if (real.join('\n') === ours.join('\n')) return [];
  return [
    line,
    ...real.filter((text) => !ours.includes(text)).map((text) => `  only real: ${text}`),
    ...ours.filter((text) => !real.includes(text)).map((text) => `  only ours: ${text}`),
  ];
}

describe.skipIf(!ready('ipset beside the real tool', probe('ipset')))(`seed ${seed}`, () => {
  for (const [title, lines] of Object.entries(ipsetSequences)) test(title, () => compare(lines));

  test(`${cases} random sequences`, async () => {
    const dice = new Dice(seed);
    for (let run = 0; run < cases; run++) await compare(randomIpset(dice));
  });
});
