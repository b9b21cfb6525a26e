// The test library as its users meet it: what importing it adds to an empty test file, how long a thousand packet cases take in vitest, and
// what a firewall costs in memory. Times are the least of runs taken in turn, for the machine is seldom alone; run `npm run build` before.
//
//   node test/bench/run.mjs cases [RUNS]        (7 runs)

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firewall, TestFirewall } from '../../testing/firewall.ts';

const runs = Number(process.argv[2] ?? 7);
const root = process.env.SEKISHO_ROOT ?? '.';
const folder = mkdtempSync(join(tmpdir(), 'sekisho-cases-'));

const RULES = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
${Array.from({ length: 25 }, (_, index) => `-A FORWARD -i outside -s 198.51.${index}.0/24 -p tcp -m tcp --dport ${1000 + index} -j DROP`).join('\n')}
-A FORWARD -i inside -p tcp -m multiport --dports 80,443 -j ACCEPT
-A FORWARD -i inside -p udp -m udp --dport 53 -j ACCEPT
COMMIT
`;

const FILES = {
  'empty.test.js': `import { test } from 'vitest';\ntest('nothing', () => {});\n`,
  'import.test.js': `import { test } from 'vitest';\nimport 'sekisho/testing';\nimport 'sekisho/vitest';\ntest('nothing', () => {});\n`,
  'cases.test.js': `import { expect, test } from 'vitest';
import { firewall, tcp, udp } from 'sekisho/testing';
import 'sekisho/vitest';
const fw = firewall({ v4: 'rules.v4' });
test.each(Array.from({ length: 1000 }, (_, index) => index))('case %i', (index) => {
  const [src, dst] = ['10.0.1.' + (2 + (index % 200)), '192.0.2.9'];
  if (index % 2) expect(fw.send(tcp(src, dst, { sport: 1000 + index, dport: 443 }))).toBeAccepted('outside');
  else expect(fw.send(udp(src, dst, { sport: 1000 + index, dport: 54 }))).toBeDropped('filter FORWARD policy');
});
`,
};

interface Timing {
  readonly wall: number;
  /** What vitest says of its phases. */
  readonly tests: number;
  readonly load: number;
}

function run(file: string): Timing {
  const begun = performance.now();
  const done = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', file, '--root', folder],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    },
  );
  const wall = performance.now() - begun;
  if (done.status !== 0) throw new Error(done.stdout + done.stderr);
  const phase = (name: string): number => {
    const [, number, unit] = new RegExp(`${name} ([\\d.]+)(ms|s)`).exec(done.stdout) ?? [];
    return Number(number ?? 0) * (unit === 's' ? 1_000 : 1);
  };
  return { wall, tests: phase('tests'), load: phase('import') + phase('transform') };
}

mkdirSync(join(folder, 'node_modules'));
// A copy, as an install makes one: what a link leads to, vitest would transform.
for (const part of ['dist', 'package.json']) {
  cpSync(join(root, part), join(folder, 'node_modules/sekisho', part), { recursive: true });
}
symlinkSync(join(root, 'node_modules/vitest'), join(folder, 'node_modules/vitest'));
writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
writeFileSync(join(folder, 'rules.v4'), RULES);
for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);

const timings = new Map<string, Timing[]>(Object.keys(FILES).map((name) => [name, []]));
for (let count = 0; count <= runs; count++) {
  for (const [name, list] of timings) {
    const timing = run(name);
    if (count > 0) list.push(timing); // the first run warms caches
  }
}
const of = (name: string, what: keyof Timing): number =>
  Math.round(Math.min(...timings.get(name)!.map((one) => one[what])));
for (const name of timings.keys()) {
  console.log(
    `${name.padEnd(16)} wall ${of(name, 'wall')} ms, import ${of(name, 'load')} ms, tests ${of(name, 'tests')} ms`,
  );
}
console.log(`import adds ${of('import.test.js', 'wall') - of('empty.test.js', 'wall')} ms to an empty test file`);
console.log(`1,000 cases: ${of('cases.test.js', 'tests')} ms`);
rmSync(folder, { recursive: true });

// --- Memory ------------------------------------------------------------------------------------------------------------------

const COUNT = 200;
const first = firewall({ v4: RULES });
const used = (): number => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
const kept: TestFirewall[] = [];
const before = used();
for (let index = 0; index < COUNT; index++) kept.push(new TestFirewall(first.setup, first.rules));
const each = (used() - before) / COUNT / 1024;
console.log(
  `memory: ${each.toFixed(0)} KiB a firewall (29 rules)${globalThis.gc ? '' : ', garbage included: node --expose-gc'}`,
);
if (kept.length !== COUNT) throw new Error('never');
