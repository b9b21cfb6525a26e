// PPTP by pptpd and pptp through the daemon: frames pass in GRE only because the control connection agreed upon them.

import type { ChildProcess } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PROGRAM } from '../bin/program.ts';
import { probe, ready } from '../kernel/support.ts';
import { type Running, Site } from './running.ts';
import { CLIENT, CLIENT_TOO, ends, natRules, ROUTED, SERVER, type Translation } from './translations.ts';

const may = ready('PPTP through the daemon', probe('ip', 'pptp', 'pptpd', 'python3', 'ss', 'mount'));

const PPP = fileURLToPath(new URL('ppp.py', import.meta.url));
const CALLERS = [CLIENT[4], CLIENT_TOO];
const FRAMES = 300;
/** The id of every call, for pptp takes it from /dev/random. */
const CALL_ID = 0x4241;

const rules = (translation: Translation, outside: string, helper: boolean): string => `*raw
${helper ? '-A PREROUTING -p tcp --dport 1723 -j CT --helper pptp' : ''}
COMMIT
*nat
${natRules(4, translation, outside)}
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -p gre -m conntrack --ctstate RELATED -m helper --helper pptp -j ACCEPT
-A FORWARD -o ${outside} -p tcp --dport 1723 -j ACCEPT
COMMIT
`;

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

describe.skipIf(!may)('PPTP', () => {
  let site: Site;
  let daemon: Running;
  let server: ChildProcess | undefined;
  const run = async (): Promise<void> => {
    daemon = site.spawn(
      ...[PROGRAM, 'run', ...ROUTED.mode],
      ...['--inside', site.device('client') + ROUTED.client],
      ...['--outside', site.device('server') + ROUTED.server],
    );
    await daemon.serves();
  };
  beforeAll(async () => {
    site = new Site();
    await run();
    const pppd = site.file('pppd');
    writeFileSync(pppd, `#!/bin/sh\nexec python3 ${PPP} answer\n`);
    chmodSync(pppd, 0o755);
    const settings = site.file('pptpd.conf');
    writeFileSync(settings, `ppp ${pppd}\ndelegate\nlisten ${SERVER[4]}\npidfile ${site.file('pptpd.pid')}\n`);
    server = site.lab.start('server', ['pptpd', '--fg', '--conf', settings]);
    await site.lab.listening('server', 1_723);
    writeFileSync(site.file('random'), 'AB' /* CALL_ID */);
  });
  afterAll(() => {
    // A process of its own for each call: without the network it would wait for minutes.
    if (server?.pid) for (const child of childrenOf(server.pid)) process.kill(child, 'SIGKILL');
    return site.close();
  });

  const load = (translation: Translation, helper = true): void => {
    const text = rules(translation, site.deviceName('server'), helper);
    expect(site.sekisho('iptables-restore', text)).toMatchObject({ status: 0, stderr: '' });
    expect(site.sekisho('conntrack -F').status).toBe(0);
  };

  let callers: ChildProcess | undefined;
  let said = '';
  afterEach(() => {
    callers?.kill();
    said = '';
  });

  /** All callers at once. */
  function call(to: string, frames: number, seconds = 20): void {
    const line = `mount --bind ${site.file('random')} /dev/random && exec python3 ${PPP} call ${to} ${frames} ${seconds}`;
    callers = site.lab.start('client', ['sh', '-c', [line, ...CALLERS].join(' ')]);
    const listen = (text: Buffer): void => {
      said += text;
    };
    callers.stdout?.on('data', listen);
    callers.stderr?.on('data', listen);
  }

  /** What they heard of their frames, each once. Their lines are still up then. */
  async function heard(): Promise<string[]> {
    while (said.split('\n').length <= CALLERS.length && callers?.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const lines = said.trim().split('\n').toSorted();
    said = '';
    return lines;
  }
  const all = CALLERS.map((caller) => `${caller}: ${FRAMES} heard`);

  /** Of each call: the keys that its client sends and hears. */
  const keys = (): [sent: number, heard: number][] =>
    site
      .sekisho('conntrack -L -p gre')
      .stdout.trim()
      .split('\n')
      .map((line) => {
        const [sent, , , back] = [...line.matchAll(/key=(\S+)/g)].map(([, key]) => Number(key));
        return [sent, back];
      });

  test.each(['none', 'source', 'masquerade', 'destination'] as const)('two calls, translation of: %s', async (how) => {
    load(how);
    call(ends(4, how).called, FRAMES);
    expect(await heard()).toEqual(all);
    const [first, second] = keys();
    expect([first[0], second[0]]).toEqual([CALL_ID, CALL_ID]);
    // The kernel gives another id to every call of a translated connection, be it the server's address only.
    if (how === 'none') expect([first[1], second[1]]).toEqual([CALL_ID, CALL_ID]);
    else expect(new Set([CALL_ID, first[1], second[1]]).size).toBe(3);
  });

  test('calls go on over a restart of the daemon', async () => {
    load('source');
    call(SERVER[4], FRAMES);
    expect(await heard()).toEqual(all);
    const before = keys();
    expect(await daemon.end('SIGTERM')).toBe(0);
    await run();
    callers?.kill('SIGUSR1');
    expect(await heard()).toEqual(all);
    expect(keys().toSorted()).toEqual(before.toSorted());
  });

  test('without the helper no frame passes', async () => {
    load('none', false);
    call(SERVER[4], 1, 3);
    expect(await heard()).toEqual(CALLERS.map((caller) => `${caller}: frame 0 not heard`));
  });
});
