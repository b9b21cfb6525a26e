// The daemon as a service: its configuration, its log, what the service manager hears, what people see of it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Syslog } from '../../control/watch/syslog.ts';
import { PROGRAM } from '../bin/program.ts';
import { readExposition } from '../control/exposition-reader.ts';
import { probe, ready } from '../kernel/support.ts';
import { Datagrams } from './datagrams.ts';
import { ADDRESS, type Host } from './lab.ts';
import { type Running, Site } from './running.ts';

const may = ready('the daemon as a service', probe('ip', 'ping', 'script', 'python3'));

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

describe.skipIf(!may)('the daemon as a service', () => {
  let site: Site;
  let listening: Datagrams[];
  let children: ChildProcess[];
  beforeEach(() => {
    site = new Site();
    listening = [];
    children = [];
  });
  afterEach(async () => {
    for (const each of listening) each.close();
    for (const child of children) child.kill('SIGKILL');
    await site.close();
  });

  const config = (more: string): string => {
    const device = (host: Host): string =>
      `  ${site.deviceName(host)}: {netns: ${site.lab.namespace(host)}, host: [${ADDRESS[host].v4}/24, '${ADDRESS[host].v6}/64']}`;
    writeFileSync(site.file('fw.yaml'), `state: state\ndevices:\n${device('client')}\n${device('server')}\n${more}\n`);
    return site.file('fw.yaml');
  };
  const run = (path: string): Running => site.spawn(PROGRAM, 'run', '--config', path);
  const running = async (more: string): Promise<Running> => {
    const daemon = run(config(more));
    await daemon.serves();
    return daemon;
  };
  const LOGGED =
    '*filter\n-A FORWARD -p icmpv6 --icmpv6-type echo-request -j LOG --log-prefix "ping: " --log-level 4\nCOMMIT\n';

  test('a dry run changes nothing and says all that is wrong', () => {
    writeFileSync(site.file('r.v6'), '*filter\n-A FORWARD -j FOO\nCOMMIT\n');
    const path = config('rules: r.v6\nsysctls: {net.ipv4.tcp_syncookies: 1}\ncolour: red');
    const first = site.sekisho(`run --dry-run --config ${path}`);
    expect(first).toMatchObject({ status: 2, stdout: '' });
    expect(first.stderr).toContain(`${path}:7:1: a configuration has no "colour"`);
    config('rules: r.v6\nsysctls: {net.ipv4.tcp_syncookies: 1}');
    const second = site.sekisho(`run --dry-run --config ${path}`);
    expect(second.stderr).toMatch(/:5:8: .*r\.v6:\nip6tables-restore .*Couldn't load target `FOO'/);
    expect(second.stderr).toContain(':6:36: sysctl net.ipv4.tcp_syncookies=1: not known here');
    config('rules: []');
    expect(site.sekisho(`run --dry-run --config ${path}`)).toMatchObject({ status: 0, stderr: '' });
    expect([site.linked('client'), existsSync(site.file('state'))]).toEqual([false, false]);
    expect(site.sekisho(`run --config ${path} --mode router`)).toMatchObject({ status: 2 });
  });

  test('SIGHUP under traffic loads rules and settings again, and no packet is lost', async () => {
    writeFileSync(site.file('r.v6'), '*filter\n-A FORWARD -p udp -j DROP\nCOMMIT\n');
    const daemon = await running('rules: r.v6\nlog: {to: stderr}');
    const pings = site.pings(200);
    for (let round = 1; round <= 5; round++) {
      writeFileSync(site.file('r.v6'), `*filter\n-A FORWARD -p tcp --dport ${round} -j DROP\nCOMMIT\n`);
      config(`rules: r.v6\nsysctls: {net.netfilter.nf_conntrack_max: ${1_000 * round}}\nmetrics: 127.0.0.1:0`);
      daemon.said = '';
      daemon.signal('SIGHUP');
      await daemon.says('rules loaded again');
      expect(site.sekisho('ip6tables -S FORWARD').stdout).toContain(`--dport ${round}`);
    }
    expect(await pings).toBe(200);
    const limit = (): string | undefined =>
      /^sekisho_conntrack_entries_limit .*/m.exec(site.sekisho('metrics').stdout)?.[0];
    expect(limit()).toBe('sekisho_conntrack_entries_limit 5000');
    // A setting that is no longer named is as it was before.
    config('rules: r.v6');
    expect(site.sekisho('reload').status).toBe(0);
    expect(limit()).toBe('sekisho_conntrack_entries_limit 262144');

    // What cannot be changed is named; what is wrong changes nothing.
    config('rules: r.v6\nmode: router');
    expect(site.sekisho('reload').stdout).toBe('reloaded; changed, but not without a restart: mode\n');
    config('rules: r.v6\nsysctls: {net.netfilter.nf_conntrack_max: many}');
    const refused = site.sekisho('reload');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/fw\.yaml:6:43: sysctl net\.netfilter\.nf_conntrack_max=many/);
    expect(await site.pings(2)).toBe(2);
  });

  test('systemd hears READY, RELOADING, STOPPING, a status, and that the daemon lives', async () => {
    const manager = new Datagrams(site.file('notify'));
    listening.push(manager);
    site.extraEnv = { NOTIFY_SOCKET: site.file('notify'), WATCHDOG_USEC: '200000' };
    const daemon = await running('');
    expect(await manager.has('READY=1')).toMatch(/^READY=1\nSTATUS=bridge between \S+ and \S+$/);
    await manager.has('WATCHDOG=1');
    const before = manager.received.length;
    daemon.signal('SIGHUP');
    expect(await manager.has('RELOADING=1', before)).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    await manager.has('READY=1', before);
    await manager.has('WATCHDOG=1', manager.received.length);
    daemon.signal('SIGTERM');
    await manager.has('STOPPING=1');
    expect(await daemon.end()).toBe(0);
  });

  test('a log file may be moved away; lines are those of the kernel', async () => {
    writeFileSync(site.file('r.v6'), LOGGED);
    await running('rules: r.v6\nlog: {to: packets.log}');
    await site.pings(2);
    const logged = (name: string): string => readFileSync(site.file(name), 'utf8');
    const pingsIn = (name: string): number => logged(name).match(/ping: /g)?.length ?? 0;
    // A line is written behind the packet that it is about.
    await expect.poll(() => pingsIn('packets.log'), { timeout: 30_000 }).toBe(2);
    expect(logged('packets.log')).toMatch(
      /^\d{4}-\d\d-\d\dT\S+Z ping: IN=\S+ OUT=\S+ MAC= SRC=fd77:[0-9a-f:]+1 DST=fd77:[0-9a-f:]+2 LEN=104 .* PROTO=ICMPv6 TYPE=128 /m,
    );
    renameSync(site.file('packets.log'), site.file('packets.log.1'));
    expect(site.sekisho('reload').status).toBe(0);
    await site.pings(1);
    await expect.poll(() => pingsIn('packets.log'), { timeout: 30_000 }).toBe(1);
    expect(pingsIn('packets.log.1')).toBe(2);
  });

  test('the system’s log gets datagrams, and one that nobody reads is not waited for', async () => {
    const path = site.file('log');
    const system = new Datagrams(path);
    const log = new Syslog('local0', path);
    expect(log.write(4, 'IN=a OUT=b')).toBe(true);
    expect(await system.has('IN=a')).toMatch(/^<132>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d sekisho\[\d+\]: IN=a OUT=b$/);
    system.close();
    expect(log.write(4, 'IN=a OUT=b')).toBe(false);
    log.close();
  });

  test('a reader of stderr that stands still holds up nothing, and what is lost is told', async () => {
    writeFileSync(site.file('r.v6'), LOGGED);
    const path = config('rules: r.v6');
    // Its stderr is a pipe that nobody reads for now.
    const daemon = spawn(process.execPath, [PROGRAM, 'run', '--config', path], {
      env: site.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(daemon);
    while (site.sekisho('status').status !== 0) await new Promise((resolve) => setTimeout(resolve, 50));
    // Some 250 octets a line: beyond what the pipe and our own queue hold.
    const flood = site.lab.run('client', ['ping', '-6', '-f', '-c', '12000', '-q', ADDRESS.server.v6]);
    // Those that come late, ping(8) does not wait for.
    expect(Number(/(\d+) received/.exec(flood.stdout)?.[1])).toBeGreaterThan(11_900);
    expect(site.sekisho('ip6tables -S FORWARD').stdout).toContain('ping: ');
    expect(Number(/^sekisho_log_lines_lost_total (\d+)/m.exec(site.sekisho('metrics').stdout)?.[1])).toBeGreaterThan(
      1_000,
    );
    let said = '';
    daemon.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    while (!/sekisho: \d+ log lines are lost/.test(said)) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(said.match(/^<4>ping: .*$/gm)?.length).toBeGreaterThan(1_000);
  });

  test('namespaces are made by option, with routes for those who live there', async () => {
    const name = `sekisho-new-${process.pid}`;
    const device = site.deviceName('client');
    writeFileSync(
      site.file('fw.yaml'),
      `state: state\nnamespace: new:${name}-fw\ndevices:\n  ${device}: {netns: new:${name}, host: 10.9.0.2/24, host-routes: [0.0.0.0/0 via 10.9.0.1]}\n  ${site.deviceName('server')}: {netns: pid:${process.pid}}\n`,
    );
    try {
      const daemon = run(site.file('fw.yaml'));
      await daemon.serves();
      const route = spawnSync('ip', ['-n', name, 'route'], { encoding: 'utf8' }).stdout;
      expect(route).toMatch(new RegExp(`^default via 10.9.0.1 dev ${device} `, 'm'));
      expect(spawnSync('ip', ['link', 'show', site.deviceName('server')]).status).toBe(0);
      expect(await daemon.end('SIGTERM')).toBe(0);
      expect(spawnSync('ip', ['-n', name, 'link', 'show', device]).status).not.toBe(0);
    } finally {
      for (const each of [name, `${name}-fw`]) spawnSync('ip', ['netns', 'delete', each]);
    }
  });

  test('metrics over HTTP are what Prometheus reads', async () => {
    writeFileSync(site.file('r.v6'), '*filter\n-A FORWARD -m comment --comment "all" -j ACCEPT\nCOMMIT\n');
    const port = await freePort();
    await running(`rules: r.v6\nmetrics: 127.0.0.1:${port}`);
    expect(await site.pings(3)).toBe(3);
    const text = await new Promise<string>((resolve, reject) => {
      get(`http://127.0.0.1:${port}/metrics`, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve(body));
      }).on('error', reject);
    });
    const families = readExposition(text);
    expect(families.get('sekisho_rule_packets_total')?.samples).toMatchObject([
      { labels: { family: 'ipv6', table: 'filter', chain: 'FORWARD', comment: 'all' }, value: expect.any(Number) },
    ]);
    expect(families.get('sekisho_rule_packets_total')?.samples[0].value).toBeGreaterThanOrEqual(6);
    expect(readExposition(site.sekisho('metrics').stdout).keys()).toEqual(families.keys());
    const listed = JSON.parse(site.sekisho('metrics --json').stdout) as { name: string; samples: unknown[] }[];
    expect(listed.map(({ name }) => name)).toEqual([...families.keys()]);
    expect(listed[0].samples).toEqual([{ labels: { version: expect.any(String), node: process.version }, value: 1 }]);
    expect(JSON.parse(site.sekisho('recent --json').stdout)).toEqual([]);
    expect(JSON.parse(site.sekisho('hashlimit --json').stdout)).toEqual([]);
    const [table] = JSON.parse(site.sekisho('ip6tables --json -L FORWARD').stdout).tables;
    expect(table).toMatchObject({ name: 'filter', chains: [{ name: 'FORWARD' }] });
  });

  test('monitor shows packets of LOG rules and traces as they come', async () => {
    writeFileSync(
      site.file('r.v6'),
      `*raw\n-A PREROUTING -p icmpv6 --icmpv6-type echo-request -j TRACE\nCOMMIT\n${LOGGED}`,
    );
    await running('rules: r.v6');
    const monitor = spawn(process.execPath, [PROGRAM, 'monitor', 'log', 'trace', '-6', '--json'], { env: site.env });
    children.push(monitor);
    let said = '';
    monitor.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    while (!said.includes('policy:')) await site.pings(1);
    const events = said
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { kind: string; text: string });
    expect(events.some(({ kind, text }) => kind === 'log' && text.startsWith('ping: '))).toBe(true);
    expect(events.some(({ kind, text }) => kind === 'trace' && text.startsWith('TRACE: filter:FORWARD:rule:1 '))).toBe(
      true,
    );
    monitor.kill('SIGINT');
  });

  test('top in a terminal of 80 columns: keys, resizing, and everything as it was at the end', async () => {
    writeFileSync(site.file('r.v6'), '*filter\n-A FORWARD -p icmpv6 -j ACCEPT\nCOMMIT\n');
    await running('rules: r.v6');
    await site.pings(3);
    const narrow = `(until [ -e ${site.file('narrow')} ]; do sleep 0.1; done; stty cols 60 rows 20 </dev/tty) &`;
    const command = `stty cols 80 rows 24; ${narrow} ${process.execPath} ${PROGRAM} top --interval 0.5`;
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { env: { ...site.env, NO_COLOR: '' } });
    children.push(terminal);
    let screen = '';
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
    });
    const shows = async (text: string): Promise<void> => {
      while (!screen.includes(text)) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await shows('v6 filter FORWARD 1 -p ipv6-icmp -j ACCEPT');
    terminal.stdin.write('c');
    await shows('[connections]');
    terminal.stdin.write('/10.77\r');
    await shows('filter: 10.77  ');
    terminal.stdin.write('\x1bdh');
    await shows('sort by rate or by total');
    for (const line of screen.split('\x1b[K')) {
      expect(line.replace(/\x1b\[[?\d;]*[A-Za-z]|[\r\n]/g, '').length).toBeLessThanOrEqual(80);
    }
    expect(screen).toMatch(/\x1b\[7m.{80}\x1b\[27m/);
    writeFileSync(site.file('narrow'), '');
    while (!/\x1b\[7m.{60}\x1b\[27m/.test(screen)) await new Promise((resolve) => setTimeout(resolve, 10));
    const ended = new Promise((resolve) => terminal.on('close', resolve));
    terminal.stdin.write('q');
    expect(await ended).toBe(0);
    expect(screen).toMatch(/\x1b\[\?1049h[\s\S]*\x1b\[\?25h\x1b\[\?1049l/);
  });

  test('another user who gets at the socket is turned away by his credentials', async () => {
    await running('');
    for (const path of ['', 'state', 'state/control.sock']) chmodSync(site.file(path), 0o777);
    const script = `import os, socket
os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
s.connect('${site.socket}')
s.sendall(b'{"op":"stop"}\\n')
print(s.makefile().read())`;
    expect(spawnSync('python3', ['-c', script], { encoding: 'utf8' }).stdout).toBe(
      '{"ok":false,"error":"only root and the user of the daemon may ask"}\n\n',
    );
    expect(site.sekisho('status').status).toBe(0);
  });

  test('top without a terminal prints once', async () => {
    await running('');
    const { status, stdout } = site.sekisho('top --interval 0.5');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^sekisho bridge, up 00:00:\d\d, \S+ of \S+ connections\n/);
    expect(JSON.parse(site.sekisho('top --json --interval 0.5').stdout)).toMatchObject({
      state: 'running',
      rulesTotal: 0,
    });
  });
});
