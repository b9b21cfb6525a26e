// Which packets fare otherwise under other rules: rows, and the engine beside it. Whatever two firewalls decide differently must be in a region that
// is told, and nothing else.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { diff } from '../../bin/diff.ts';
import type { InterfaceSpec } from '../../grammar/rule-spec.ts';
import { CT_NEW } from '../../packet/packet.ts';
import { editsOf } from '../../testing/change/affected.ts';
import { changesOf } from '../../testing/change/changes.ts';
import { compareRules, comparisonText, firewall, packet, type TestFirewall } from '../../testing/index.ts';
import type { Bound, Region } from '../../testing/regions.ts';

const filter = (...rules: string[]): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:web - [0:0]\n${rules.join('\n')}\nCOMMIT\n`;
const told = (old: readonly string[], now: readonly string[]): string[] =>
  compareRules({ v4: filter(...old) }, { v4: filter(...now) }).changes.flatMap(({ hook, before, after, packets }) =>
    packets.map((text) => `${hook} ${before.verdict} > ${after.verdict}: ${text}`),
  );

describe('nothing is told of what changes nothing', () => {
  const WEB = '-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT';
  test.each([
    ['the same', [WEB], [WEB]],
    ['a rule behind one that takes all its packets', [WEB], [WEB, '-A FORWARD -s 10.0.0.1 -p tcp --dport 80 -j DROP']],
    ['a drop in front of a policy DROP', [WEB], [WEB, '-A FORWARD -s 10.0.0.1 -j DROP']],
    [
      'two rules without a common packet, swapped',
      [WEB, '-A FORWARD -p udp -j ACCEPT'],
      ['-A FORWARD -p udp -j ACCEPT', WEB],
    ],
    ['rules moved to a chain', [WEB], ['-A FORWARD -p tcp -j web', '-A web -p tcp -m tcp --dport 80 -j ACCEPT']],
    [
      'two rules that become one',
      [WEB, '-A FORWARD -p tcp --dport 81 -j ACCEPT'],
      ['-A FORWARD -p tcp --dport 80:81 -j ACCEPT'],
    ],
    [
      'a prefix in two halves',
      ['-A FORWARD -s 10.0.0.0/8 -j ACCEPT'],
      ['-A FORWARD -s 10.0.0.0/9 -j ACCEPT', '-A FORWARD -s 10.128.0.0/9 -j ACCEPT'],
    ],
    [
      'a list in another order',
      ['-A FORWARD -p tcp -m multiport --dports 80,443 -j ACCEPT'],
      ['-A FORWARD -p tcp -m multiport --dports 443,80 -j ACCEPT'],
    ],
    ['a comment', [WEB], ['-A FORWARD -p tcp -m tcp --dport 80 -m comment --comment web -j ACCEPT']],
    ['a chain that nothing jumps to', [WEB], [WEB, '-A web -j ACCEPT']],
    [
      'a rule in front that only a limit kept from it',
      ['-A FORWARD -m limit --limit 1/s -j ACCEPT', WEB],
      ['-A FORWARD -m limit --limit 1/s -j ACCEPT', WEB],
    ],
  ])('%s', (_what, old, now) => {
    expect(told(old, now)).toEqual([]);
  });
});

describe('packets that fare otherwise', () => {
  test.each([
    [
      'one port more',
      ['-A FORWARD -p tcp --dport 80 -j ACCEPT'],
      ['-A FORWARD -p tcp --dport 80:81 -j ACCEPT'],
      ['FORWARD DROP > ACCEPT: tcp, dport 81'],
    ],
    [
      'a drop that is gone',
      ['-A FORWARD -p tcp --dport 25 -j DROP', '-A FORWARD -i lan+ -j ACCEPT'],
      ['-A FORWARD -i lan+ -j ACCEPT'],
      ['FORWARD DROP > ACCEPT: in by lan+, tcp, dport 25'],
    ],
    [
      'rules in the wrong order',
      ['-A FORWARD -s 10.0.0.1 -j DROP', '-A FORWARD -s 10.0.0.0/24 -j ACCEPT'],
      ['-A FORWARD -s 10.0.0.0/24 -j ACCEPT', '-A FORWARD -s 10.0.0.1 -j DROP'],
      ['FORWARD DROP > ACCEPT: from 10.0.0.1'],
    ],
    [
      'a set',
      ['-A FORWARD -s 10.0.0.0/24 -j ACCEPT'],
      ['-A FORWARD -m set --match-set bad src -j DROP', '-A FORWARD -s 10.0.0.0/24 -j ACCEPT'],
      ['FORWARD ACCEPT > DROP: from 10.0.0.0/24, where -m set --match-set bad src'],
    ],
    [
      'a state',
      ['-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT'],
      ['-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT'],
      ['FORWARD ACCEPT > DROP: RELATED'],
    ],
    [
      'an answer instead of silence',
      ['-A FORWARD -p udp -j DROP'],
      ['-A FORWARD -p udp -j REJECT'],
      ['FORWARD DROP > REJECT --reject-with icmp-port-unreachable: udp'],
    ],
    [
      'flags',
      ['-A FORWARD -p tcp -j ACCEPT'],
      ['-A FORWARD -p tcp --syn -j ACCEPT'],
      ['FORWARD ACCEPT > DROP: tcp, flags not SYN of FIN,SYN,RST,ACK'],
    ],
    [
      'types',
      ['-A FORWARD -p icmp -j ACCEPT'],
      ['-A FORWARD -p icmp --icmp-type 8 -j ACCEPT'],
      ['FORWARD ACCEPT > DROP: icmp, not type 8'],
    ],
    [
      'a goto that was a jump',
      ['-A FORWARD -p tcp -j web', '-A FORWARD -s 10.0.0.1 -j ACCEPT'],
      ['-A FORWARD -p tcp -g web', '-A FORWARD -s 10.0.0.1 -j ACCEPT'],
      ['FORWARD ACCEPT > DROP: tcp, from 10.0.0.1'],
    ],
    [
      'what a mark meant before it was changed',
      ['-A FORWARD -m mark --mark 1 -j ACCEPT'],
      ['-A FORWARD -m mark --mark 1 -j ACCEPT', '-A FORWARD -m mark --mark 2 -j ACCEPT'],
      ['FORWARD DROP > ACCEPT: mark 2'],
    ],
  ])('%s', (_what, old, now, expected) => {
    expect(told(old, now)).toEqual(expected);
  });

  test('a policy, with all that comes to it', () => {
    const rules = filter('-A FORWARD -p tcp -m multiport --dports 80,443 -j ACCEPT');
    const { changes } = compareRules({ v4: rules }, { v4: rules.replace('FORWARD DROP', 'FORWARD ACCEPT') });
    expect(changes).toMatchObject([
      { before: { by: [{ rule: '-P FORWARD DROP', line: 3 }] }, after: { by: [{ rule: '-P FORWARD ACCEPT' }] } },
    ]);
    expect(changes[0].packets).toEqual(['tcp, not dport 80,443', 'not tcp']);
  });

  test('a log line, which is no verdict', () => {
    const log = '-A FORWARD -p tcp -j LOG --log-prefix "t: "';
    const { changes } = compareRules({ v4: filter() }, { v4: filter(log) });
    expect(changes).toMatchObject([
      { before: { effects: [] }, after: { verdict: 'DROP', effects: ['LOG --log-prefix "t: "'] }, packets: ['tcp'] },
    ]);
  });

  test('another translation, of the nat table', () => {
    const nat = (to: string): string =>
      `*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n-A PREROUTING -i ppp0 -p tcp --dport 80 -j DNAT --to-destination ${to}\nCOMMIT\n`;
    const [change] = compareRules({ v4: nat('10.0.0.1') }, { v4: nat('10.0.0.2') }).changes;
    expect(change).toMatchObject({
      table: 'nat',
      before: { verdict: 'DNAT --to-destination 10.0.0.1' },
      after: { verdict: 'DNAT --to-destination 10.0.0.2' },
      packets: ['in by ppp0, tcp, dport 80'],
      example: 'ppp0: tcp 192.0.2.2 > 198.51.100.7 sport 40000 dport 80 flags S',
    });
  });

  test('neighbours of IPv6 may be untracked, other packets only where a rule says so', () => {
    const v6 = (...rules: string[]): { v6: string } => ({ v6: filter(...rules) });
    const tracked = '-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED,RELATED,INVALID -j ACCEPT';
    const packets = compareRules(v6(tracked), v6('-A FORWARD -j ACCEPT')).changes.flatMap((change) => change.packets);
    expect(packets).toEqual(['UNTRACKED']);
    expect(told([tracked], ['-A FORWARD -j ACCEPT'])).toEqual([]);
    const notrack = '*raw\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\n-A PREROUTING -s 10.0.0.1 -j CT --notrack\nCOMMIT\n';
    const [change] = compareRules(
      { v4: notrack + filter(tracked) },
      { v4: notrack + filter('-A FORWARD -j ACCEPT') },
    ).changes;
    expect(change.packets).toEqual(['UNTRACKED']);
  });

  test('a hook with more than anybody would wait for is named', () => {
    const fw = (...rules: string[]): TestFirewall => firewall({ v4: filter(...rules) });
    const old = fw('-A FORWARD -p tcp -j ACCEPT', '-A FORWARD -p udp -j ACCEPT');
    const { unseen, fates } = changesOf(old.rules.tables, fw('-A FORWARD -j ACCEPT').rules.tables, old.printing, 1);
    expect([unseen, fates]).toEqual([[{ family: 4, table: 'filter', hook: 'FORWARD' }], []]);
  });
});

test('two versions of a chain share as many rules as they can', () => {
  const text = fc.constantFrom('a', 'b', 'c', 'd');
  const chain = (texts: readonly string[]) => ({ rules: texts.map((name) => ({ name })) }) as never;
  fc.assert(
    fc.property(fc.array(text, { maxLength: 12 }), fc.array(text, { maxLength: 12 }), (old, now) => {
      const { removed, added } = editsOf(chain(old), chain(now), (one) => (one as unknown as { name: string }).name);
      expect([old.length - removed.length, now.length - added.length]).toEqual([common(old, now), common(old, now)]);
    }),
  );
});

/** Length of a longest common subsequence. */
function common(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const one of a) {
    const next = [0];
    for (const [index, two] of b.entries())
      next.push(one === two ? row[index] + 1 : Math.max(row[index + 1], next[index]));
    row = next;
  }
  return row[b.length];
}

// --- Beside the engine ------------------------------------------------------------------------------------------------------

const HOSTS = ['10.0.1.2', '10.0.1.3', '10.0.1.130', '192.0.2.9', '198.51.100.7'];
const PORTS = [22, 80, 81, 443];
const PACKETS = ['10.0.1.2', '10.0.1.130', '192.0.2.9'].flatMap((from) =>
  HOSTS.filter((to) => to.startsWith('10.0.1.') !== from.startsWith('10.0.1.')).flatMap((to) => [
    ...PORTS.flatMap((port) => [
      `tcp ${from} > ${to} sport 1024 dport ${port} syn`,
      `udp ${from} > ${to} sport 1023 dport ${port}`,
    ]),
    `icmp ${from} > ${to} type 8`,
    `icmp ${from} > ${to} type 13`,
  ]),
);

const maybe = (values: readonly string[]) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant('') }, fc.constantFrom(...values));
const rule = fc
  .tuple(
    fc.constantFrom('FORWARD', 'FORWARD', 'web'),
    maybe([
      '-s 10.0.1.0/25',
      '-s 10.0.1.0/24',
      '! -s 10.0.1.2',
      '-d 192.0.2.0/24',
      '-m iprange --src-range 10.0.1.3-192.0.2.9',
    ]),
    maybe(['-i inside', '-i out+', '! -o inside', '-o outside']),
    maybe([
      '-p tcp --dport 80',
      '-p udp --dport 80:443',
      '! -p tcp',
      '-p tcp -m multiport ! --dports 22,81',
      '-p icmp --icmp-type 8',
      '-p tcp --syn',
      '-p udp --sport 1023',
    ]),
    maybe([
      '-m conntrack --ctstate NEW',
      '-m conntrack ! --ctstate NEW',
      '-m length --length 0:40',
      '-m state --state ESTABLISHED',
    ]),
    fc.constantFrom('-j ACCEPT', '-j DROP', '-j REJECT', '-j RETURN', '-j LOG', '-j web', '-g web', ''),
  )
  .map(([chain, ...words]) => [`-A ${chain}`, ...words].filter((word) => word !== '').join(' '))
  .filter((text) => !/^-A web .*web$/.test(text));
const RULES = fc.array(rule, { maxLength: 7 });
/** Another version of some rules: one gone, one new, two swapped. */
const PAIR = fc
  .tuple(RULES, rule, fc.nat(6), fc.nat(6), fc.constantFrom('ACCEPT', 'DROP', 'DROP'))
  .map(([old, more, at, other, policy]) => {
    const now = old.filter((_, index) => index !== at);
    now.splice(other, 0, more);
    return [filter(...old), filter(...now).replace('FORWARD DROP', `FORWARD ${policy}`)] as const;
  });

const numberOf = (text: string): bigint => text.split('.').reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0xffffn);
const named = ({ name }: InterfaceSpec, device: string): boolean =>
  name.endsWith('+') ? device.startsWith(name.slice(0, -1)) : name === device;

function valuesOf(words: string): Record<string, Bound> {
  const [, kind, from, to] = /^(\S+) (\S+) > (\S+)/.exec(words)!;
  const octets = packet(words);
  const [sport, dport, type] = ['sport', 'dport', 'type'].map((name) =>
    Number(new RegExp(`${name} (\\d+)`).exec(words)?.[1]),
  );
  return {
    protocol: { tcp: 6, udp: 17, icmp: 1 }[kind]!,
    source: numberOf(from),
    destination: numberOf(to),
    ctState: CT_NEW,
    length: octets.length,
    ...(kind === 'icmp' ? { icmpTypeCode: type << 8 } : { sourcePort: sport, destinationPort: dport }),
    ...(kind === 'tcp' ? { tcpFlags: 2 } : {}),
  };
}

function holds({ fields, devices }: Region, words: string): boolean {
  const values = valuesOf(words);
  const [inside, outside] =
    words.includes(' 10.0.1.2 >') || words.includes(' 10.0.1.130 >') ? ['inside', 'outside'] : ['outside', 'inside'];
  return (
    [...fields].every(([field, spans]) => spans.some(([low, high]) => low <= values[field] && values[field] <= high)) &&
    devices.in.every((asked) => named(asked, inside) !== asked.inverted) &&
    devices.out.every((asked) => named(asked, outside) !== asked.inverted)
  );
}

test('the engine decides otherwise about the packets that are told, and about no others', () => {
  fc.assert(
    fc.property(PAIR, ([oldText, newText]) => {
      const [old, now] = [firewall({ v4: oldText }), firewall({ v4: newText })];
      const { fates, unseen } = changesOf(old.rules.tables, now.rules.tables, old.printing);
      expect(unseen).toEqual([]);
      for (const words of PACKETS) {
        const [before, after] = [old, now].map((fw) => {
          const { verdict, logs } = fw.send(words);
          return `${verdict} ${logs.length}`;
        });
        const found = fates.some(({ regions }) => regions.some((region) => holds(region, words)));
        expect(`${words}: ${found}`).toBe(`${words}: ${before !== after}`);
      }
    }),
    { numRuns: 40 },
  );
});

// --- The command --------------------------------------------------------------------------------------------------------------

describe('sekisho diff', () => {
  let folder: string;
  let printed: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sekisho-diff-'));
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      printed += text;
      return true;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      printed += text;
      return true;
    });
  });
  afterAll(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  const run = async (old: string, now: string, options = {}, names = ['old.v4', 'new.v4']): Promise<number> => {
    printed = '';
    const [a, b] = names.map((name) => join(folder, name));
    writeFileSync(a, old);
    writeFileSync(b, now);
    const code = await diff(a, b, options);
    printed = printed.replaceAll(folder, '');
    return code;
  };

  test('tells what is different, and ends with 1', async () => {
    const old = filter('-A FORWARD -p tcp --dport 25 -j DROP', '-A FORWARD -i lan0 -j ACCEPT');
    expect(await run(old, filter('-A FORWARD -i lan0 -j ACCEPT'))).toBe(1);
    expect(printed).toBe(`IPv4 filter FORWARD: DROP before, now ACCEPT
  - -A FORWARD -p tcp -m tcp --dport 25 -j DROP   [/old.v4:6]
  + -A FORWARD -i lan0 -j ACCEPT   [/new.v4:6]
  packets:
    in by lan0, tcp, dport 25
  such as: lan0: tcp 192.0.2.2 > 198.51.100.7 sport 40000 dport 25 flags S

