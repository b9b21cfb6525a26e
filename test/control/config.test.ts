// The configuration file of a daemon: what it says, and where it is wrong.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { checkEverything } from '../../control/config/check.ts';
import { CONFIG_SCHEMA, parseConfig } from '../../control/config/config.ts';
import { loadConfig, tryConfig } from '../../control/config/load.ts';
import { ConfigError } from '../../control/config/reader.ts';
import { statePaths } from '../../control/paths.ts';
import { changedSysctls, droppedSysctls, needsRestart } from '../../control/settings.ts';

const settings = (source: string) => parseConfig(source, '/etc/sekisho.yaml').settings;

const DEVICES = 'devices: {in0: {}, out0: {}}\n';

describe('a configuration', () => {
  test('of two devices is enough: a bridge with the rules of the state directory', () => {
    expect(settings(`state: /s\n${DEVICES}`)).toMatchObject({
      mode: 'bridge',
      devices: [
        { name: 'in0', netns: undefined, hosts: [], hostRoutes: [], addresses: [], routes: [], mtu: undefined },
        { name: 'out0' },
      ],
      queues: 1,
      io: undefined,
      busyPollUs: 0,
      rules: [],
      sysctls: {},
      extensions: [],
      host: {},
      log: { to: 'stderr', level: 7, facility: 'kern' },
      metrics: undefined,
      saveEveryMs: 60_000,
    });
  });

  test('says everything about a daemon; paths are relative to the file', () => {
    const { paths, ...rest } = settings(`
mode: router
queues: 4
io: calls
busy-poll: 50
state: state
socket: run/control.sock
namespace: new:fw
devices:
  inside:
    name: in0
    netns: pid:1234
    host: 10.0.1.2/24
    host-routes: [0.0.0.0/0 via 10.0.1.1]
    addresses: [10.0.1.1/24, fd00:a::1/64]
    routes: [10.1.0.0/16, '2001:db8::/32 via fd00:a::9']
    mtu: 1400
  out0:
    addresses: 10.0.2.1/24
    routes: 0.0.0.0/0
rules: [rules.v6, /all.save]
sets: sets.save
sysctls:
  net.netfilter.nf_conntrack_max: 1000
  net.ipv4.conf.all.rp_filter: 1
timeouts:
  tcp-established: 5d
  udp: 45
log: {to: logs/packets.log, level: 4, facility: local0}
metrics: '[::1]:9464'
save-every: 5m
extensions: own/dnsname.mjs
host:
  sockets:
    - {protocol: tcp, local: '*:22', mark: 7, owner: {uid: 0, cgroup: /ssh}}
  ipsec: [{direction: in, source: 10.0.0.0/8, transforms: {proto: esp, mode: tunnel, reqid: 1}}]
  ipvs: {protocol: tcp, address: 10.0.0.80, port: 80, method: GATE}
  accounts: {web: {bytes: 1000}, dns: {}}
  device-groups: {in0: 5}
  realms: {10.0.0.0/8: 3}
`);
    expect([paths.directory, paths.socket]).toEqual(['/etc/state', '/etc/run/control.sock']);
    expect(rest).toEqual({
      mode: 'router',
      namespace: 'new:fw',
      devices: [
        {
          name: 'in0',
          netns: 'pid:1234',
          hosts: ['10.0.1.2/24'],
          hostRoutes: ['0.0.0.0/0 via 10.0.1.1'],
          addresses: ['10.0.1.1/24', 'fd00:a::1/64'],
          routes: ['10.1.0.0/16', '2001:db8::/32 via fd00:a::9'],
          mtu: 1400,
        },
        {
          name: 'out0',
          netns: undefined,
          hosts: [],
          hostRoutes: [],
          addresses: ['10.0.2.1/24'],
          routes: ['0.0.0.0/0'],
          mtu: undefined,
        },
      ],
      queues: 4,
      io: 'calls',
      busyPollUs: 50,
      rules: [
        { family: 6, path: '/etc/rules.v6' },
        { family: 4, path: '/all.save' },
        { family: 6, path: '/all.save' },
      ],
      sets: '/etc/sets.save',
      sysctls: {
        'net.netfilter.nf_conntrack_tcp_timeout_established': 432_000,
        'net.netfilter.nf_conntrack_udp_timeout': 45,
        'net.netfilter.nf_conntrack_max': '1000',
        'net.ipv4.conf.all.rp_filter': '1',
      },
      extensions: ['/etc/own/dnsname.mjs'],
      host: {
        sockets: [{ protocol: 'tcp', local: '*:22', mark: 7, owner: { uid: 0, cgroup: '/ssh' } }],
        ipsec: [{ direction: 'in', source: '10.0.0.0/8', transforms: [{ proto: 'esp', mode: 'tunnel', reqid: 1 }] }],
        ipvs: [{ protocol: 'tcp', address: '10.0.0.80', port: 80, method: 'GATE' }],
        accounts: [
          { name: 'web', quota: { of: 'bytes', limit: 1000 } },
          { name: 'dns', quota: undefined },
        ],
        deviceGroups: { in0: 5 },
        realms: { '10.0.0.0/8': 3 },
      },
      log: { to: { file: '/etc/logs/packets.log' }, level: 4, facility: 'local0' },
      metrics: { address: '::1', port: 9464 },
      saveEveryMs: 300_000,
    });
  });

  // What is wrong stands between the marks; what follows => is the complaint.
  test.each<[string, string, string?]>([
    [`<|mod|>: router\n${DEVICES}`, 'a configuration has no "mod"', 'did you mean "mode"?'],
    [`mode: <|rooter|>\n${DEVICES}`, 'bridge or router is wanted here', 'did you mean "router"?'],
    [`<|mode|>:\n${DEVICES}`, '"mode" has no value'],
    ['<|devices: {in0: {}}|>', 'there are two devices', 'devices: first the inside, then the outside'],
    ['<|mode: bridge|>', 'there are two devices', 'devices: first the inside, then the outside'],
    ['devices: {<|eth/0|>: {}, out0: {}}', '"eth/0" is no device name', '1 to 15 characters, no blanks or slashes'],
    ['devices: {in0: {name: x}, x: <|{}|>}', 'both devices are called x'],
    ['devices: {in0: {<|adresses|>: 10.0.0.1}, out0: {}}', 'a device has no "adresses"', 'did you mean "addresses"?'],
    ['devices: {in0: {mtu: <|10|>}, out0: {}}', 'a number from 68 to 65535 is wanted here'],
    [`${DEVICES}queues: <|0|>`, 'a number from 1 to 64 is wanted here'],
    [`${DEVICES}io: <|uring|>`, 'io_uring or calls is wanted here'],
    [`${DEVICES}busy-poll: <|1s|>`, 'a number from 0 to 100000 is wanted here'],
    [
      'devices: {in0: {host: [10.0.0.1/24, <|10.0.0.256/24|>]}, out0: {}}',
      '"10.0.0.256/24" is no address or prefix',
      'write 10.0.1.1/24 or fd00:a::1/64',
    ],
    [
      'mode: router\ndevices: {in0: {routes: <|default|>}, out0: {}}',
      '"default" is of no family',
      'write 0.0.0.0/0 or ::/0',
    ],
    [
      'mode: router\ndevices: {in0: {routes: <|10.0.0.0/8 via fd00::1|>}, out0: {}}',
      '"10.0.0.0/8 via fd00::1" mixes the families',
    ],
    [
      'devices: {in0: <|{addresses: 10.0.0.1/24}|>, out0: {}}',
      'device in0: a bridge has no addresses and no routes',
      'mode: router has them; host: is the address of the machine behind it',
    ],
    [
      `${DEVICES}timeouts: {<|tcp-etablished|>: 5d}`,
      'no timeout is called "tcp-etablished"',
      'did you mean "tcp-established"?',
    ],
    [
      `${DEVICES}timeouts: {udp: <|soon|>}`,
      '"soon" is no span of time',
      'write 90s, 15m, 2h, 5d, or a number of seconds',
    ],
    [`${DEVICES}save-every: <|10ms|>`, '"10ms" is too short', '1 s at least'],
    [`${DEVICES}metrics: <|9464|>`, '"9464" is no address with a port', 'write 127.0.0.1:9464 or [::1]:9464'],
    [
      `${DEVICES}metrics: <|0.0.0.0:9464|>`,
      '0.0.0.0 is not of this machine alone',
      'say metrics-open: true to let others ask',
    ],
    [`${DEVICES}metrics: 127.0.0.1:9464\nmetrics-open: <|yes please|>`, 'true or false is wanted here'],
    [
      `${DEVICES}log: {facility: <|cern|>}`,
      'kern or user or daemon or syslog or authpriv or local0 or local1 or local2 or local3 or local4 or local5 or local6 or local7 is wanted here',
      'did you mean "kern"?',
    ],
    [
      `${DEVICES}host: <|{sockets: {protocol: tcp, local: 'here:80'}}|>`,
      '"here:80" is no end of a socket: write 192.0.2.1:80, [2001:db8::1]:80 or *:80',
    ],
    [
      `${DEVICES}host: <|{accounts: {a: {packets: 1, bytes: 1}}}|>`,
      'an account has a quota in packets or in bytes, not both',
    ],
    [`${DEVICES}host: <|{realms: {10.0.0.0/33: 1}}|>`, '"10.0.0.0/33" is no address or prefix'],
    [`${DEVICES}host: {<|soccets|>: []}`, 'host has no "soccets"', 'did you mean "sockets"?'],
    [`${DEVICES}sysctls: <|net.ipv4.ip_forward=1|>`, 'names with values are wanted here', 'write NAME: VALUE'],
    [`${DEVICES}<|d|>evices: {a: {}, b: {}}`, 'Map keys must be unique'],
    ['devices: {in0: {}, out0: {}<||>', 'Flow map in block collection must be sufficiently indented'],
    ['<||>', 'the file is empty', 'it wants devices at least'],
    ['devices: {in0: &device {mtu: 1400}, out0: <|*device|>}', 'no aliases here', 'write it out'],
    ['<|just words|>', 'a configuration is a mapping'],
  ])('%s', (marked, message, hint) => {
    const source = marked.replace(/<\||\|>/g, '');
    const before = marked.slice(0, marked.indexOf('<|'));
    const line = before.split('\n').length;
    const column = before.length - before.lastIndexOf('\n');
    const complaint = complaintOf(source);
    if (!marked.includes('<||>'))
      expect(complaint.split('\n')[0]).toBe(`/etc/sekisho.yaml:${line}:${column}: ${message}`);
    else expect(complaint).toContain(message);
    const wanted = marked.slice(marked.indexOf('<|') + 2, marked.indexOf('|>'));
    const caret = complaint.split('\n').find((text) => /^ *\| *\^/.test(text));
    if (wanted !== '') expect(caret).toBe(`      | ${' '.repeat(column - 1)}${'^'.repeat(wanted.length)}`);
    if (hint !== undefined) expect(complaint).toContain(`\nhint: ${hint}\n`);
  });

  test('everything that is wrong is told in one run, in order', () => {
    const source = 'mode: x\nlog: {level: 9}\ndevices: {in0: {mtu: 1}, out0: {host: y}}\nmetrics: z\n';
    expect(complaintOf(source).match(/^\/etc\/sekisho\.yaml:\S+/gm)).toEqual([
      '/etc/sekisho.yaml:1:7:',
      '/etc/sekisho.yaml:2:14:',
      '/etc/sekisho.yaml:3:22:',
      '/etc/sekisho.yaml:3:39:',
      '/etc/sekisho.yaml:4:10:',
    ]);
  });

  test('whatever text it is: settings, or a complaint', () => {
    const words = fc.constantFrom(
      'mode',
      'devices',
      ':',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      '- ',
      '&a',
      '*a',
      '!!x',
      '"',
      "'",
      '|',
      '\t',
      '0',
      'log',
      'null',
      '?',
      '<<',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string()), { maxLength: 12 }), (parts) => {
        try {
          settings(parts.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

function complaintOf(source: string): string {
  try {
    settings(source);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('taken');
}

describe('a configuration and its files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-config-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  test('settings that the engine does not know, and files that are not there, are told with their place', async () => {
    const path = write(
      'a.yaml',
      `${DEVICES}sysctls: {net.ipv4.tcp_syncookies: 1}\nrules: [gone.v6]\nsets: gone.sets\n`,
    );
    const failed = loadConfig(path);
    await expect(failed).rejects.toThrow(`${path}:2:36: sysctl net.ipv4.tcp_syncookies=1: not known here`);
    await expect(failed).rejects.toThrow(`${path}:3:9: ${join(folder, 'gone.v6')}: no such file`);
    await expect(failed).rejects.toThrow(`${path}:4:7: ${join(folder, 'gone.sets')}: no such file`);
  });

  test('a dry run reads the rules as well, with the sets they name', async () => {
    write('sets.save', 'create friends hash:ip family inet6\n');
    write('good.v6', '*filter\n-A FORWARD -m set --match-set friends src -j ACCEPT\nCOMMIT\n');
    write('bad.v6', '*filter\n-A FORWARD -j FOO\n-A FORWARD -m set --match-set foes src -j DROP\nCOMMIT\n');
    const config = (rules: string): string =>
      write('b.yaml', `state: ${folder}/state\n${DEVICES}sets: sets.save\nrules: ${rules}\nlog: {to: ./x}`);
    const tunless = (error: Error): void => {
      // Where this machine has no TUN that is told too; nothing else may be.
      expect(error.message.replace(/^.*\/dev\/net\/tun.*\n(.*\n){2,3}/m, '')).toBe('');
    };
    await tryConfig(config('good.v6')).catch(tunless);
    const failed = tryConfig(config('bad.v6'));
    await expect(failed).rejects.toThrow("Couldn't load target `FOO'");
    await expect(failed).rejects.toThrow('Set foes doesn');
    await expect(failed).rejects.toThrow(':4:8: ');
  });

  test('the example is well: settings, rules, devices', async () => {
    const path = fileURLToPath(new URL('../../examples/systemd/sekisho.yaml', import.meta.url));
    const example = { ...(await loadConfig(path)), paths: statePaths(join(folder, 'none'), {}) };
    const complaints: string[] = [];
    await checkEverything(example, (place, what) => void complaints.push(`${place}: ${what}`));
    // What this machine lacks is no fault of the example.
    expect(complaints.filter((text) => !/^(log|state|): /.test(text))).toEqual([]);
    expect(example.rules.map(({ family }) => family)).toEqual([4, 6]);
  });

  test('a profile comes before what is set by name, and another one takes it all back first', () => {
    const of = (more: string) => settings(`state: /s\n${DEVICES}${more}`);
    const kernel = of('sysctls: {net.netfilter.nf_conntrack_max: 9}');
    const homes = of('profile: rfc6092\ntimeouts: {udp: 9}\nsysctls: {net.netfilter.nf_conntrack_max: 9}');
    expect(Object.entries(homes.sysctls)[0]).toEqual(['sekisho.profile', 'rfc6092']);
    expect(changedSysctls(kernel, of('sysctls: {net.netfilter.nf_conntrack_max: 8}'))).toEqual([
      ['net.netfilter.nf_conntrack_max', '8'],
    ]);
    expect(changedSysctls(kernel, kernel)).toEqual([]);
    expect(changedSysctls(kernel, homes)).toEqual([
      ['sekisho.profile', 'rfc6092'],
      ['net.netfilter.nf_conntrack_udp_timeout', 9],
      ['net.netfilter.nf_conntrack_max', '9'],
    ]);
    expect(changedSysctls(homes, kernel)).toEqual([
      ['sekisho.profile', 'kernel'],
      ['net.netfilter.nf_conntrack_max', '9'],
    ]);
    expect(droppedSysctls(homes, kernel)).toEqual(['net.netfilter.nf_conntrack_udp_timeout']);
    expect(droppedSysctls(kernel, homes)).toEqual([]);
  });

  test('what the router has of its own is not dropped with what was set by name', () => {
    const of = (more: string) => settings(`state: /s\nmode: router\n${DEVICES}${more}`);
    const strict = of('sysctls: {net.ipv4.icmp_ratelimit: 5, net.ipv4.ip_forward: 0}');
    expect(droppedSysctls(strict, of(''))).toEqual(['net.ipv4.ip_forward']);
    expect(changedSysctls(strict, of(''))).toEqual([['net.ipv4.icmp_ratelimit', 1000]]);
  });

  test('what cannot be changed while it runs is named', () => {
    const running = settings(`state: /s\n${DEVICES}`);
    const next = settings(
      'state: /t\nmode: router\nnamespace: x\ndevices: {in0: {mtu: 1400}, out0: {}}\nqueues: 2\nio: calls\nbusy-poll: 9\nsysctls: {a: 1}',
    );
    expect(needsRestart(running, next)).toEqual([
      'mode',
      'devices',
      'queues',
      'io',
      'busy-poll',
      'namespace',
      'state',
      'socket',
    ]);
    expect(needsRestart(running, settings(`state: /s\n${DEVICES}rules: x\nsave-every: 9s`))).toEqual([]);
  });
});

test('what editors are told is what the reader takes (npm run docs)', () => {
  const written = readFileSync(new URL('../../docs/config.schema.json', import.meta.url), 'utf8');
  expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(CONFIG_SCHEMA)));
});
