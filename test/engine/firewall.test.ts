import { describe, expect, test } from 'vitest';
import { apply } from '../../engine/edit/ruleset.ts';
import { defineMatch } from '../../engine/extension.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { fragments4, icmp, icmp6, ip4, ip6, tcp, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import { BRIDGE, filter, firewallOf, ROUTER, type TestFirewall } from './firewall-of.ts';

/** One command line on a table, as the tools do it. */
function edit({ rulesets }: TestFirewall, family: Family, line: string): void {
  const ruleset = rulesets[family];
  const draft = ruleset.open('filter')!;
  apply(
    parseCommand(line, { family, lookup: ruleset.printing.lookup, names: ruleset.printing.names }),
    draft,
    ruleset.printing,
  );
  ruleset.commit(draft);
}

const rulesOf = ({ save }: TestFirewall, family: Family): string[] =>
  save(family)
    .split('\n')
    .filter((line) => line.startsWith('['));

/** 49 octets. */
const dns = ip6({}, udp({ sport: 1000, dport: 53, data: Uint8Array.of(1) }));

describe('installing', () => {
  test('all tables or none', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter('-A FORWARD -p udp -j DROP'));
    const [good] = wall.rulesets[6].tables;
    const raw = { ...good, name: 'raw' as const }; // a raw table without its chains
    expect(() => wall.firewall.install([{ ...good, chains: new Map(good.chains) }, raw])).toThrow(
      'no chain PREROUTING',
    );
    expect(wall.firewall.tables(6)).toEqual(['filter']);
    expect(wall.receive('tunA', dns)).toEqual([]);
    expect(rulesOf(wall, 6)).toEqual(['[1:49] -A FORWARD -p udp -j DROP']);
  });

  test('an edit keeps the counters of the other rules, another restore does not', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter('-A FORWARD -p udp\n-A FORWARD -s fd00:a::2'));
    wall.receive('tunA', dns);
    edit(wall, 6, '-I FORWARD 2 -p udp -j ACCEPT');
    wall.receive('tunA', dns);
    expect(rulesOf(wall, 6)).toEqual([
      '[2:98] -A FORWARD -p udp',
      '[1:49] -A FORWARD -p udp -j ACCEPT',
      '[1:49] -A FORWARD -s fd00:a::2/128',
    ]);
    wall.load(6, filter('-A FORWARD -p udp'));
    expect(rulesOf(wall, 6)).toEqual(['[0:0] -A FORWARD -p udp']);
  });

  // Differs: the kernel makes the state of every rule of the table anew on each edit.
  test('an edit keeps the state of the other rules', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter('-A FORWARD -m limit --limit 1/hour --limit-burst 2 -j ACCEPT', 'DROP'));
    expect(wall.receive('tunA', dns, 1)).toHaveLength(1);
    edit(wall, 6, '-A FORWARD -p tcp');
    expect(wall.receive('tunA', dns, 2)).toHaveLength(1);
    expect(wall.receive('tunA', dns, 3)).toHaveLength(0);
  });

  test('the counters of a rule start from -c', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter('-A FORWARD -p udp -c 10 1000'));
    wall.receive('tunA', dns);
    expect(rulesOf(wall, 6)).toEqual(['[11:1049] -A FORWARD -p udp']);
  });

  test('counters can be set to zero: a rule, a chain with its policy, a table', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter('-A FORWARD -p udp\n-A FORWARD -i tunA'));
    const policy = () =>
      wall.firewall.chains(6, 'filter')?.find(({ spec }) => spec.name === 'FORWARD')?.policy?.packets;
    wall.receive('tunA', dns);
    wall.firewall.zero(6, 'filter', 'FORWARD', 0);
    expect(rulesOf(wall, 6)).toEqual(['[0:0] -A FORWARD -p udp', '[1:49] -A FORWARD -i tunA']);
    expect(policy()).toBe(1);
    wall.firewall.zero(6, 'filter', 'FORWARD');
    expect(rulesOf(wall, 6)).toEqual(['[0:0] -A FORWARD -p udp', '[0:0] -A FORWARD -i tunA']);
    expect(policy()).toBe(0);
  });

  test('jumps deeper than the JavaScript stack', () => {
    const depth = 3000;
    const wall = firewallOf(ROUTER);
    const names = Array.from({ length: depth }, (_, index) => `c${index}`);
    wall.load(
      6,
      [
        '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]',
        ...names.map((name) => `:${name} - [0:0]`),
        '-A FORWARD -j c0',
        ...names.slice(1).map((name, index) => `-A ${names[index]} -j ${name}`),
        `-A c${depth - 1} -p udp -j DROP`,
        'COMMIT\n',
      ].join('\n'),
    );
    expect(wall.receive('tunA', dns)).toEqual([]);
    expect(wall.firewall.dropCounts()).toEqual([{ hook: 'FORWARD', reason: 'filter c2999 rule 1', packets: 1 }]);
  });

  // mark_source_chains() begins at the hooks.
  test('a circle that no packet can enter is none', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter(':a - [0:0]\n:b - [0:0]\n-A a -j b\n-A b -g a'));
    expect(wall.receive('tunA', dns)).toHaveLength(1);
    expect(() => edit(wall, 6, '-A FORWARD -j a')).toThrow('Too many levels');
  });
});

