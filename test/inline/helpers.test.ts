// FTP and TFTP by real programs through the daemon: a wall that lets nothing pass but control connections and what the helpers expect.

import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probe, ready } from '../kernel/support.ts';
import { ADDRESS } from './lab.ts';
import { type Running, Site } from './running.ts';
import { ends, type Family, natRules, SERVER, type Translation } from './translations.ts';

const may = ready(
  'FTP and TFTP through the daemon',
  probe('ip', 'ss', 'curl', 'vsftpd', 'in.tftpd', 'python3', 'sysctl'),
);

const TRANSLATIONS: readonly Translation[] = ['none', 'source', 'destination'];

function rules(family: Family, translation: Translation, outside: string, helpers: boolean): string {
  const raw = helpers
    ? '-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\n-A PREROUTING -p udp --dport 69 -j CT --helper tftp'
    : '';
  return `*raw
${raw}
COMMIT
*nat
${natRules(family, translation, outside)}
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED -m helper --helper ftp -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED -m helper --helper tftp -j ACCEPT
-A FORWARD -p ${family === 4 ? 'icmp' : 'icmpv6'} -j ACCEPT
-A FORWARD -p tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
-A FORWARD -p udp --dport 69 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;
}

const CALLER = `
import socket
s = socket.create_server(('', 7000))
c, peer = s.accept()
c.sendall(b'hello\\n')
port = int(c.recv(100).split()[1])
socket.create_connection((peer[0], port)).sendall(b'called back')
`;
const CALLED = `
import socket
l = socket.create_server(('', 5000))
c = socket.create_connection(('${SERVER[4]}', 7000))
c.recv(100)
c.sendall(b'CALLBACK 5000\\n')
l.settimeout(30)
print(l.accept()[0].recv(100).decode())
`;

/** Two transfers by one control connection, whose sequence numbers PORT has shifted before the first; the second one after a signal. */
const TWICE = `
import ftplib, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
ftp = ftplib.FTP('${SERVER[4]}', timeout=20)
ftp.login()
ftp.set_pasv(False)
for turn in range(2):
    octets = []
    ftp.retrbinary('RETR file', octets.append)
    print(sum(map(len, octets)), flush=True)
    if turn == 0:
        signal.sigwait([signal.SIGUSR1])
`;

const FILE = 'a line of text\n'.repeat(20_000);

describe.skipIf(!may)('real programs', () => {
  let site: Site;
  let daemon: Running;

  beforeAll(async () => {
    site = new Site();
    daemon = await site.start();
    const directory = site.file('served');
    mkdirSync(directory);
    writeFileSync(`${directory}/file`, FILE);
    mkdirSync(site.file('empty'));
    for (const [family, name] of [
      ['', 'v4'],
      ['_ipv6', 'v6'],
    ]) {
      const settings = {
        [`listen${family}`]: 'YES',
        [family === '' ? 'listen_address' : 'listen_address6']: family === '' ? ADDRESS.server.v4 : ADDRESS.server.v6,
        background: 'NO',
        anonymous_enable: 'YES',
        no_anon_password: 'YES',
        anon_root: directory,
        connect_from_port_20: 'YES',
        // A second address of the client is nothing to it.
        pasv_promiscuous: 'NO',
        port_promiscuous: 'NO',
        secure_chroot_dir: site.file('empty'),
        seccomp_sandbox: 'NO',
        xferlog_enable: 'NO',
      };
      const file = site.file(`vsftpd.${name}`);
      writeFileSync(
        file,
        Object.entries(settings)
          .map(([key, value]) => `${key}=${value}\n`)
          .join(''),
      );
      site.lab.start('server', ['vsftpd', file]);
    }
    site.lab.start('server', ['in.tftpd', '--foreground', '--secure', '--address', ':69', directory]);
    await site.lab.listening('server', 21, { sockets: 2 });
    await site.lab.listening('server', 69, { udp: true });
  });
  afterAll(() => site.close());

  const load = (family: Family, translation: Translation, helpers = true): void => {
    const tool = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
    expect(site.sekisho(tool, rules(family, translation, site.deviceName('server'), helpers))).toMatchObject({
      status: 0,
      stderr: '',
    });
  };

  const fetch = async (scheme: string, family: Family, translation: Translation, ...words: string[]) => {
    const { called } = ends(family, translation);
    const host = family === 4 ? called : `[${called}]`;
    const { status, stdout, stderr } = await site.lab.finish('client', [
      'curl',
      '-sS',
      '-g',
      '--max-time',
      '20',
      ...words,
      `${scheme}://${host}/file`,
    ]);
    return status === 0 ? stdout : `curl ended with ${status}: ${stderr}`;
  };

  for (const family of [4, 6] as const) {
    describe.each(TRANSLATIONS)(`over IPv${family}, translation of: %s`, (translation) => {
      beforeAll(() => load(family, translation));

      test.each([
        ['passive, extended', []],
        ['active, extended', ['--ftp-port', '-']],
        ...(family === 4
          ? ([
              ['passive', ['--disable-epsv', '--no-ftp-skip-pasv-ip']],
              ['active', ['--ftp-port', '-', '--disable-eprt']],
            ] as const)
          : []),
      ] as [string, string[]][])('FTP, %s', async (_name, words) => {
        expect(await fetch('ftp', family, translation, ...words)).toBe(FILE);
      });

      test('TFTP', async () => {
        expect(await fetch('tftp', family, translation)).toBe(FILE);
      });
    });

    test(`over IPv${family}, nothing comes without the helpers`, async () => {
      load(family, 'none', false);
      expect(await fetch('ftp', family, 'none', '--max-time', '1.5')).toMatch(/^curl ended with \d+/);
      expect(await fetch('tftp', family, 'none', '--max-time', '1.5')).toMatch(/^curl ended with \d+/);
    });
  }

  test('a control connection goes on over a restart of the daemon', async () => {
    load(4, 'source');
    const client = site.lab.start('client', ['python3', '-c', TWICE]);
    let said = '';
    for (const pipe of [client.stdout, client.stderr]) {
      pipe?.on('data', (text: Buffer) => {
        said += text;
      });
    }
    while (said === '') await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await daemon.end('SIGTERM')).toBe(0);
    daemon = await site.start();
    client.kill('SIGUSR1');
    await once(client, 'close');
    expect(said).toBe(`${FILE.length}\n${FILE.length}\n`);
  });

  // examples/own-helper, with programs that speak its protocol.
  test("a helper of one's own is attached, used and detached while packets flow", async () => {
    load(4, 'source', false);
    const own = fileURLToPath(new URL('../../examples/own-helper/callback.mjs', import.meta.url));
    const rule = 'iptables -t raw -A PREROUTING -p tcp --dport 7000 -j CT --helper callback';
    site.sekisho('iptables -A FORWARD -p tcp --dport 7000 -j ACCEPT');
    site.sekisho('iptables -A FORWARD -m helper --helper callback -m conntrack --ctstate RELATED -j ACCEPT');
    expect(site.sekisho(rule).status).toBe(1);
    expect(site.sekisho(`attach ${own}`)).toMatchObject({ status: 0, stdout: 'attached: callback\n' });
    expect(site.sekisho(rule)).toMatchObject({ status: 0, stderr: '' });
    site.lab.start('server', ['python3', '-c', CALLER]);
    await site.lab.listening('server', 7_000);
    const { stdout, stderr } = await site.lab.finish('client', ['python3', '-c', CALLED]);
    expect([stdout, stderr]).toEqual(['called back\n', '']);
    expect(site.sekisho('detach callback').stderr).toContain('helper "callback" is in use: IPv4 raw PREROUTING rule 1');
    site.sekisho('iptables -t raw -F');
    expect(site.sekisho('detach callback')).toMatchObject({ status: 0, stdout: 'detached: callback\n' });
    expect(site.sekisho(rule).status).toBe(1);
  });
});
