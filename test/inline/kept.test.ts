// What rules keep of addresses in a running daemon, seen and changed by tools: lists of recent, tables of hashlimit, sets of ipset.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { Site } from './running.ts';

const may = ready('lists and sets of a running daemon', probe('ip', 'python3', 'sysctl'));

describe.skipIf(!may)('lists and sets of a running daemon', () => {
  let site: Site;
  beforeEach(async () => {
    site = new Site();
    await site.start();
  });
  afterEach(() => site.close());

  test('recent: addresses are listed, and what is edited counts at once', async () => {
    site.sekisho('iptables -A FORWARD -p icmp -m recent --name out --rcheck -j DROP');
    site.sekisho('ip6tables -A FORWARD -p icmpv6 -m icmp6 --icmpv6-type echo-request -m recent --name seen --set');
    const { v4 } = ADDRESS.client;
    expect(await site.pings(2, ADDRESS.server.v4)).toBe(2);
    expect(site.sekisho(`recent out +${v4}`)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`src=${v4} ttl: 0 `),
    });
    expect(await site.lonelyPings(2, ADDRESS.server.v4)).toBe(0);
    expect(site.sekisho(`recent out -${v4} +192.0.2.1`).stdout).toMatch(
      /^src=192\.0\.2\.1 ttl: 0 last_seen: \d+ oldest_pkt: 1 \d+\n$/,
    );
    expect(await site.pings(2, ADDRESS.server.v4)).toBe(2);
    expect(await site.pings(2)).toBe(2);
    const all = site.sekisho('recent').stdout;
    expect(all).toMatch(/^==> xt_recent\/out <==\nsrc=192\.0\.2\.1 .*\n\n==> xt_recent\/seen <==\nsrc=fd77:/);
    // One more than it has: in FORWARD it is taken for one that a router has counted down.
    expect(all).toMatch(/ ttl: 65 last_seen: \d+ oldest_pkt: 2 \d+, \d+\n$/);
    expect(site.sekisho('recent out /')).toMatchObject({ status: 0, stdout: '' });
    expect(site.sekisho('recent nosuch')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no rule keeps such a file'),
    });
    expect(site.sekisho('recent out 192.0.2.1')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Invalid argument'),
    });
  });

  test('hashlimit: tables of both families, or of one', async () => {
    const rule = '-A FORWARD -m hashlimit --hashlimit-upto 1/min --hashlimit-mode srcip --hashlimit-name web';
    site.sekisho(`iptables ${rule}`);
    site.sekisho(`ip6tables ${rule} -p icmpv6`);
    await site.pings(3, ADDRESS.server.v4);
    const { v4 } = ADDRESS.client;
    expect(site.sekisho('hashlimit').stdout).toMatch(
      /^==> ipt_hashlimit\/web <==\n[^=]*\n==> ip6t_hashlimit\/web <==\n/,
    );
    expect(site.sekisho('hashlimit -4 web').stdout).toContain(` ${v4}:0->0.0.0.0:0 `);
    expect(site.sekisho('hashlimit -6').stdout).not.toContain('ipt_hashlimit');
    expect(site.sekisho('hashlimit none')).toMatchObject({
      status: 1,
      stderr: 'sekisho: no rule keeps a table none\n',
    });
  });

  test('ipset: sets are made, filled and emptied while rules use them, and outlive the daemon', async () => {
    const ipset = (words: string, input = '') => site.sekisho(`ipset ${words}`, input);
    expect(ipset('create bad hash:net family inet6 counters')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(site.sekisho('ip6tables -A FORWARD -m set --match-set bad src -p icmpv6 -j DROP').status).toBe(0);
    expect(await site.pings(2)).toBe(2);
    expect(ipset(`add bad ${ADDRESS.client.v6}/128`).status).toBe(0);
    expect(await site.lonelyPings(2)).toBe(0);
    expect(ipset('save').stdout).toMatch(
      /^create bad hash:net family inet6 .*\nadd bad \S+ packets [1-9]\d* bytes \d+\n$/,
    );
    expect(ipset('destroy bad')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('it is in use by a kernel component'),
    });
    expect(ipset('rename bad worse').status).toBe(1);
    expect(ipset('create other hash:net family inet6 counters').status).toBe(0);
    expect(ipset('swap bad other').status).toBe(0);
    expect(await site.pings(2)).toBe(2);
    expect(ipset('restore', 'add bad fd99::/16\nadd bad 192.0.2.1\n')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Error in line 2'),
    });
    // What came before the bad line was not sent yet.
    expect(ipset('test bad fd99::1')).toMatchObject({ status: 1, stderr: 'fd99::1 is NOT in set bad.\n' });
    expect(site.sekisho('stop').status).toBe(0);
    // Without a daemon the tool works on what it has left, and rules still hold on to their set.
    expect(ipset('list -n').stdout).toBe('bad\nother\n');
    expect(ipset('destroy bad').status).toBe(1);
    await site.start();
    expect(await site.pings(2)).toBe(2);
    expect(ipset(`add bad ${ADDRESS.client.v6}`).status).toBe(0);
    expect(await site.lonelyPings(2)).toBe(0);
    site.sekisho('ip6tables -F');
    expect(ipset('destroy').status).toBe(0);
  });
});
