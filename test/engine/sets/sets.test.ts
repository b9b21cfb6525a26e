// Sets beside a simple model of them: what a packet finds after any sequence of additions, deletions and time; and ipset's text.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { queryOf } from '../../../engine/sets/for-rules.ts';
import { type IpsetAnswer, ipsetSteps, runIpset, Sets } from '../../../engine/sets/index.ts';
import { noNames } from '../../../grammar/names.ts';
import { ip4, ip6, tcp } from '../../../packet/build.ts';
import { Packet } from '../../../packet/packet.ts';
import { seeded } from '../../../testing/bare-services.ts';
import { play } from '../../../testing/scenario/scenario.ts';
import { setScenarios } from './scenarios.ts';
import { ipsetSequences } from './sequences.ts';

const run = (sets: Sets, line: string, now = 0, stdin?: string): IpsetAnswer =>
  runIpset(sets, { argv: line.split(' '), names: noNames, now, stdin });

function must(sets: Sets, line: string, now = 0, stdin?: string): string {
  const { exitCode, stderr, stdout } = run(sets, line, now, stdin);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return stdout;
}

const SRC = queryOf(['src']);

function has(sets: Sets, name: string, src: string, now = 0): boolean {
  const pkt = Packet.of(src.includes(':') ? ip6({ src }, tcp()) : ip4({ src }, tcp()));
  pkt.now = now;
  return sets.get(name).test(pkt, SRC);
}

type Step =
  | { do: 'add'; host: number; length: number; nomatch: boolean; timeout: number }
  | { do: 'del'; host: number; length: number }
  | { do: 'wait'; seconds: number }
  | { do: 'ask'; host: number };

const host = fc.integer({ min: 1, max: 15 });
const length = fc.constantFrom(28, 29, 30, 31, 32);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    host,
    length,
    nomatch: fc.boolean(),
    timeout: fc.constantFrom(0, 5, 20),
  }),
  fc.record({ do: fc.constant('del' as const), host, length }),
  fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ do: fc.constant('ask' as const), host }),
);

interface Known {
  readonly nomatch: boolean;
  readonly until: number;
}

describe.each([
  ['inet', (last: number) => `10.0.0.${last}`, 0],
  ['inet6', (last: number) => `fd00::${last.toString(16)}`, 96],
] as const)('hash:net %s', (family, addressOf, more) => {
  test('finds what a list of networks would', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const sets = new Sets(seeded(7));
        must(sets, `create s hash:net family ${family} timeout 0`);
        const model = new Map<string, Known>();
        let now = 0;
        const key = (last: number, bits: number): string => `${last >> (32 - bits)}/${bits}`;
        for (const one of steps) {
          if (one.do === 'wait') now += one.seconds * 1000;
          else if (one.do === 'ask') {
            const found = [32, 31, 30, 29, 28]
              .map((bits) => model.get(key(one.host, bits)))
              .find((known) => known && known.until > now);
            expect(has(sets, 's', addressOf(one.host), now)).toBe(found !== undefined && !found.nomatch);
          } else if (one.do === 'add') {
            const words = `timeout ${one.timeout}${one.nomatch ? ' nomatch' : ''}`;
            must(sets, `-exist add s ${addressOf(one.host)}/${one.length + more} ${words}`, now);
            const until = one.timeout === 0 ? Number.POSITIVE_INFINITY : now + one.timeout * 1000;
            model.set(key(one.host, one.length), { nomatch: one.nomatch, until });
          } else {
            must(sets, `-exist del s ${addressOf(one.host)}/${one.length + more}`, now);
            model.delete(key(one.host, one.length));
          }
        }
        const live = [...model.values()].filter(({ until }) => until > now).length;
        expect(must(sets, 'save s', now).split('\n').length - 2).toBe(live);
      }),
      { numRuns: 60 },
    );
  });
});

