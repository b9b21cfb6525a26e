// Recorded traffic: every link type, verdicts by packet and flow, other rules, a change in the middle. The captures are tcpdump's.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { replay as command, type ReplayCommandOptions } from '../../bin/replay.ts';
import { readCapture, writePcap } from '../../packet/pcap.ts';
import { capture, type FirewallSetup, flips, replay, tcp, udp } from '../../testing/index.ts';
import { flipsText, flowsText, packetsText, summaryText } from '../../testing/replay/replay-report.ts';

const file = (name: string): string => new URL(`../data/captures/${name}.pcap`, import.meta.url).pathname;
const filter = (...rules: string[]): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules.join('\n')}\nCOMMIT\n`;
const ESTABLISHED = '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
const rules = filter(ESTABLISHED, '-A FORWARD -i inside -j ACCEPT');
const setup: FirewallSetup = { v4: rules, v6: rules };
const run = (name: string, more: Parameters<typeof replay>[2] = {}) =>
  replay(capture(file(name)), setup, { ignoreChecksums: true, ...more });

describe('captures of tcpdump', () => {
  test.each([
    ['eth', 24, 'TCP, UDP and an ICMP error over Ethernet frames'],
    ['sll', 5, 'Linux cooked v1'],
    ['sll2', 5, 'Linux cooked v2'],
    ['raw', 2, 'a TUN device'],
  ])('%s: %i packets, %s', (name, count) => {
    expect(capture(file(name))).toHaveLength(count);
    const { packets } = run(name);
    expect(packets).toHaveLength(count);
    expect(packets[0].at).toBe(0);
  });

  test('by flows: what answers passes, what comes from outside does not', () => {
    expect(flowsText(run('eth'))).toBe(
      `flow  packets  octets  passed  stopped
   1       10     786      10        0  tcp 10.0.1.2.40000 > 192.0.2.9.443   filter FORWARD rule 1 (9), filter FORWARD rule 2 (1)
   2       10     986      10        0  tcp fd00:a::2.40000 > 2001:db8::9.443   filter FORWARD rule 1 (9), filter FORWARD rule 2 (1)
   3        2     100       1        1  tcp 192.0.2.9.50000 > 10.0.1.2.22   filter FORWARD policy, filter FORWARD rule 2
   4        1      48       1        0  udp 10.0.1.2.5000 > 192.0.2.9.53   filter FORWARD rule 2
   5        1      76       1        0  icmp 192.0.2.9 > 10.0.1.2   filter FORWARD rule 1
