// What is published, installed in empty projects: one with vitest and TypeScript, one with plain node:test. Needs the registry and half
// a minute, so it is a tier of its own: npm run test:pack.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };

const LONG = 300_000;
const root = fileURLToPath(new URL('../..', import.meta.url));
const RULES = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i inside -p tcp -m tcp --dport 443 -j ACCEPT
COMMIT
`;
const USE = `const flow = fw.flow(tcp('2001:db8::1', '2001:db8:9::80', { dport: 443 }), { in: 'inside' });`;

describe('the packed package', () => {
  let folder = '';
  let tarball = '';
  const run = (command: string, words: readonly string[], cwd: string): string =>
    execFileSync(command, words, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
  const project = (name: string, packages: readonly string[], files: Record<string, string>): string => {
    const path = join(folder, name);
    mkdirSync(path);
    writeFileSync(join(path, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
    run('npm', ['install', '--no-audit', '--no-fund', tarball, ...packages], path);
    return path;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sekisho-pack-'));
    run('npm', ['pack', '--pack-destination', folder], root);
    tarball = join(folder, readdirSync(folder).find((file) => file.endsWith('.tgz'))!);
  }, LONG);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(
    'with vitest: matchers, and types that tsc takes',
    () => {
      const { vitest, typescript } = manifest.devDependencies;
      const path = project('with-vitest', [`vitest@${vitest}`, `typescript@${typescript}`, '@types/node@20'], {
        'rules.v6': RULES,
        'tsconfig.json': JSON.stringify({
          compilerOptions: { module: 'nodenext', target: 'es2023', strict: true, noEmit: true, types: ['node'] },
          include: ['*.ts'],
        }),
        'rules.test.ts': `import { expect, test } from 'vitest';
import { firewall, tcp, type Outcome } from 'sekisho/testing';
import 'sekisho/vitest';
test('https goes out', () => {
  const fw = firewall({ v6: 'rules.v6' });
  ${USE}
  const outcome: Outcome = flow.connect();
  expect(outcome).toBeAccepted('outside');
  expect(flow.reply(100)).toHaveCtstate('ESTABLISHED');
  expect(fw).toReachEveryRule();
  // @ts-expect-error a state that there is none
  expect(() => expect(outcome).toHaveCtstate('OLD')).toThrow('ctstate OLD');
});
`,
      });
      run('npx', ['tsc', '-p', '.'], path);
      expect(run('npx', ['vitest', 'run'], path)).toMatch(/Tests\s+1 passed/);
    },
    LONG,
  );

  test(
    'with node:test: assert functions, and the command',
    () => {
      const path = project('with-node', [], {
        'rules.v6': RULES,
        'rules.test.js': `import test from 'node:test';
import assert from 'node:assert';
import { firewall, tcp } from 'sekisho/testing';
import { assertAccepted, assertDropped } from 'sekisho/assert';
test('https goes out', () => {
  const fw = firewall({ v6: 'rules.v6' });
  ${USE}
  assertAccepted(flow.connect());
  assert.throws(() => assertDropped(flow.send()), assert.AssertionError);
});
`,
        'require.test.cjs': `const test = require('node:test');
const { firewall, matchers, tcp } = require('sekisho/testing');
const { assertAccepted } = require('sekisho/assert');
test('https goes out', () => {
  const fw = firewall({ v6: 'rules.v6' });
  ${USE}
  assertAccepted(flow.connect());
  if (!matchers.toBeAccepted.call({}, flow.send()).pass) throw new Error('as jest calls it');
});
`,
        'rules.yaml': `v6: rules.v6\ntests:\n  - rows: ["inside: tcp 2001:db8::1 > 2001:db8:9::80 dport 443 syn -> accepted"]\n`,
      });
      expect(run(process.execPath, ['--test', 'rules.test.js', 'require.test.cjs'], path)).toMatch(/pass 2\b/);
      expect(run('npx', ['sekisho', 'test', 'rules.yaml'], path)).toContain('1 passed, 0 failed');
    },
    LONG,
  );

  test(
    'with jest: matchers, by require()',
    () => {
      const path = project('with-jest', ['jest@30'], {
        'rules.v6': RULES,
        'package.json': JSON.stringify({ name: 'with-jest', private: true }),
        'rules.test.js': `const { firewall, matchers, tcp } = require('sekisho/testing');
expect.extend(matchers);
test('https goes out', () => {
  const fw = firewall({ v6: 'rules.v6' });
  ${USE}
  expect(flow.connect()).toBeAccepted('outside');
  expect(flow.reply(10)).toHaveCtstate('ESTABLISHED');
  expect(() => expect(flow.send()).toBeDropped()).toThrow('to be dropped, but it was accepted');
});
`,
      });
      run('npx', ['jest'], path);
    },
    LONG,
  );

  test(
    'with fast-check: promises about all packets',
    () => {
      const path = project('with-fast-check', [`fast-check@${manifest.devDependencies['fast-check']}`], {
        'rules.v6': RULES,
        'rules.test.js': `import test from 'node:test';
import { firewall } from 'sekisho/testing';
import { forAllTraffic } from 'sekisho/arbitrary';
test('nothing begins outside', () => {
  const fw = firewall({ v6: 'rules.v6' });
  forAllTraffic(fw, (outcome) => outcome.device !== 'outside' || outcome.ctstate !== 'NEW' || outcome.verdict !== 'accepted');
});
`,
      });
      expect(run(process.execPath, ['--test', 'rules.test.js'], path)).toMatch(/pass 1\b/);
    },
    LONG,
  );

  // What `engines` names, and what comes after it; npm has each as a package.
  test.each(['20.19', '22', '24', '26'])(
    'on Node %s',
    (version) => {
      const path = project(`node-${version}`, [`node@${version}`], {
        'rules.v6': RULES,
        'rules.test.js': `import test from 'node:test';
import { firewall, tcp } from 'sekisho/testing';
import { assertAccepted } from 'sekisho/assert';
test('https goes out on ' + process.version, () => {
  const fw = firewall({ v6: 'rules.v6' });
  ${USE}
  assertAccepted(flow.connect());
});
`,
        'rules.yaml': `v6: rules.v6\ntests:\n  - rows: ["inside: tcp 2001:db8::1 > 2001:db8:9::80 dport 443 syn -> accepted"]\n`,
      });
      const node = join(path, 'node_modules/node/bin/node');
      expect(run(node, ['--version'], path)).toMatch(new RegExp(`^v${version.replace('.', '\\.')}\\.`));
      expect(run(node, ['--test', 'rules.test.js'], path)).toMatch(/pass 1\b/);
      const program = join(path, 'node_modules/sekisho/dist/bin/sekisho.js');
      expect(run(node, [program, 'test', 'rules.yaml'], path)).toContain('1 passed, 0 failed');
    },
    LONG,
  );
});
