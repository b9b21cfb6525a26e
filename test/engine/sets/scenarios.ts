// Sets in rules, step by step. The kernel tier plays the same on the real kernel.

import { ip4, ip6, type Layer, tcp, udp } from '../../../packet/build.ts';
import { toHex } from '../../../packet/bytes.ts';
import type { Scenario, Step } from '../../../testing/scenario/scenario-format.ts';

const web = tcp({ sport: 1000, dport: 80, flags: 'S' });
const inA = (src: string, layer: Layer = web, dst = '10.0.2.9'): Step => ({
  in: 'A',
  hex: toHex(src.includes(':') ? ip6({ src, dst: 'fd00:b::9' }, layer) : ip4({ src, dst }, layer)),
});
const save: Step = { exec: ['ipset', 'save'] };
const counters: Step = { counters: true };
const ipset = (...lines: string[]): string[][] => lines.map((line) => ['ipset', ...line.split(' ')]);
const mangle = (...rules: string[]): string =>
  `*mangle\n:PREROUTING ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;

export const setScenarios: readonly Scenario[] = [
  {
    name: 'SET adds, counts what adds, and deletes',
    setup: ipset(
      'create a hash:ip counters timeout 600',
      'create p hash:ip,port counters',
      'create b bitmap:port range 0-100',
    ),
    v4rules: mangle(
      'PREROUTING -j SET --add-set a src',
      'PREROUTING -j SET --add-set p src,dst',
      'PREROUTING -j SET --add-set b dst --del-set p src,src',
      'PREROUTING -m set --match-set a src --packets-gt 1 -j ACCEPT',
    ),
    steps: [
      inA('10.1.0.1'),
      save,
      inA('10.1.0.1'),
      inA('10.1.0.2', udp({ sport: 80, dport: 80 })),
      inA('10.1.0.2', udp({ sport: 81, dport: 800 })),
      save,
      counters,
    ],
  },
  {
    name: 'SET with --exist and --timeout renews',
    setup: ipset('create a hash:ip timeout 600 counters', 'create b hash:ip timeout 600', 'create c hash:ip'),
    v4rules: mangle(
      'PREROUTING -j SET --add-set a src --exist --timeout 100',
      'PREROUTING -j SET --add-set b src --timeout 100',
      'PREROUTING -j SET --add-set c src --exist --timeout 4294967294',
    ),
    steps: [
      inA('10.1.0.1'),
      inA('10.1.0.1'),
      save,
      { exec: ['ipset', 'add', '-exist', 'b', '10.1.0.1', 'timeout', '0'] },
      inA('10.1.0.1'),
      save,
    ],
  },
  {
    name: 'what packets add to networks has the longest prefix in use',
    setup: ipset(
      'create n hash:net',
      'create m hash:net',
      'add m 10.9.0.0/24',
      'add m 10.9.0.0/16',
      'create i hash:net,iface',
      'create np hash:net,port',
      'add np 10.0.0.0/8,80',
    ),
    v4rules: mangle(
      'PREROUTING -j SET --add-set n src',
      'PREROUTING -j SET --add-set m src',
      'PREROUTING -j SET --add-set i src,src',
      'PREROUTING -j SET --add-set np src,dst',
    ),
    steps: [inA('10.1.7.1'), inA('10.1.7.9'), save],
  },
  {
    name: 'a packet that renews a member of a hash leaves its comment, one of a bitmap does not',
    setup: ipset(
      'create h hash:ip timeout 600 comment counters skbinfo',
      'create n hash:net comment',
      'create b bitmap:ip range 10.1.0.0/24 timeout 600 comment',
      'create m bitmap:ip,mac range 10.1.0.0/24 comment',
      'add h 10.1.0.1 comment x timeout 50 packets 7 bytes 9 skbmark 0x3',
      'add n 10.1.0.1 comment y',
      'add b 10.1.0.1 comment z timeout 50',
      'add m 10.1.0.1 comment m',
    ),
    v4rules: mangle(
      ...['h', 'n', 'b'].map((name) => `PREROUTING -j SET --add-set ${name} src --exist`),
      // Packets of these devices have no MAC address.
      'PREROUTING -m set --match-set m src,src',
      'PREROUTING -j SET --add-set m src,src --exist',
    ),
    steps: [inA('10.1.0.1'), inA('10.1.0.2'), save, counters],
  },
  {
    name: 'counters of lists and of their members',
    setup: ipset(
      'create a hash:ip counters',
      'add a 10.1.0.1',
      'create b hash:ip counters',
      'add b 10.1.0.1',
      'add b 10.1.0.2',
      'create l list:set counters',
      'add l a',
      'add l b',
    ),
    v4rules: mangle(
      'PREROUTING -m set --match-set l src',
      'PREROUTING -m set --match-set l src ! --update-counters',
      'PREROUTING -m set --match-set l src ! --update-subcounters',
      'PREROUTING -m set --match-set l src ! --update-counters ! --update-subcounters',
      'PREROUTING -m set --match-set l src --packets-gt 2',
      'PREROUTING -m set --match-set l src --bytes-lt 100',
      'PREROUTING -m set --match-set a src --packets-eq 5',
    ),
    steps: [inA('10.1.0.1'), save, counters, inA('10.1.0.2'), inA('10.1.0.1'), inA('10.1.0.3'), save, counters],
  },
  {
    name: 'SET into lists: the first member that takes it',
    setup: ipset(
      'create a hash:ip maxelem 1',
      'create b hash:ip,port',
      'create c hash:ip',
      'create l list:set',
      'add l b',
      'add l a',
      'add l c',
      'create d list:set',
      'add d c',
    ),
    v4rules: mangle('PREROUTING -j SET --add-set l src', 'POSTROUTING -m mark --mark 1 -j SET --del-set d src'),
    steps: [inA('10.1.0.1'), inA('10.1.0.2'), inA('10.1.0.1'), save],
  },
  {
    name: 'marks from a set',
    setup: ipset(
      'create a hash:ip skbinfo',
      'add a 10.1.0.1 skbmark 0x12/0xff skbprio 1:2 skbqueue 3',
      'add a 10.1.0.2',
      'add a 10.1.0.3 skbmark 0x5',
    ),
    v4rules: mangle(
      'FORWARD -j MARK --set-mark 0xf0f0',
      'FORWARD -j SET --map-set a src --map-mark --map-prio --map-queue',
      'FORWARD -m mark --mark 0xf012',
      'FORWARD -m mark --mark 0xf0f0',
      'FORWARD -m mark --mark 0x5',
    ),
    steps: [inA('10.1.0.1'), inA('10.1.0.2'), inA('10.1.0.3'), inA('10.1.0.4'), counters],
  },
  {
    name: 'names in use; a swap under a rule',
    setup: ipset('create a hash:ip', 'create b hash:ip', 'add b 10.1.0.1'),
    v4rules: mangle('PREROUTING -m set --match-set a src'),
    steps: [
      inA('10.1.0.1'),
      { exec: ['ipset', 'destroy', 'a'] },
      { exec: ['ipset', 'rename', 'a', 'c'] },
      { exec: ['ipset', 'swap', 'a', 'b'] },
      inA('10.1.0.1'),
      counters,
      { exec: ['ipset', 'list', '-n'] },
      { exec: ['ipset', 'destroy', 'b'] },
      { rules: { v4: mangle() } },
      { exec: ['ipset', 'destroy', 'a'] },
      { exec: ['ipset', 'list', '-n'] },
    ],
  },
  {
    name: 'IPv6',
    setup: ipset(
      'create a hash:ip family inet6 timeout 500 counters',
      'create n hash:net family inet6',
      'add n fd00:1::/64',
      'create ip4 hash:ip',
      'create l list:set',
      'add l ip4',
      'add l a',
    ),
    v6rules: mangle(
      'PREROUTING -j SET --add-set a src',
      'PREROUTING -j SET --add-set n src',
      'PREROUTING -m set --match-set l src',
      'PREROUTING -m set --match-set n dst,src',
    ),
    steps: [inA('fd00:1::1'), inA('fd00:1:0:7::1'), save, counters],
  },
];