test('save is read back as the same', () => {
  for (const [title, lines] of Object.entries(ipsetSequences)) {
    const sets = new Sets(seeded(1));
    for (const line of lines) {
      const [words, ...stdin] = line.split('\n');
      run(sets, words, 0, stdin.join('\n'));
    }
    const saved = must(sets, 'save');
    const again = new Sets(seeded(2));
    must(again, 'restore', 0, saved);
    expect(must(again, 'save'), title).toBe(saved);
  }
});

test('no words make it throw', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'create',
      'add',
      'test',
      's',
      'l',
      'hash:net',
      'list:set',
      'timeout',
      '5',
      '-exist',
      'before',
      'range',
    ),
    fc.constantFrom(
      '10.0.0.0/8',
      '1.1.1.1-2',
      ',',
      'a,b',
      '80',
      'tcp:1-',
      '[',
      ']',
      'icmp:',
      '::/0',
      '-',
      '--',
      'comment',
      '"',
    ),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(fc.array(word, { maxLength: 6 }), { maxLength: 6 }), (lines) => {
      const sets = new Sets(seeded(3));
      must(sets, 'create s hash:ip,port');
      must(sets, 'create l list:set');
      for (const argv of lines) runIpset(sets, { argv, names: noNames, now: 0 });
      runIpset(sets, {
        argv: ['restore'],
        stdin: lines.map((argv) => argv.join(' ')).join('\n'),
        names: noNames,
        now: 0,
      });
    }),
    { numRuns: 200 },
  );
});

test('a full set with forceadd lets another member go', () => {
  const sets = new Sets(seeded(4));
  must(sets, 'create s hash:ip maxelem 4 forceadd');
  for (let last = 1; last <= 20; last++) {
    must(sets, `add s 10.0.0.${last}`);
    expect(has(sets, 's', `10.0.0.${last}`)).toBe(true);
  }
  expect(must(sets, 'list s')).toContain('Number of entries: 4\n');
});

test('hash:net,net and hash:ip,mac, which few kernels have', () => {
  const sets = new Sets(seeded(5));
  must(sets, 'create nn hash:net,net');
  must(sets, 'add nn 10.0.0.0/8,192.168.0.0/16');
  must(sets, 'add nn 10.1.0.0/16,0.0.0.0/0 nomatch');
  const ask = (src: string, dst: string): boolean =>
    sets.get('nn').test(Packet.of(ip4({ src, dst }, tcp())), queryOf(['src', 'dst']));
  expect(ask('10.9.0.1', '192.168.1.1')).toBe(true);
  expect(ask('10.1.0.1', '192.168.1.1')).toBe(false);
  expect(ask('10.9.0.1', '192.169.1.1')).toBe(false);
  must(sets, 'create m hash:mac');
  must(sets, 'add m 02:00:00:00:00:0a');
  expect(must(sets, 'save m')).toContain('add m 02:00:00:00:00:0A\n');
  const pkt = Packet.of(ip4({}, tcp()));
  expect(sets.get('m').test(pkt, SRC)).toBe(false);
  pkt.linkHeader = Uint8Array.of(2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 8, 0);
  expect(sets.get('m').test(pkt, SRC)).toBe(true);
  expect(sets.get('m').test(pkt, queryOf(['dst']))).toBe(false);
});

