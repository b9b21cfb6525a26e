// SIP by sipp through the daemon: calls whose sound passes only because it was agreed upon, and calls to a phone that registered.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROGRAM } from '../bin/program.ts';
import { probe, ready } from '../kernel/support.ts';
import type { Host } from './lab.ts';
import { Site } from './running.ts';
import {
  CLIENT,
  CLIENT_TOO,
  ends,
  type Family,
  natRules,
  OUTSIDE,
  ROUTED,
  SERVER,
  type Translation,
} from './translations.ts';

const may = ready('SIP through the daemon', probe('ip', 'sipp', 'python3', 'ss', 'sysctl'));

const file = (name: string): string => fileURLToPath(new URL(`sip/${name}`, import.meta.url));

const rules = (family: Family, translation: Translation, outside: string, helper = true): string => `*raw
${['udp', 'tcp'].map((one) => (helper ? `-A PREROUTING -p ${one} --dport 5060:5069 -j CT --helper sip` : '')).join('\n')}
COMMIT
*nat
${natRules(family, translation, outside)}
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED -m helper --helper sip -j ACCEPT
-A FORWARD -p ${family === 4 ? 'icmp' : 'icmpv6'} -j ACCEPT
-A FORWARD -o ${outside} -p udp --dport 5060:5069 -j ACCEPT
-A FORWARD -o ${outside} -p tcp --dport 5060:5069 -j ACCEPT
COMMIT
`;

const hostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** One end of a call. */
interface End {
  host: Host;
  address: string;
  /** Where it wants its sound; the control is one above. No two ends have the same. */
  audio: number;
}

const TRANSPORTS = ['udp', 'tcp'] as const;
type Transport = (typeof TRANSPORTS)[number];
interface Kind {
  transport: Transport;
  first: 'caller' | 'called';
  /** How long its ends wait for sound. */
  seconds?: number;
}
/** The calls that are made at once. Who is first speaks before anything was heard: that sound alone has to find the way. */
const CALLS: readonly Kind[] = TRANSPORTS.flatMap((transport) =>
  (['caller', 'called'] as const).map((first) => ({ transport, first })),
);

