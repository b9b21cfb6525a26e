// The conntrack tool beside a daemon that tracks: lists, changes, deletes and watches real connections.

import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROGRAM } from '../bin/program.ts';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { Site } from './running.ts';

const may = ready('the conntrack tool beside a daemon', probe('ip', 'python3', 'sysctl'));

const VERSION = 'conntrack v1.4.7 (conntrack-tools)';

describe.skipIf(!may)('conntrack', () => {
  let site: Site;
  beforeEach(async () => {
    site = new Site();
    await site.start();
    for (const program of ['iptables', 'ip6tables']) site.sekisho(`${program} -A FORWARD -m conntrack --ctstate NEW`);
  });
  afterEach(() => site.close());

  const conntrack = (words: string) => site.sekisho(`conntrack ${words}`);
  const watching = (words: string): Watching => new Watching(site, words);

  test('a ping is listed, marked, found, counted and deleted', async () => {
    expect(await site.pings(2, ADDRESS.server.v4)).toBe(2);
    const listed = conntrack('-L -p icmp');
    expect(listed.stderr).toBe(`${VERSION}: 1 flow entries have been shown.\n`);
    expect(listed.stdout).toMatch(
      /^icmp {5}1 \d+ src=10\.77\.0\.1 dst=10\.77\.0\.2 type=8 code=0 id=\d+ src=10\.77\.0\.2 dst=10\.77\.0\.1 type=0 code=0 id=\d+ mark=0 use=1\n$/,
    );
    expect(conntrack('-U -s 10.77.0.1 -m 7').stdout).toContain('mark=7');
    expect(conntrack('-L -m 7 --json').stdout).toMatch(/^\{"id":\d+,"family":"ipv4","protocol":"icmp","protonum":1,/);
    expect(Number(conntrack('-C').stdout)).toBeGreaterThanOrEqual(1);
    expect(conntrack('-L -m 7 -o proc').stdout).toMatch(/^ipv4 {5}2 icmp {5}1 \d+ src=.* mark=7 zone=0 use=2\n$/);
    expect(conntrack('-D -p icmp')).toMatchObject({ status: 0 });
    expect(conntrack('-D -p icmp')).toMatchObject({
      status: 1,
      stderr: `${VERSION}: 0 flow entries have been deleted.\n`,
    });
  });

  test('what -o save says makes the same connections again', () => {
    for (const dport of [1, 2, 3]) {
      conntrack(`-I -p tcp -s 10.1.0.1 -d 10.1.0.2 --sport 9 --dport ${dport} -t 600 --state ESTABLISHED -u ASSURED`);
    }
    conntrack('-I -p udp -s fd00::1 -d fd00::2 --sport 9 --dport 53 -t 600 -w 4');
    const saved = conntrack('-L -o save').stdout;
    expect(saved.split('\n')).toHaveLength(5);
    expect(conntrack('-F').stderr).toBe(`${VERSION}: connection tracking table has been emptied.\n`);
    expect(site.sekisho('conntrack -R -', saved)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const numbers = /(?<=-t )\d+/g;
    expect(conntrack('-L -o save').stdout.replace(numbers, 'N')).toBe(saved.replace(numbers, 'N'));
  });

  test('events come as they happen, and end with a count', async () => {
    const watcher = watching('-E -p icmp -o id');
    await watcher.ready(conntrack);
    await site.pings(1, ADDRESS.server.v4);
    await watcher.says('[UPDATE]');
    conntrack('-D -p icmp');
    await watcher.says('[DESTROY]');
    expect(await watcher.end()).toBe(0);
    const [, fresh, update, over] = /( {4}\[NEW\] .*)\n( \[UPDATE\] .*)\n(\[DESTROY\] .*)\n/.exec(watcher.out) ?? [];
    expect(fresh).toMatch(/icmp {5}1 30 src=10\.77\.0\.1 dst=10\.77\.0\.2 type=8 code=0 id=\d+ \[UNREPLIED\] src=/);
    expect(update).not.toContain('UNREPLIED');
    expect(over).toMatch(/ id=\d+ \[USERSPACE\] portid=\d+ progname=conntrack$/);
    expect(watcher.err).toMatch(/^conntrack v1\.4\.7 \(conntrack-tools\): \d+ flow events have been shown\.\n$/);
  });

  test('where the memory goes, and who fills the table', async () => {
    for (const sport of [1, 2, 3]) conntrack(`-I -p udp -s 10.9.0.1 -d 10.1.0.2 --sport ${sport} --dport 53 -t 600`);
    const { stdout } = conntrack('--memory');
    expect(stdout).toMatch(/^\d+ connections \(limit 262144, room for \d+ without growing\)\n/);
    expect(stdout).toMatch(/\n {2}index \(hash and id\) +\d+ +[\d.]+\n/);
    expect(stdout).toContain('        3  ipv4 udp\n');
    expect(stdout).toContain('        3  udp unreplied\n');
    expect(stdout).toContain('        3  10.9.0.1\n');
    expect(JSON.parse(conntrack('--memory --json').stdout)).toMatchObject({ sources: { '10.9.0.1': 3 } });
  });

  test('thousands of connections, in pages', () => {
    const lines = Array.from(
      { length: 3_000 },
      (_, index) => `-I -p udp -s 10.2.0.${index >> 8} -d 10.1.0.2 --sport ${index} --dport 53 -t 600`,
    );
    expect(site.sekisho('conntrack -R -', lines.join('\n'))).toMatchObject({ status: 0, stderr: '' });
    expect(conntrack('-L -p udp').stdout.match(/\n/g)).toHaveLength(3_000);
    expect(conntrack('-D -p udp').stderr).toBe(`${VERSION}: 3000 flow entries have been deleted.\n`);
  });
});

test('without a daemon it says so', () => {
  const site = new Site();
  try {
    const { status, stdout, stderr } = site.sekisho('conntrack -L');
    expect({ status, stdout }).toEqual({ status: 69, stdout: '' });
    expect(stderr).toMatch(/^conntrack: no daemon on .*control\.sock \(is "sekisho run" running/);
    // What needs none works.
    expect(site.sekisho('conntrack -V').stdout).toBe(`${VERSION}\n`);
    expect(site.sekisho('conntrack -L -p nothing')).toMatchObject({ status: 2 });
  } finally {
    void site.close();
  }
});

/** `conntrack -E` in the background. */
class Watching {
  out = '';
  err = '';
  private readonly process: ChildProcess;

  constructor({ env }: Site, words: string) {
    this.process = spawn(process.execPath, [PROGRAM, 'conntrack', ...words.split(' ')], { env });
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
  }

  /** It listens when a connection made by hand is told. */
  async ready(conntrack: (words: string) => unknown): Promise<void> {
    let last = '';
    for (let number = 1; !this.out.includes('id='); number++) {
      last = `10.255.1.${number % 256}`;
      conntrack(`-I -p icmp -s 10.255.0.1 -d ${last} --icmp-type 8 --icmp-code 0 -t 600`);
      conntrack(`-D -d ${last}`);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    // What comes before has come, then.
    while (!new RegExp(`\\[DESTROY\\] .*dst=${last} .*\n`).test(this.out))
      await new Promise((resolve) => setTimeout(resolve, 10));
    this.out = '';
  }

  async says(...texts: string[]): Promise<void> {
    while (!texts.every((text) => this.out.includes(text))) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  end(): Promise<number | null> {
    this.process.kill('SIGINT');
    return new Promise((resolve) => this.process.once('close', resolve));
  }
}