test('bitmap:ip,mac: who has no MAC address takes that of its first packet, and its time begins', () => {
  const sets = new Sets(seeded(7));
  const lines = (now: number): string[] => must(sets, 'save b', now).split('\n').slice(1, -1);
  const from = (last: number, mac: number, now: number): Packet => {
    const pkt = Packet.of(ip4({ src: `10.0.0.${last}` }, tcp()));
    pkt.linkHeader = Uint8Array.of(2, 0, 0, 0, 0, 0xff, 2, 0, 0, 0, 0, mac, 8, 0);
    pkt.now = now;
    return pkt;
  };
  const both = queryOf(['src', 'src']);
  const slot = () => sets.get('b');
  must(sets, 'create b bitmap:ip,mac range 10.0.0.0/24 timeout 60 counters');
  must(sets, 'add b 10.0.0.1 timeout 20');
  must(sets, 'add b 10.0.0.2,2:0:0:0:0:2');
  expect(lines(50_000)[0]).toBe('add b 10.0.0.1 timeout 20 packets 0 bytes 0');
  // A rule with one word is about sets of one part.
  expect(slot().test(from(1, 1, 50_000), SRC)).toBe(false);
  expect(slot().test(Packet.of(ip4({ src: '10.0.0.1' }, tcp())), both)).toBe(false);
  expect(slot().test(from(3, 1, 50_000), both)).toBe(false);
  expect(slot().test(from(1, 1, 50_000), both)).toBe(true);
  expect(lines(50_000)[0]).toBe('add b 10.0.0.1,02:00:00:00:00:01 timeout 20 packets 1 bytes 40');
  expect(slot().test(from(1, 2, 51_000), both)).toBe(false);
  expect(slot().test(from(1, 1, 51_000), both)).toBe(true);
  expect(lines(51_000)[0]).toBe('add b 10.0.0.1,02:00:00:00:00:01 timeout 19 packets 2 bytes 80');
  // The second part may be asked for at the other end.
  expect(slot().test(from(2, 9, 51_000), queryOf(['src', 'dst']))).toBe(false);
  expect(lines(65_000)).toEqual(['add b 10.0.0.1,02:00:00:00:00:01 timeout 5 packets 2 bytes 80']);
  expect(slot().add(from(2, 7, 65_000), both, false, 30)).toBe(true);
  expect(slot().add(from(2, 8, 65_000), both, false, 30)).toBe(false);
  expect(slot().add(from(2, 8, 65_000), both, true, undefined)).toBe(true);
  expect(lines(71_000)).toEqual(['add b 10.0.0.2,02:00:00:00:00:08 timeout 54 packets 1 bytes 40']);
  expect(slot().delete(from(2, 1, 71_000), both)).toBe(true);
  expect(slot().delete(from(2, 1, 71_000), both)).toBe(false);
  expect(must(sets, 'list b', 71_000)).toContain('Number of entries: 0\n');
});

test('hash:ip,mark looks at the bits of its markmask', () => {
  const sets = new Sets(seeded(6));
  must(sets, 'create k hash:ip,mark markmask 0xff');
  must(sets, 'add k 10.0.0.1,0x1234');
  expect(must(sets, 'save k')).toContain('markmask 0x000000ff');
  const pkt = Packet.of(ip4({ src: '10.0.0.1' }, tcp()));
  pkt.mark = 0x5634;
  expect(sets.get('k').test(pkt, queryOf(['src', 'src']))).toBe(true);
  pkt.mark = 0x5635;
  expect(sets.get('k').test(pkt, queryOf(['src', 'src']))).toBe(false);
});

// The kernel agrees with these in test/kernel/ipset-packets.test.ts; here compiled rules and the interpreter agree with each other.
test.each(setScenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_name, scenario) => {
  expect(play(scenario, { interpreted: true })).toEqual(play(scenario));
});

test('XML escapes what comments say', () => {
  const sets = new Sets(seeded(1));
  must(sets, 'create a hash:ip comment initval 0x1');
  runIpset(sets, { argv: ['add', 'a', '1.2.3.4', 'comment', 'x <y> & z'], names: noNames, now: 0 });
  expect(must(sets, 'list a -o xml')).toContain(
    '<members>\n<member><elem>1.2.3.4</elem><comment>"x &lt;y&gt; &amp; z"</comment></member>\n</members>\n',
  );
});