describe('extensions', () => {
  const odd = defineMatch({
    name: 'odd',
    families: [4, 6],
    summary: 'Packets of odd length.',
    kernel: 'none',
    effect: 'pure',
    options: {},
    check: () => ({}),
    save: () => '',
    list: () => 'odd',
    compile: () => (pkt) => pkt.length % 2 === 1,
  });

  test('are attached and detached while packets flow', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter(''));
    expect(() => edit(wall, 6, '-A FORWARD -m odd -j DROP')).toThrow("Couldn't load match");
    wall.firewall.attach({ matches: [odd] });
    edit(wall, 6, '-A FORWARD -m odd -j DROP');
    expect(wall.receive('tunA', dns)).toHaveLength(0);
    expect(() => wall.firewall.detach('odd')).toThrow('IPv6 filter FORWARD rule 1');
    edit(wall, 6, '-F FORWARD');
    wall.firewall.detach('odd');
    expect(() => edit(wall, 6, '-A FORWARD -m odd -j DROP')).toThrow("Couldn't load match");
  });
});

describe('tracking', () => {
  test('takes part while a rule of the family needs it', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter('-A FORWARD -m conntrack --ctstate NEW'));
    expect([wall.firewall.tracks(4), wall.firewall.tracks(6)]).toEqual([false, true]);
    wall.load(6, filter(''));
    expect(wall.firewall.tracks(6)).toBe(false);
  });

  test('an unconfirmed connection goes with its packet', () => {
    const wall = firewallOf(ROUTER);
    wall.load(6, filter('-A FORWARD -m conntrack --ctstate NEW -j DROP'));
    wall.receive('tunA', dns);
    expect([...wall.firewall.tracker.entries(wall.firewall.now)]).toEqual([]);
    expect(wall.firewall.tracker.table.count).toBe(0);
  });
});

describe('a router', () => {
  test('holds the packets that follow to another MTU, and tells who sends too much', () => {
    const wall = firewallOf(ROUTER);
    const send = () =>
      ['10.0.2.9', 'fd00:b::9'].map((dst) => {
        const datagram = udp({ data: new Uint8Array(1400) });
        const [line] = wall.receive(
          'tunA',
          dst.includes(':') ? ip6({ dst }, datagram) : ip4({ dst, df: true }, datagram),
        );
        return line.split(' ')[0];
      });
    expect(send()).toEqual(['tunB', 'tunB']);
    wall.firewall.setMtu('tunB', 1300);
    // From the router, back to where it came from: fragmentation needed, packet too big.
    expect(send()).toEqual(['tunA', 'tunA']);
    expect(wall.firewall.dropCounts()).toMatchObject([{ reason: 'too long for the MTU', packets: 2 }]);
    wall.firewall.setMtu('tunB', 1500);
    expect(send()).toEqual(['tunB', 'tunB']);
  });
});