describe.skipIf(!may)('SIP', () => {
  let site: Site;
  beforeAll(async () => {
    site = new Site();
    await site
      .spawn(
        ...[PROGRAM, 'run', ...ROUTED.mode],
        ...['--inside', site.device('client') + ROUTED.client],
        ...['--outside', site.device('server') + ROUTED.server],
      )
      .serves();
  });
  afterAll(() => site.close());

  const load = (family: Family, translation: Translation, helper = true): void => {
    const tool = family === 4 ? 'iptables-restore' : 'ip6tables-restore';
    const text = rules(family, translation, site.deviceName('server'), helper);
    expect(site.sekisho(tool, text)).toMatchObject({ status: 0, stderr: '' });
    expect(site.sekisho('conntrack -F').status).toBe(0);
  };

  let audio = 20_000;
  const end = (host: Host, family: Family): End => {
    audio += 10;
    return { host, address: (host === 'client' ? CLIENT : SERVER)[family], audio };
  };
  const heardBy = (scenario: string, { address, audio }: End): string => site.file(`${scenario}-${address}-${audio}`);

  /** Plays a scenario to its end; what went wrong, in words. */
  async function sipp(scenario: string, at: End, transport: Transport, ...words: string[]): Promise<string> {
    const { status, stderr } = await site.lab.finish(at.host, [
      ...['sipp', '-sf', file(`${scenario}.xml`), '-t', transport === 'tcp' ? 't1' : 'u1', '-bind_local'],
      ...['-i', at.address, '-mi', at.address, '-key', 'audio', `${at.audio}`, '-key', 'heard', heardBy(scenario, at)],
      ...['-m', '1', '-d', '2000', '-nostdin', '-timeout', '25', '-timeout_error'],
      ...words,
    ]);
    return status === 0 ? `${scenario}: done` : `${scenario}: ended with ${status}: ${stderr}`;
  }

  async function media(scenario: string, at: End, first: boolean, seconds = 20): Promise<string> {
    const turn = first ? 'first' : 'second';
    const words = [file('media.py'), at.address, `${at.audio}`, heardBy(scenario, at), turn, `${seconds}`];
    const { stdout, stderr } = await site.lab.finish(at.host, ['python3', ...words]);
    return `${scenario}: ${stdout}${stderr}`.trim();
  }

  async function listening({ host, address }: End, transport: Transport, port: number): Promise<void> {
    for (let tries = 0; tries < 2_000; tries++) {
      if (site.lab.run(host, ['ss', '-Hln', `--${transport}`, `src = ${hostPort(address, port)}`]).stdout !== '')
        return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`nothing listens at ${transport} port ${port} of the ${host}`);
  }

  /** `caller` calls `to`, where `called` answers at `port`. What its ends say of it. */
  async function call(caller: End, called: End, to: string, port: number, { transport, first, seconds = 20 }: Kind) {
    const sounds = [
      media('caller', caller, first === 'caller', seconds),
      media('called', called, first === 'called', seconds),
    ];
    for (const one of [caller, called]) await listening(one, 'udp', one.audio + 1);
    const answered = sipp('called', called, transport, '-p', `${port}`);
    await listening(called, transport, port);
    return [await sipp('caller', caller, transport, to), await answered, ...(await Promise.all(sounds))];
  }

  /** What the ends of a call say when all went well: sound came from where it was announced, and that was as the other one is seen. */
  const heard = (scenario: string, address: string, port: number): string =>
    `${scenario}: ${address} ${port} ${address} ${port + 1} announced ${address} ${port}`;
  const well = (caller: End, seenCaller: string, called: End, seenCalled: string): string[] => [
    'caller: done',
    'called: done',
    heard('caller', seenCalled, called.audio),
    heard('called', seenCaller, caller.audio),
  ];

  describe.each([4, 6] as const)('over IPv%i', (family) => {
    test.each(['none', 'source', 'masquerade', 'destination'] as const)('calls, translation of: %s', async (how) => {
      load(family, how);
      const seen = ends(family, how);
      const said = CALLS.map(async (kind, index) => {
        const [caller, called] = [end('client', family), end('server', family)];
        const port = 5_060 + index;
        const talk = await call(caller, called, hostPort(seen.called, port), port, kind);
        expect([kind, talk]).toEqual([kind, well(caller, seen.caller, called, seen.called)]);
      });
      await Promise.all(said);
    });

    test.each(['none', 'source', 'masquerade'] as const)(
      'a phone that registered is called, translation of: %s',
      async (how) => {
        load(family, how);
        const said = TRANSPORTS.map(async (transport, index) => {
          const [phone, registrar, caller] = [end('client', family), end('server', family), end('server', family)];
          const [port, contact] = [5_060 + index, 5_070 + index];
          const registered = sipp('registrar', registrar, transport, '-p', `${port}`);
          await listening(registrar, transport, port);
          const at = hostPort(registrar.address, port);
          expect(await sipp('phone', phone, transport, '-key', 'contact', `${contact}`, at)).toBe('phone: done');
          expect(await registered).toBe('registrar: done');
          const place = readFileSync(heardBy('registrar', registrar), 'utf8').trim();
          expect(place).toBe(hostPort(ends(family, how).caller, contact));
          const talk = await call(caller, phone, place, contact, { transport, first: 'caller' });
          expect(talk).toEqual(well(caller, SERVER[family], phone, ends(family, how).caller));
        });
        await Promise.all(said);
      },
    );
  });

  // The kernel, too, refuses to expect the same for another connection (EALREADY, for which nf_nat_sdp_media() looks for no other port): the second
  // INVITE is dropped, and comes again, until the first call has ended.
  test('two phones behind one address want their sound at the same port: one after the other', async () => {
    load(4, 'source');
    const phones = [CLIENT[4], CLIENT_TOO].map((address) => ({ ...end('client', 4), address, audio: 6_000 }));
    const seen = phones.map(async (caller, index) => {
      const called = end('server', 4);
      const kind = { transport: 'udp', first: 'caller' } as const;
      const [, , callerSays, calledSays] = await call(caller, called, `${SERVER[4]}:506${index}`, 5_060 + index, kind);
      expect(callerSays).toBe(heard('caller', SERVER[4], called.audio));
      return calledSays;
    });
    const both = phones.map(({ audio }) => heard('called', OUTSIDE[4], audio));
    expect(await Promise.all(seen)).toEqual(both);
  });

  test('without the helper a call is made, and nothing is heard', async () => {
    load(4, 'none', false);
    const [caller, called] = [end('client', 4), end('server', 4)];
    const kind = { transport: 'udp', first: 'caller', seconds: 4 } as const;
    expect(await call(caller, called, `${SERVER[4]}:5060`, 5_060, kind)).toEqual([
      'caller: done',
      'called: done',
      'caller: heard nothing',
      'called: heard nothing',
    ]);
  });
});