test.each([
  [['create', 'a b', 'hash:ip'], "setname 'a b' has a blank"],
  [['create', 'a\nb', 'hash:ip'], 'has a blank, a quote or a line break'],
  [['create', '"a"', 'hash:ip'], 'has a blank, a quote or a line break'],
  [['create', 'a\u00a0b', 'hash:ip'], 'has a blank, a quote or a line break'],
  [['rename', 'n', 'x y'], "setname 'x y' has a blank"],
  [['add', 'n', '10.0.0.0/8,eth 0'], "interface name 'eth 0' has a blank"],
  [['add', 'n', '10.0.0.0/8,a\nb'], 'has a blank or a line break'],
  [['add', 'n', '10.0.0.0/8,eth0', 'comment', 'x\ny'], 'line breaks are not permitted in comments'],
])('what save could not say so that it is read back is refused: %j', (argv, reason) => {
  const sets = new Sets(seeded(1));
  must(sets, 'create n hash:net,iface comment');
  const before = must(sets, 'save');
  const { exitCode, stderr } = runIpset(sets, { argv, names: noNames, now: 0 });
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining(reason)]);
  expect(must(sets, 'save')).toBe(before);
});

test('odd names that can be saved are', () => {
  const sets = new Sets(seeded(1));
  for (const name of ['a"b', '-N', '__proto__', '#x', 'COMMIT', '\u{1f525}'])
    runIpset(sets, { argv: ['create', name, 'hash:net,iface', 'comment'], names: noNames, now: 0 });
  runIpset(sets, { argv: ['add', '#x', '10.0.0.0/8,"a"', 'comment', ' # x '], names: noNames, now: 0 });
  const text = must(sets, 'save');
  expect(text.match(/^create/gm)).toHaveLength(6);
  const again = new Sets(seeded(2));
  must(again, 'restore', 0, text);
  expect(must(again, 'save')).toBe(text);
});

describe('packets pass between the steps of a long call', () => {
  const elements = Array.from({ length: 3_000 }, (_, at) => `10.1.${at >> 8}.${at & 0xff}`);
  const full = (): Sets => {
    const sets = new Sets(seeded(3));
    must(sets, 'create s hash:ip');
    must(sets, 'restore', 0, elements.map((element) => `add s ${element}\n`).join(''));
    return sets;
  };
  const fromPacket = (src: string): Packet => Packet.of(ip4({ src }, tcp()));

  /** `between` is done between any two steps. */
  function inSteps(sets: Sets, line: string, between: (step: number) => void, stdin?: string): [string, number] {
    const call = ipsetSteps(sets, { argv: line.split(' '), names: noNames, now: 0, stdin });
    for (let steps = 1; ; steps++) {
      const { done, value } = call.next();
      if (done) return [value.stdout + value.stderr, steps];
      between(steps);
    }
  }

  test.each([
    ['add s 10.2.0.0/20', 30],
    ['del s 10.1.0.0/21', 15],
    ['save', 40],
    ['list s', 40],
    ['list s -o json', 40],
    ['list s -o xml', 40],
  ])('%s', (line, least) => {
    const [together, apart] = [full(), full()];
    const [text, steps] = inSteps(apart, line, () => {});
    expect(steps).toBeGreaterThanOrEqual(least);
    expect(text).toBe(must(together, line));
    expect(must(apart, 'save')).toBe(must(together, 'save'));
  });

  test('restore', () => {
    const sets = new Sets(seeded(3));
    const lines = ['create s hash:ip', ...elements.map((element) => `add s ${element}`)].join('\n');
    expect(inSteps(sets, 'restore', () => {}, lines)[1]).toBeGreaterThan(180);
    expect(must(sets, 'save')).toBe(must(full(), 'save'));
  });

  test('what they take out is not listed, what they put in is no matter', () => {
    const sets = full();
    const slot = sets.get('s');
    const [text] = inSteps(sets, 'save', (step) => {
      slot.delete(fromPacket(elements[elements.length - step]), SRC);
      slot.add(fromPacket(`10.7.0.${step}`), SRC, false, undefined);
    });
    const lines = text.trim().split('\n');
    expect(new Set(lines).size).toBe(lines.length);
    expect(lines).not.toContain(`add s ${elements.at(-1)}`);
    expect(lines).toContain(`add s ${elements[1_000]}`);
  });
});