describe('a bridge', () => {
  const bridge = () => firewallOf(BRIDGE);
  const ports = (wall: TestFirewall) => wall.sent().map((line) => line.split(' ')[0]);

  test('passes packets as they are: no TTL, no addresses, INPUT and OUTPUT see nothing', () => {
    const wall = bridge();
    wall.load(4, filter('-A INPUT\n-A FORWARD -i portA -o portB\n-A FORWARD -m physdev --physdev-in portA\n-A OUTPUT'));
    const octets = ip4({ ttl: 1, dst: '127.0.0.1' }, udp());
    expect(wall.receive('portA', octets)).toEqual([`portB ${toHex(octets)}`]);
    expect(wall.receive('portB', octets)).toEqual([`portA ${toHex(octets)}`]);
    expect(rulesOf(wall, 4).map((line) => line.split(':')[0])).toEqual(['[0', '[1', '[1', '[0']);
  });

  test('tracks, reassembles, and sends the pieces as they came', () => {
    const wall = bridge();
    wall.load(4, filter('-A FORWARD -m conntrack --ctstate NEW -p udp -m udp --dport 53 -j ACCEPT', 'DROP'));
    const pieces = fragments4(ip4({ id: 9 }, udp({ dport: 53, data: new Uint8Array(200) })), 104);
    expect(wall.receive('portA', pieces[0])).toEqual([]);
    expect(wall.receive('portA', pieces[1])).toEqual(pieces.map((piece) => `portB ${toHex(piece)}`));
  });

  test('answers by the port that the packet came in by, past the rules', () => {
    const wall = bridge();
    wall.load(6, filter('-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\n-A OUTPUT -j DROP'));
    wall.receive('portB', ip6({}, tcp({ flags: 'S' })));
    const wallPorts = firewallOf(BRIDGE);
    wallPorts.load(6, filter('-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\n-A OUTPUT -j DROP'));
    expect(wallPorts.receive('portB', ip6({}, tcp({ flags: 'S' }))).map((line) => line.split(' ')[0])).toEqual([
      'portB',
    ]);
    expect(ports(wallPorts)).toEqual([]);
  });

  test('each port has an MTU of its own, which may change: what is longer is dropped, and nobody is told', () => {
    const wall = bridge();
    const long = (from: string) => wall.receive(from, ip4({ df: true }, udp({ data: new Uint8Array(1472) }))).length;
    wall.firewall.setMtu('portB', 1400);
    expect([long('portA'), long('portB')]).toEqual([0, 1]);
    expect(wall.firewall.dropCounts()).toMatchObject([{ reason: 'longer than the MTU of the port' }]);
    wall.firewall.setMtu('portB', 9000);
    wall.firewall.setMtu('another', 68);
    expect([long('portA'), long('portB')]).toEqual([1, 1]);
  });

  test('a device that is no port is none of its', () => {
    const wall = bridge();
    expect(wall.receive('other', ip4({}, udp()))).toEqual([]);
    expect(wall.firewall.dropCounts()).toEqual([{ hook: 'outside', reason: 'not a port of the bridge', packets: 1 }]);
  });
});

describe('drops', () => {
  test('are counted by hook and reason', () => {
    const wall = firewallOf(ROUTER);
    wall.load(4, filter('-A FORWARD -p udp -j DROP\n-A FORWARD -p tcp -m tcp --dport 1', 'DROP'));
    wall.receive('tunA', ip4({}, udp()));
    wall.receive('tunA', ip4({}, udp()));
    wall.receive('tunA', ip4({}, icmp({ type: 8 })));
    wall.receive('tunA', ip4({ protocol: 6 }, udp({ data: new Uint8Array(0) })));
    wall.receive('tunA', Uint8Array.of(0x45, 0));
    expect(wall.firewall.dropCounts()).toEqual([
      { hook: 'FORWARD', reason: 'filter FORWARD rule 1', packets: 2 },
      { hook: 'FORWARD', reason: 'filter FORWARD policy', packets: 1 },
      { hook: 'FORWARD', reason: 'TCP header cut short', packets: 1 },
      { hook: 'outside', reason: 'IPv4 header cut short', packets: 1 },
    ]);
  });
});

// The kernel sends one ICMP packet at a time (icmp_xmit_lock()): a REJECT of the router's own echo reply says nothing.
test('an echo reply that a rule rejects is not answered', () => {
  const wall = firewallOf(ROUTER);
  wall.load(6, filter('-A OUTPUT -j REJECT'));
  expect(wall.receive('tunA', ip6({ dst: 'fd00:a::1' }, icmp6({ type: 128 })))).toEqual([]);
  expect(rulesOf(wall, 6)).toEqual(['[1:48] -A OUTPUT -j REJECT --reject-with icmp6-port-unreachable']);
});
