// A match of one's own comes and goes while packets flow; what the daemon is told of its host.

import { copyFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { Site } from './running.ts';

const may = ready("extensions of one's own in a daemon", probe('ip', 'python3', 'bash'));
const OWN = fileURLToPath(new URL('../../examples/own-match/dnsname.mjs', import.meta.url));

describe.skipIf(!may)('a daemon', () => {
  let site: Site;
  beforeEach(() => {
    site = new Site();
  });
  afterEach(() => site.close());

  /** The client asks for a name; nobody answers. */
  const ask = (name: string): void => {
    const labels = name.split('.').map((label) => `\\x${label.length.toString(16).padStart(2, '0')}${label}`);
    const question = `\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0${labels.join('')}\\0\\0\\x01\\0\\x01`;
    site.lab.run('client', ['bash', '-c', `printf '${question}' > /dev/udp/${ADDRESS.server.v4}/53`]);
  };
  const matched = (): number => Number(/dnsname.* -c (\d+) /.exec(site.sekisho('iptables -vS FORWARD').stdout)?.[1]);

  test('attaches and detaches a match of a file under traffic, and loses no packet', async () => {
    await site.start();
    const rule = 'iptables -A FORWARD -p udp --dport 53 -m dnsname --dns-name ads.example -j DROP';
    expect(site.sekisho(rule).stderr).toContain("Couldn't load match `dnsname'");
    const pings = site.pings(150);

    expect(site.sekisho(`attach ${OWN}`)).toMatchObject({ status: 0, stdout: 'attached: dnsname\n', stderr: '' });
    expect(site.sekisho(`attach ${OWN}`)).toMatchObject({ status: 1, stderr: expect.stringContaining('already') });
    expect(site.sekisho(rule)).toMatchObject({ status: 0, stderr: '' });
    for (const name of ['ads.example', 'www.ads.example', 'example']) ask(name);
    expect(matched()).toBe(2);
    const used = site.sekisho('detach dnsname');
    expect(used).toMatchObject({ status: 1, stdout: '' });
    expect(used.stderr).toContain('match "dnsname" is in use: IPv4 filter FORWARD rule 1');

    expect(site.sekisho('iptables -F FORWARD').status).toBe(0);
    expect(site.sekisho('detach dnsname')).toMatchObject({ status: 0, stdout: 'detached: dnsname\n' });
    expect(site.sekisho(rule).stderr).toContain("Couldn't load match `dnsname'");
    expect(site.sekisho('detach tcp').stderr).toContain('no file that is attached has an extension "tcp"');
    expect(await pings).toBe(150);
  });

  test('starts with extensions, and finds rules with them in its state directory', async () => {
    const first = await site.start('--extension', OWN);
    site.sekisho('iptables -A FORWARD -p udp --dport 53 -m dnsname --dns-name ads.example -j DROP');
    expect(await first.end('SIGTERM')).toBe(0);
    await site.start('--extension', OWN);
    ask('ads.example');
    expect(matched()).toBe(1);
  });

  test('refuses files that are no extensions, and one that has changed', async () => {
    await site.start();
    writeFileSync(site.file('empty.mjs'), 'export default {};\n');
    writeFileSync(site.file('half.mjs'), "export default { matches: [{ name: 'half', families: [4] }] };\n");
    writeFileSync(site.file('wrong.mjs'), 'export default {\n');
    for (const [file, reason] of [
      ['empty.mjs', 'it holds no extension'],
      ['half.mjs', '"half" has no member "summary"'],
      ['wrong.mjs', 'wrong.mjs'],
      ['none.mjs', 'no such file'],
    ]) {
      const { status, stderr } = site.sekisho(`attach ${site.file(file)}`);
      expect([status, stderr]).toEqual([1, expect.stringContaining(reason)]);
    }
    copyFileSync(OWN, site.file('own.mjs'));
    expect(site.sekisho(`attach ${site.file('own.mjs')}`).status).toBe(0);
    expect(site.sekisho('detach dnsname').status).toBe(0);
    writeFileSync(site.file('own.mjs'), 'export default {};\n');
    expect(site.sekisho(`attach ${site.file('own.mjs')}`).stderr).toContain('has changed since it was loaded');
  });

  test('knows the groups of its devices, from the kernel and on reload, and accounts by name', async () => {
    await site.start();
    site.sekisho('iptables -A FORWARD -m devgroup --src-group 7 -m nfacct --nfacct-name seven');
    site.sekisho('nfacct add seven packet 3');
    await site.pings(2, ADDRESS.server.v4);
    expect(site.sekisho('nfacct get seven').stdout).toContain('pkts = 00000000000000000000');
    site.lab.run('client', ['ip', 'link', 'set', site.deviceName('client'), 'group', '7']);
    expect(site.sekisho('reload').status).toBe(0);
    await site.pings(2, ADDRESS.server.v4);
    expect(site.sekisho('nfacct list reset').stdout).toMatch(/^\{ pkts = 0*2, bytes = 0*168[ ,].*\} = seven;\n$/);
    expect(site.sekisho('nfacct delete seven')).toMatchObject({ status: 1, stderr: expect.stringContaining('busy') });
  });
});
