// Real clients and servers with SYNPROXY between them: connections are joined, megabytes pass both ways with segmentation left to the
// devices.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { Site } from './running.ts';

const may = ready('SYNPROXY between two hosts', probe('ip', 'sysctl', 'ss'));
const PORT = 8_080;
const CLOSED = PORT + 1;
const LENGTH = 4_000_000;

/** Gives back what it is sent. */
const SERVER = `require('http').createServer((q, s) => q.pipe(s)).listen(${PORT}, '::')`;
const client = (host: string): string =>
  `fetch('http://${host}:${PORT}/', { method: 'POST', body: Buffer.alloc(${LENGTH}, 'sekisho') })
    .then((answer) => answer.text()).then((text) => console.log(text.length, text.endsWith('sekis'.slice(0, ${LENGTH % 7}) || 'sekisho')))`;

describe.skipIf(!may)('SYNPROXY', () => {
  let site: Site;
  beforeEach(async () => {
    site = new Site();
    await site.start('--sysctl', 'net.netfilter.nf_conntrack_tcp_loose=0');
    expect(site.sekisho('synproxy').stderr).toContain('no rule has the target SYNPROXY');
    for (const program of ['iptables', 'ip6tables']) {
      site.sekisho(`${program} -t raw -A PREROUTING -p tcp --dport ${PORT}:${CLOSED} --syn -j CT --notrack`);
      const match = `-p tcp --dport ${PORT}:${CLOSED} -m conntrack --ctstate INVALID,UNTRACKED`;
      const options = '--sack-perm --timestamp --wscale 7 --mss 1460';
      expect(site.sekisho(`${program} -A FORWARD ${match} -j SYNPROXY ${options}`)).toMatchObject({ stderr: '' });
      site.sekisho(`${program} -A FORWARD -m conntrack --ctstate INVALID -j DROP`);
    }
    site.lab.start('server', [process.execPath, '-e', SERVER]);
    await site.lab.listening('server', PORT);
  });
  afterEach(() => site.close());

  for (const [name, host] of [
    ['IPv4', ADDRESS.server.v4],
    ['IPv6', `[${ADDRESS.server.v6}]`],
  ] as const) {
    test(`${name}: ${LENGTH} octets there and back`, async () => {
      const { stdout } = await site.lab.finish('client', [process.execPath, '-e', client(host)]);
      expect(stdout).toBe(`${LENGTH} true\n`);
      const { stdout: table, stderr } = site.sekisho('connections');
      expect(stderr).toBe('');
      expect(table).toMatch(new RegExp(`dport=${PORT} .*\\[ASSURED\\]`));
      const counts = JSON.parse(site.sekisho('synproxy --json').stdout);
      // A client that had to wait has asked twice.
      expect(counts).toMatchObject({ cookie_invalid: 0 });
      for (const name of ['syn_received', 'cookie_valid']) expect(counts[name], name).toBeGreaterThanOrEqual(1);
    });
  }

  test('a port where nobody listens: the client is let in, and thrown out', async () => {
    const script = `
      const socket = require('net').connect(${CLOSED}, '${ADDRESS.server.v4}');
      socket.on('connect', () => console.log('joined')).on('error', ({ code }) => console.log(code));`;
    const { stdout } = await site.lab.finish('client', [process.execPath, '-e', script]);
    // On a busy machine it is thrown out before it has noticed that it was let in.
    expect(stdout).toMatch(/^(joined\n)?ECONNRESET\n$/);
    expect(JSON.parse(site.sekisho('synproxy --json').stdout).cookie_valid).toBeGreaterThanOrEqual(1);
  });
});