1 rule gone, 0 new: packets fare otherwise in 1 way
`);
  });

  test.each([
    [['old', 'new'], {}, 'IPv4 IPv6'],
    [['old.v6', 'new'], {}, 'IPv6'],
    [['old', 'new.v4'], {}, 'IPv4'],
    [['old', 'new'], { ipv4: true }, 'IPv4'],
    [['old.v4', 'new.v4'], { ipv6: true }, 'IPv6'],
    [['old.v4', 'new.v6'], { ipv6: true }, 'IPv6'],
  ])('files %j with %j are compared for %s', async (names, options, families) => {
    expect(await run(filter('-A FORWARD -j ACCEPT'), filter(), options, names)).toBe(1);
    expect([...printed.matchAll(/^IPv[46]/gm)].join(' ')).toBe(families);
  });

  test.each([
    [
      ['old.v4', 'new.v6'],
      {},
      '/old.v4 and /new.v6 are of different families, by their names; -4 or -6 says otherwise',
    ],
    [['old', 'new'], { ipv4: true, ipv6: true }, '-4 and -6 cannot be used together'],
  ])('files %j with %j are not compared', async (names, options, complaint) => {
    expect(await run(filter(), filter(), options, names)).toBe(2);
    expect(printed).toContain(complaint);
  });

  test('0 when nothing is, 2 for rules with a mistake', async () => {
    expect(await run(filter(), filter('-A FORWARD -j DROP'))).toBe(0);
    expect(printed).toBe('0 rules gone, 1 new: every packet fares as before\n');
    expect(await run(filter(), filter('-A FORWARD -p tcp --dprot 1 -j DROP'))).toBe(2);
    expect(printed).toContain('did you mean "--dport"?');
  });

  test('as JSON', async () => {
    expect(await run(filter(), filter('-A FORWARD -j ACCEPT'), { json: true })).toBe(1);
    const comparison = JSON.parse(printed);
    expect(comparison.changes).toHaveLength(1);
    expect(comparisonText(comparison)).toContain('packets fare otherwise in 1 way');
  });
});
