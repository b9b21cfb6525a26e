// What is said at the start of rules about devices that a daemon does not have.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unknownDevices } from '../../bin/rule-devices.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-devices-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ['-A FORWARD -i in0 -o out0 -j ACCEPT', []],
  ['-A FORWARD -i in+ -j ACCEPT', []],
  ['-A INPUT -i lo -j ACCEPT', []],
  ['-A FORWARD ! -i eth0 -j ACCEPT', []],
  ['-A FORWARD -i eth0 -j ACCEPT', ['eth0']],
  ['-A FORWARD -o eth+ -j ACCEPT', ['eth+']],
  ['[0:0] -6 -A FORWARD -i lan -o wan -j ACCEPT', ['lan', 'wan']],
  ['-A FORWARD -m physdev --physdev-in veth1 -j DROP', ['veth1']],
  ['-A FORWARD -m comment --comment "was -i eth0 once" -j ACCEPT', []],
  ['# -A FORWARD -i eth0 -j ACCEPT', []],
])('%s', (line, names) => {
  const path = join(folder, 'rules.v4');
  writeFileSync(path, `*filter\n:FORWARD DROP [0:0]\n${line}\nCOMMIT\n`);
  const device = (name: string) => ({ name, addresses: [], routes: [] });
  const said = unknownDevices({ rules: [{ family: 4, path }], devices: [device('in0'), device('out0')] } as never);
  expect(said).toEqual(
    names.map((name) => `rules name the device ${name} (${path}:3), which is not here: there are in0 and out0`),
  );
});
