// Asked of the real programs: ip6tables-save and ip6tables-restore 1.8.9 with these words.

import { describe, expect, test } from 'vitest';
import { restoreSource, restoreWords, saveWords, type Words } from '../../control/tool/tool-words.ts';

const brief = ({ options, operands, problem }: Words) => [
  ...options.map(({ long, value }) => (value === undefined ? long : `${long}=${value}`)),
  ...operands,
  ...(problem === undefined ? [] : [`! ${problem}`]),
];

describe('words of -save', () => {
  test.each([
    ['-c', ['counters']],
    ['--c', ['counters']],
    ['-ct filter', ['counters', 'table=filter']],
    ['-tfilter', ['table=filter']],
    ['--tab filter', ['table=filter']],
    ['--table=filter', ['table=filter']],
    ['foo -c', ['counters', 'foo']],
    ['-- -c', ['-c']],
    ['-', ['-']],
    ['-x', ["! invalid option -- 'x'"]],
    ['-4', ["! invalid option -- '4'"]],
    ['--xyz', ["! unrecognized option '--xyz'"]],
    ['--counters=3', ["! option '--counters' doesn't allow an argument"]],
    ['-t', ["! option requires an argument -- 't'"]],
    ['--table', ["! option '--table' requires an argument"]],
    ['-V -x', ['version', "! invalid option -- 'x'"]],
  ])('%s', (text, words) => {
    expect(brief(saveWords(text.split(' ')))).toEqual(words);
  });
});

describe('words of -restore', () => {
  test.each([
    ['-nc rules.v6', ['noflush', 'counters', 'rules.v6']],
    ['--v', ["! option '--v' is ambiguous; possibilities: '--verbose' '--version'"]],
    ['--w 5', ["! option '--w' is ambiguous; possibilities: '--wait' '--wait-interval'"]],
    // getopt knows no argument of -w; the program looks at the next word itself.
    ['-w 5 rules.v6', ['wait=5', 'rules.v6']],
    ['-w rules.v6', ['wait=rules.v6']],
    ['-w -n', ['wait', 'noflush']],
    ['-w5', ['wait', "! invalid option -- '5'"]],
    ['-wv 5', ['wait', 'verbose', '5']],
    ['-vw 3 rules.v6', ['verbose', 'wait=3', 'rules.v6']],
    ['--wait=5', ['wait=5']],
    ['--wait 5', ['wait=5']],
    ['-b', ['binary']],
    ['--binary', ["! unrecognized option '--binary'"]],
  ])('%s', (text, words) => {
    expect(brief(restoreWords(text.split(' ')))).toEqual(words);
  });

  test('standard input is read only where the program comes to it', () => {
    expect(restoreSource([])).toEqual({ file: undefined });
    expect(restoreSource(['-n', 'rules.v6'])).toEqual({ file: 'rules.v6' });
    for (const words of [['-h'], ['-V'], ['-x'], ['a', 'b']]) expect(restoreSource(words)).toBe('nothing');
  });
});