`
        .replace('filter FORWARD policy, filter', 'filter FORWARD policy (1), filter')
        .replace('rule 2\n   4', 'rule 2 (1)\n   4'),
    );
  });

  test('by packets', () => {
    expect(packetsText(run('eth')).split('\n').slice(40, 42)).toEqual([
      '#21  0.001292  outside  IP 192.0.2.9.50000 > 10.0.1.2.22: Flags [S], seq 2007386433, win 65495, options [mss 65495,sackOK,TS val 4253229994 ecr 0,nop,wscale 10], length 0 (bad checksum)',
      '      dropped: filter FORWARD policy, NEW',
    ]);
  });

  test('wrong checksums are told of, and make a packet INVALID unless they are to be ignored', () => {
    const strict = replay(capture(file('eth')), setup);
    expect(strict.badChecksums).toBe(22);
    expect(summaryText(strict)).toContain(
      'note: 22 packets have wrong checksums; where the sending host captured them: --ignore-checksums\n',
    );
    expect(strict.packets[0]).toMatchObject({ ctstate: 'INVALID', verdict: 'accepted' });
    expect(run('eth').packets[0].ctstate).toBe('NEW');
  });

  test('what a capture cut short is taken for zeros', () => {
    const short = replay(capture(file('short')), setup);
    expect(short.cutShort).toBeGreaterThan(15);
    // 60 octets of a frame hold the TCP header of IPv4, without its options.
    expect(short.packets.slice(0, 10).every(({ verdict }) => verdict === 'accepted')).toBe(true);
    expect(summaryText(short)).toContain('checksums not looked at');
  });
});

describe('options', () => {
  test('devices by option, and by interface of the capture', () => {
    expect(run('eth', { in: 'outside' }).packets[0]).toMatchObject({ device: 'outside', verdict: 'dropped' });
    const [first] = capture(file('eth'));
    const named = [{ ...first, device: 'eth7' }];
    expect(replay(named, setup, { devices: { eth7: 'outside' } }).packets[0].device).toBe('outside');
  });

  test('time is that of the capture: a connection that is idle too long is gone', () => {
    const [A, B] = ['10.0.1.2', '192.0.2.9'];
    const frames = [
      { bytes: udp(A, B), seconds: 100 },
      { bytes: udp(B, A, { sport: 53, dport: 1024 }), seconds: 110 },
      { bytes: udp(B, A, { sport: 53, dport: 1024 }), seconds: 700 },
    ];
    const { packets } = replay(writePcap(frames), setup);
    expect(packets.map(({ verdict }) => verdict)).toEqual(['accepted', 'accepted', 'dropped']);
  });

  test('MAC addresses are those of the frames', () => {
    const mac = { v4: filter('-A FORWARD -m mac --mac-source 00:00:00:00:00:00 -j ACCEPT') };
    expect(replay(capture(file('eth')), mac).packets[0].verdict).toBe('accepted');
    expect(replay(capture(file('raw')), mac).packets.at(-1)?.verdict).toBe('dropped');
  });
});

describe('other rules', () => {
  test('flips, packet by packet', () => {
    const before = run('eth');
    const after = replay(
      capture(file('eth')),
      { ...setup, v4: filter('-A FORWARD -i inside -j ACCEPT') },
      { ignoreChecksums: true },
    );
    const found = flips(before, after);
    expect(found.map(({ before: { number } }) => number)).toEqual([2, 5, 6, 8, 10, 24]);
    expect(flipsText(found, before.packets.length)).toMatch(
      /^#2 {2}outside {2}IP 192\.0\.2\.9\.443 > 10\.0\.1\.2\.40000: Flags \[S\.\].*\n {2}- accepted by inside \(filter FORWARD rule 1\)\n {2}\+ dropped: filter FORWARD policy\n/,
    );
    expect(flipsText(found, before.packets.length)).toMatch(/\n6 of 24 verdicts flip\n$/);
  });

  test('time travel: a change behind a frame', () => {
    const before = run('eth');
    const behind = (frame: number) =>
      run('eth', { change: { behind: frame, make: (fw) => fw.iptables('-I FORWARD -p tcp --sport 443 -j DROP') } });
    expect(flips(before, behind(5)).map(({ before: { number } }) => number)).toEqual([6, 8, 10]);
    expect(flips(before, behind(30))).toEqual([]);
  });

  test('a packet that leaves otherwise is no flip of a verdict', () => {
    const mangled = {
      v4: `*mangle\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n-A FORWARD -j TTL --ttl-set 9\nCOMMIT\n`,
    };
    const packets = writePcap([{ bytes: tcp('10.0.1.2', '192.0.2.9') }]);
    const found = flips(
      replay(packets, {
        v4: filter('-P FORWARD ACCEPT').replace('-P FORWARD ACCEPT\n', '').replace('FORWARD DROP', 'FORWARD ACCEPT'),
      }),
      replay(packets, mangled),
    );
    expect(found).toMatchObject([{ what: 'way' }]);
    expect(flipsText(found, 1)).toContain('0 of 1 verdicts flip, 1 leave otherwise\n');
  });
});

describe('sekisho replay', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sekisho-replay-'));
    writeFileSync(join(folder, 'rules.v4'), rules);
    writeFileSync(join(folder, 'rules.v6'), rules);
    writeFileSync(join(folder, 'strict.v4'), filter('-A FORWARD -i inside -j ACCEPT'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const sekisho = async (path: string, options: Partial<ReplayCommandOptions>) => {
    const [out, err] = [process.stdout, process.stderr].map((one) => vi.spyOn(one, 'write').mockReturnValue(true));
    try {
      const code = await command(path, { mode: 'router', ignoreChecksums: true, ...options });
      const said = (spy: typeof out): string => spy.mock.calls.map(([chunk]) => String(chunk)).join('');
      return { code, out: said(out), err: said(err) };
    } finally {
      out.mockRestore();
      err.mockRestore();
    }
  };
  const both = () => [join(folder, 'rules.v4'), join(folder, 'rules.v6')];

  test('exit codes: 0, 1 something fares otherwise, 2 a mistake', async () => {
    const plain = await sekisho(file('eth'), { rules: both(), counters: true });
    expect(plain).toMatchObject({
      code: 0,
      out: expect.stringContaining('24 packets in 5 flows: 23 passed, 1 stopped\n'),
    });
    expect(plain.out).toContain('-A FORWARD -i inside -j ACCEPT');
    expect(await sekisho(file('eth'), { rules: both(), against: [join(folder, 'strict.v4')] })).toMatchObject({
      code: 1,
    });
    expect(await sekisho(file('eth'), { rules: both(), against: both() })).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^0 of 24 verdicts flip\n/),
    });
    const change = ['iptables -I FORWARD -p tcp --sport 443 -j DROP'];
    const travelled = await sekisho(file('eth'), { rules: both(), change, at: '5' });
    expect(travelled).toMatchObject({ code: 1, out: expect.stringContaining('3 of 24 verdicts flip') });
    expect(await sekisho(join(folder, 'rules.v4'), { rules: both() })).toMatchObject({
      code: 2,
      err: expect.stringContaining('not a capture: neither pcap nor pcapng'),
    });
    expect(await sekisho(file('eth'), { rules: both(), change: ['reboot'] })).toMatchObject({ code: 2 });
    expect(await sekisho(file('eth'), { rules: both(), at: '5' })).toMatchObject({ code: 2 });
  });

  test('JSON, and a capture of what passed', async () => {
    const out = join(folder, 'passed.pcap');
    const { code, out: text } = await sekisho(file('eth'), { rules: both(), json: true, out });
    expect(code).toBe(0);
    const result = JSON.parse(text);
    expect(result.flows[2]).toMatchObject({ accepted: 1, stopped: 1, by: { 'filter FORWARD policy': 1 } });
    expect(result.packets[20]).toMatchObject({ number: 21, verdict: 'dropped', reason: 'filter FORWARD policy' });
    expect([...readCapture(readFileSync(out))]).toHaveLength(23);
  });

  test('devices and rules of a test file', async () => {
    const suite = join(folder, 'test.yaml');
    writeFileSync(suite, 'v4: strict.v4\ndevices:\n  inside: [10.0.1.1/24]\n  outside: [default]\ntests: []\n');
    const { out } = await sekisho(file('eth'), { setup: suite, packets: true, until: '2' });
    expect(out).toContain('dropped: filter FORWARD policy');
    expect(out).toMatch(/\n2 packets in 1 flows: 1 passed, 1 stopped\n$/);
  });

  test('a bridge; devices as they are called', async () => {
    const { out } = await sekisho(file('eth'), {
      rules: both(),
      mode: 'bridge',
      device: ['inside', 'b'],
      in: 'inside',
      until: '1',
      packets: true,
    });
    expect(out).toContain('accepted by b (filter FORWARD rule 2)');
  });
});
