// The daemon between two hosts: its rules edited, reloaded and refused under traffic, and what is left when it ends, in every way.

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { Site } from './running.ts';

const may = ready('the daemon between two hosts', probe('ip', 'python3', 'sysctl'));

describe.skipIf(!may)('the daemon', () => {
  let site: Site;
  beforeEach(() => {
    site = new Site();
  });
  afterEach(() => site.close());

  const rules = (): string => site.sekisho('ip6tables -S FORWARD').stdout;
  const state = (): string => readFileSync(site.file('state/rules.v6'), 'utf8');
  const packetsOf = (rule: string): number =>
    Number(new RegExp(`${rule} -c (\\d+) `).exec(site.sekisho('ip6tables -vS FORWARD').stdout)?.[1]);

  test('rules are edited under traffic: nothing is lost, and counters go on', async () => {
    await site.start();
    // Tracking starts with the first rule that looks at connections: an answer under way then is one of no connection, and INVALID.
    expect(site.sekisho('ip6tables -A FORWARD -p icmpv6').status).toBe(0);
    expect(site.sekisho('ip6tables -A FORWARD -m conntrack --ctstate RELATED').status).toBe(0);
    const before = packetsOf('-p ipv6-icmp');
    const pings = site.pings(100);
    for (const rule of ['-p tcp -j DROP', '-p udp --dport 53 -j REJECT', '-m conntrack --ctstate INVALID -j DROP']) {
      expect(site.sekisho(`ip6tables -I FORWARD ${rule}`)).toMatchObject({ status: 0, stderr: '' });
    }
    expect(site.sekisho('ip6tables -D FORWARD 2').status).toBe(0);
    expect(await pings).toBe(100);
    expect(rules()).toBe(
      '-P FORWARD ACCEPT\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\n-A FORWARD -p tcp -j DROP\n-A FORWARD -p ipv6-icmp\n-A FORWARD -m conntrack --ctstate RELATED\n',
    );
    // Each ping is two packets; neighbours ask for each other now and then.
    expect(packetsOf('-p ipv6-icmp') - before).toBeGreaterThanOrEqual(200);
    expect(packetsOf('-p ipv6-icmp') - before).toBeLessThan(220);
  });

  test('a rule takes effect with the answer, for each family apart', async () => {
    await site.start();
    expect([await site.pings(3), await site.pings(3, ADDRESS.server.v4)]).toEqual([3, 3]);
    site.sekisho('ip6tables -A FORWARD -p icmpv6 --icmpv6-type echo-request -j DROP');
    expect([await site.lonelyPings(3), await site.pings(3, ADDRESS.server.v4)]).toEqual([0, 3]);
    site.sekisho('ip6tables -F');
    site.sekisho('iptables -P FORWARD DROP');
    expect([await site.pings(3), await site.lonelyPings(3, ADDRESS.server.v4)]).toEqual([3, 0]);
    const { stdout } = site.sekisho('iptables -nvL FORWARD');
    expect(stdout).toMatch(/^Chain FORWARD \(policy DROP 3 packets, 252 bytes\)/);
    site.sekisho('iptables -Z FORWARD');
    expect(site.sekisho('iptables -nvL FORWARD').stdout).toMatch(/policy DROP 0 packets, 0 bytes/);
  });

  test('what is refused changes nothing', async () => {
    await site.start();
    site.sekisho('ip6tables -A FORWARD -p icmpv6 --icmpv6-type echo-request -j DROP');
    const before = rules();
    expect(site.sekisho('ip6tables -t mangle -A FORWARD -j REJECT')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^ip6tables: Invalid argument\. Run `dmesg' for more information\.\n/),
    });
    expect(site.sekisho('ip6tables -A FORWARD -j FOO').status).toBe(2);
    const broken = '*filter\n:FORWARD ACCEPT\n-A FORWARD -j ACCEPT\n-A FORWARD --foo\nCOMMIT\n';
    expect(site.sekisho('ip6tables-restore', broken)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Error occurred at line: 4'),
    });
    expect(rules()).toBe(before);
    expect(await site.lonelyPings(2)).toBe(0);
  });

  test('SIGHUP loads the rule files again; when one is broken, all stay as they are', async () => {
    const file = site.file('rules.v6');
    writeFileSync(file, '*filter\n-A FORWARD -p udp -j DROP\nCOMMIT\n');
    const daemon = await site.start('--rules', file);
    expect(rules()).toContain('-p udp');
    writeFileSync(file, '*filter\n-A FORWARD -p tcp -j DROP\nCOMMIT\n');
    daemon.signal('SIGHUP');
    await daemon.says('rules loaded again');
    expect(rules()).toBe('-P FORWARD ACCEPT\n-A FORWARD -p tcp -j DROP\n');
    writeFileSync(file, '*filter\n-A FORWARD -j DROP\nCOMMIT\n*raw\n-A PREROUTING -j FOO\nCOMMIT\n');
    daemon.signal('SIGHUP');
    await daemon.says('the rules were not loaded, those before stay');
    expect(daemon.said).toContain("Couldn't load target `FOO'");
    expect(rules()).toBe('-P FORWARD ACCEPT\n-A FORWARD -p tcp -j DROP\n');
    expect(await site.pings(2)).toBe(2);
    expect(site.sekisho('reload')).toMatchObject({ status: 1, stderr: expect.stringContaining('FOO') });
  });

  test('rules that are wrong at the start: not started, nothing is left', async () => {
    const file = site.file('rules.v6');
    writeFileSync(file, '*filter\n-A FORWARD -j FOO\nCOMMIT\n');
    const daemon = site.run('--rules', file);
    expect(await daemon.end()).toBe(2);
    expect(daemon.said).toContain("Couldn't load target `FOO'");
    expect([site.linked('client'), site.linked('server')]).toEqual([false, false]);
    const missing = site.run('--rules', site.file('missing'));
    expect(await missing.end()).toBe(2);
    expect(missing.said).toContain('missing');
  });

  test('kill -9: the devices are gone, and the next one goes on with the rules that were told', async () => {
    const first = await site.start();
    site.sekisho('ip6tables -A FORWARD -p icmpv6 -j ACCEPT');
    site.sekisho('ip6tables -P FORWARD DROP');
    expect(await site.pings(2)).toBe(2);
    await first.end('SIGKILL');
    await site.unlinked();
    // With nobody on the socket that is left, the tools work on the stored rules.
    expect(rules()).toBe('-P FORWARD DROP\n-A FORWARD -p ipv6-icmp -j ACCEPT\n');
    expect(site.sekisho('ip6tables -A FORWARD -p tcp -j ACCEPT').status).toBe(0);
    expect(site.sekisho('status').status).toBe(69);
    await site.start();
    expect(rules()).toBe('-P FORWARD DROP\n-A FORWARD -p ipv6-icmp -j ACCEPT\n-A FORWARD -p tcp -j ACCEPT\n');
    expect(await site.pings(2)).toBe(2);
  });

  test('a device of that name that is about to go, as after a kill, is waited for', async () => {
    const name = site.deviceName('client');
    expect(site.lab.run('client', ['ip', 'link', 'add', name, 'type', 'bridge']).status).toBe(0);
    const daemon = site.run();
    await new Promise((resolve) => setTimeout(resolve, 600));
    site.lab.run('client', ['ip', 'link', 'delete', name]);
    await daemon.serves();
    expect(await site.pings(2)).toBe(2);
  });

  test('SIGTERM and stop save the rules with their counters', async () => {
    const first = await site.start();
    site.sekisho('ip6tables -A FORWARD -p icmpv6 --icmpv6-type echo-request');
    await site.pings(5);
    expect(await first.end('SIGTERM')).toBe(0);
    expect(state()).toContain('[5:520] -A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 128\n');
    expect(site.linked('client')).toBe(false);
    const second = await site.start();
    await site.pings(2);
    expect(site.sekisho('stop')).toMatchObject({ status: 0, stdout: 'stopping\n' });
    expect(await second.end()).toBe(0);
    expect(state()).toContain('[7:728] -A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 128\n');
  });

  test('a second daemon on the same directory is refused, and the first goes on', async () => {
    await site.start();
    const second = site.run();
    expect(await second.end()).toBe(1);
    expect(second.said).toContain('another daemon serves');
    expect(await site.pings(2)).toBe(2);
  });

  test('the socket is its owner’s alone; a client that hangs stops nobody', async () => {
    await site.start();
    const path = site.file('state/control.sock');
    expect([statSync(path).mode & 0o777, statSync(site.file('state')).mode & 0o777]).toEqual([0o600, 0o700]);
    const hanging = createConnection(path);
    hanging.on('error', () => {});
    hanging.write('{"op":"tool","program":"ip6tables","argv":["-A"');
    const pings = site.pings(20);
    expect(site.sekisho('ip6tables -N web').status).toBe(0);
    expect(await pings).toBe(20);
    hanging.destroy();
  });

  test('status and connections', async () => {
    await site.start();
    site.sekisho('ip6tables -A FORWARD -m conntrack --ctstate NEW -j ACCEPT');
    await site.pings(2);
    const status = JSON.parse(site.sekisho('status --json').stdout);
    expect(status.mode).toBe('bridge');
    expect(Object.values(status.devices)).toHaveLength(2);
    expect(site.sekisho('status').stdout).toMatch(/^bridge mode, up \d+ s\n/);
    expect(site.sekisho('connections').stdout).toMatch(/^ipv6 +10 icmpv6 +58 \d+ src=fd77:/m);
  });
});
