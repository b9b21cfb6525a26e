// The manual pages: one for every command, and nothing in them that roff would take for its own.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FORMS, formsOf, PROTOCOLS } from '../../conntrack/tool/options.ts';
import { builtinRegistry } from '../../control/extensions.ts';
import { SET_TYPES } from '../../engine/sets/index.ts';
import { BASE_OPTIONS } from '../../grammar/base-options.ts';
import { sekisho } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'sekisho-man-'));
const page = (name: string): string => readFileSync(join(folder, `${name}.8`), 'utf8');

beforeAll(() => expect(sekisho(['man', '--write', folder])).toMatchObject({ code: 0, stderr: '' }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('manual pages', () => {
  it('are there for every command of --help, with what it says', () => {
    const listed = [...sekisho(['--help']).stdout.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name);
    const files = readdirSync(folder);
    for (const name of listed.filter((one) => one !== 'help' && one !== 'sekisho'))
      expect(files).toContain(`sekisho-${name}.8`);
    expect(page('sekisho-run')).toContain('.TP\n\\fB\\-\\-mode <mode>\\fR\n');
    expect(page('sekisho-trace')).toContain('.SH EXAMPLES\n');
  });

  it('of the classic tools have every option', () => {
    const conntrack = page('sekisho-conntrack').replaceAll('\\-', '-');
    for (const { long } of [...FORMS, ...PROTOCOLS.flatMap((one) => formsOf(one).all)])
      if (long !== 'nat-range') expect(conntrack).toMatch(new RegExp(`--${long}\\b`));
    const ipset = page('sekisho-ipset').replaceAll('\\-', '-');
    for (const { name, create } of SET_TYPES) for (const word of [name, ...create]) expect(ipset).toContain(word);
    for (const { long } of BASE_OPTIONS)
      expect(page('sekisho-iptables').replaceAll('\\-', '-')).toContain(`--${long[0]}`);
    expect(page('sekisho-iptables-restore')).toContain('.TP\n\\fB\\-n, \\-\\-noflush\\fR\n');
    expect(page('sekisho-iptables-save')).toContain('.SH SYNOPSIS\n');
  });

  it('name every extension', () => {
    const text = page('sekisho-extension-list');
    const registry = builtinRegistry();
    for (const { name } of [...registry.all('match'), ...registry.all('target')])
      expect(text).toContain(`.SS ${name} (`);
  });

  it('have no line that begins like a request of roff and is none', () => {
    for (const file of readdirSync(folder)) {
      const lines = readFileSync(join(folder, file), 'utf8').split('\n');
      const requests = lines.filter((line) => /^[.']/.test(line));
      for (const line of requests) expect(line).toMatch(/^\.(TH|SH|SS|PP|TP|nf|fi|br)\b/);
    }
  });

  it('are printed one by one', () => {
    expect(sekisho(['man', 'run']).stdout).toBe(page('sekisho-run'));
    expect(sekisho(['man', 'nothing'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no page "nothing"'),
    });
  });

  const groff = spawnSync('groff', ['--version']).status === 0;
  if (!groff) process.stderr.write('left out: what groff says of the manual pages: it is not installed\n');
  it.runIf(groff)('give groff nothing to warn of', () => {
    for (const file of readdirSync(folder)) {
      const { stderr } = spawnSync('groff', ['-man', '-ww', '-z', join(folder, file)], { encoding: 'utf8' });
      expect(stderr, file).toBe('');
    }
  });
});
