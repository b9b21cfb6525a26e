// The conntrack tool beside the real one: the same connections in the kernel and in memory, by packets and by hand, the same command
// lines on both, and every text, complaint and exit code compared. Masked is what is drawn (ids) or runs (seconds left).
//
// SEKISHO_SEED replays a run; SEKISHO_CALLS=5000 makes it longer.

import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unpack } from '../../conntrack/flow.ts';
import { ConnectionFeed, type PackedEvents } from '../../control/live/conntrack-feed.ts';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import { firewall, type TestFirewall } from '../../testing/firewall.ts';
import type { Step } from '../../testing/scenario/scenario-format.ts';
import { type TestTool, type ToolRun, testTool } from '../conntrack/tool-world.ts';
import { askedAgain, unlike } from './beside.ts';
import { randomCommand, SEED_COMMANDS, ZONED } from './conntrack-commands.ts';
import { Dice } from './dice.ts';
import { probe, probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const missing = [probeTwin(), probe('conntrack')].find((machine) => machine.missing !== '') ?? { missing: '' };
const may = ready('the conntrack tool beside the real one', missing);
const seed = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const calls = Number(process.env.SEKISHO_CALLS ?? 400);
/** Of one table: the kernel's runs on while it is asked. */
const AT_ONCE = 100;

const wordsOf = (line: string): string[] => (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''));

/** The kernel lists in the order of its hash, we in that of the ids. */
const sorted = (text: string): string => text.split('\n').sort().join('\n');

/** -S has a line for each processor; how often a search began anew depends on what else they do. */
function summed(stdout: string): string {
  if (!stdout.startsWith('cpu=')) return stdout;
  const sums = new Map<string, number>();
  for (const [, name, value] of stdout.matchAll(/ ?(\w+)=(\d+)/g))
    sums.set(name, (sums.get(name) ?? 0) + Number(value));
  return [...sums].filter(([name]) => name !== 'cpu' && name !== 'search_restart').join('\n');
}

export function masked({ stdout, stderr, code }: ToolRun): ToolRun {
  const text = summed(stdout)
    .replace(/(?<=use=\d+ )id=\d+/g, 'id=N')
    .replace(/<id>\d+<\/id>/g, '<id>N</id>')
    .replace(/^((?:ipv[46] +\d+ )?[a-z0-9]+ +\d+ )\d+ /gm, '$1T ')
    .replace(/^\d+ (?=proto=)/gm, 'T ')
    .replace(/<timeout>\d+</g, '<timeout>T<')
    .replace(/^(-[AUD]) -t \d+ /gm, '$1 -t T ');
  // Of several that it has updated the real tool shows the first it met: it reads the answers out of step. We show all of them.
  const several = / (?!1 )\d+ flow entries have been updated/.test(stderr);
  return { stdout: several ? '' : sorted(text), stderr, code };
}

describe.skipIf(!may)('the conntrack tool', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  /** What both say to the same lines, one after the other. The kernel's seconds run while it is asked. */
  const compare = (lines: readonly string[], situation: Partial<Situation> = {}): Promise<string[]> =>
    askedAgain('the conntrack tool', () => compareOnce(lines, situation));

  async function compareOnce(
    lines: readonly string[],
    { first = [], packets = [], rules = TRACKING, sysctls = {} }: Partial<Situation>,
  ): Promise<string[]> {
    const steps: Step[] = [
      ...first.map((line): Step => ({ exec: ['conntrack', ...wordsOf(line)] })),
      ...packets.map(([side, octets]): Step => ({ in: side, hex: toHex(octets) })),
      ...lines.map((line): Step => ({ exec: ['conntrack', ...wordsOf(line)] })),
    ];
    const kernel = await twin.run({ v4rules: rules, v6rules: rules, sysctls, steps, force_ct: false });
    const fw = firewall({ v4: rules, v6: rules, sysctls });
    const tool = toolOf(fw);
    for (const line of first) await tool.run(...wordsOf(line));
    for (const [side, octets] of packets) fw.send(octets, { in: side === 'A' ? 'inside' : 'outside' });
    const differences: string[] = [];
    for (const [index, line] of lines.entries()) {
      const { stdout = '', stderr = '', rc } = kernel.steps[first.length + packets.length + index];
      const theirs = masked({ stdout, stderr, code: rc ?? -1 });
      const ours = masked(await tool.run(...wordsOf(line)));
      if (JSON.stringify(ours) !== JSON.stringify(theirs))
        differences.push(`conntrack ${line}\n  kernel: ${shown(theirs, ours)}\n  ours:   ${shown(ours, theirs)}`);
    }
    return differences;
  }

  test('makes and lists connections of every kind', async () => {
    const lists = OUTPUTS.map((output) => `-L ${output}`);
    expect(
      await compare([
        ...SEED_COMMANDS,
        ...ZONED,
        '-S',
        ...lists,
        '-L -w 5',
        '-L -w 6',
        '-L --orig-zone 6',
        '-L --orig-zone 5',
        '-D -w 5',
        '-D --orig-zone 6',
        '-F',
        '-L',
      ]),
    ).toEqual([]);
  });

  test('connections that packets made, counted', async () => {
    const sysctls = { 'net.netfilter.nf_conntrack_acct': 1 };
    const lists = OUTPUTS.map((output) => `-L ${output}`);
    expect(
      await compare([...lists, '-L -z', '-L', '-S', '-S expect', '-C', '-C expect'], {
        packets: PACKETS,
        rules: NAT,
        sysctls,
      }),
    ).toEqual([]);
  });

  test('every row of words', async () => {
    const rows = readFileSync(new URL('../data/conntrack-words.txt', import.meta.url), 'utf8');
    const lines = rows.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(await compare([...SEED_COMMANDS, ...lines])).toEqual([]);
  });

  test('packets of connections that were made by hand', async () => {
    const first = [
      '-I -p tcp -s 10.1.0.2 -d 10.9.0.2 --sport 4000 --dport 80 -t 500 --state ESTABLISHED -u ASSURED,SEEN_REPLY',
      '-I -p tcp -s 10.1.0.2 -d 10.9.0.2 --sport 4001 --dport 80 -t 500 --state SYN_SENT',
      '-I -p tcp -s 10.1.0.2 -d 10.9.0.2 --sport 4002 --dport 80 -t 500 --state NONE',
      '-I -p udp -s 10.1.0.2 -d 10.9.0.2 --sport 5000 --dport 53 -t 500 -n 10.0.2.77:7777',
      '-I -p udp -s 10.1.0.2 -d 10.0.2.66 --sport 5001 --dport 53 -t 500 -g 10.9.0.2:5353 -u FIXED_TIMEOUT',
      '-I -p icmp -s 10.1.0.2 -d 10.9.0.2 --icmp-type 8 --icmp-code 0 --icmp-id 7 -t 500',
    ];
    const segment = (sport: number, flags: string, seq: number, ack: number): Uint8Array =>
      build.ip4(there, build.tcp({ sport, dport: 80, flags, seq, ack }));
    const reply = (dport: number, flags: string, seq: number, ack: number): Uint8Array =>
      build.ip4(back, build.tcp({ sport: 80, dport, flags, seq, ack }));
    const packets: Situation['packets'] = [
      ['A', segment(4000, 'A', 1_000, 2_000)],
      ['B', reply(4000, 'A', 900_000, 50)],
      ['A', segment(4000, 'FA', 5_000_000, 7)],
      ['B', reply(4001, 'SA', 5, 6)],
      ['A', segment(4002, 'S', 1, 0)],
      ['B', reply(4002, 'SA', 5, 2)],
      ['A', build.ip4(there, build.udp({ sport: 5000, dport: 53 }))],
      ['B', build.ip4({ src: S, dst: '10.0.2.77' }, build.udp({ sport: 53, dport: 7777 }))],
      ['A', build.ip4({ src: C, dst: '10.0.2.66' }, build.udp({ sport: 5001, dport: 53 }))],
      ['B', build.ip4(back, build.udp({ sport: 5353, dport: 5001 }))],
      ['B', build.ip4(back, build.icmp({ type: 0, id: 7, seq: 1 }))],
    ];
    const rules = `${TRACKING}*nat\nCOMMIT\n`;
    expect(await compare(['-L', '-L -n', '-L -g'], { first, packets, rules })).toEqual([]);
  });

  test('expectations of a helper, and what comes of them', async () => {
    const rules = `${TRACKING}*raw\n-A PREROUTING -p tcp --dport 21 -j CT --helper ftp\nCOMMIT\n`;
    const expected = '-p tcp -s 10.9.0.2 -d 10.1.0.2 --sport 0 --dport 1029 --reply-port-src 0 --reply-port-dst 0';
    const lines = [
      '-L',
      '-L -o xml',
      '-L -o save',
      '-L expect',
      '-L expect -o xml',
      '-L expect -o id,extended',
      '-L expect -f ipv6',
      '-C expect',
      `-G expect ${expected}`,
      `-G expect ${expected.replace('1029', '1030')}`,
      `-D expect ${expected.replace('1029', '1030')}`,
      '-S expect',
      '-F expect',
      '-S expect',
      '-L expect',
      `-I expect -s 10.1.0.9 -d 10.9.0.9 -p tcp --sport 1 --dport 21 -t 9 ${EXPECTED}`,
      '-I -p udp -s 10.1.0.9 -d 10.9.0.9 --sport 1 --dport 2 -t 500',
      `-I expect -s 10.1.0.9 -d 10.9.0.9 -p udp --sport 1 --dport 2 -t 9 ${EXPECTED}`,
    ];
    expect(await compare(lines, { packets: FTP, rules })).toEqual([]);
    // The data connection.
    const data = build.ip4(back, build.tcp({ sport: 20, dport: 1029, flags: 'S', seq: 1 }));
    expect(await compare(['-L expect', '-L'], { packets: [...FTP, ['B', data]], rules })).toEqual([]);
  });

  /** What -E of both shows of packets; `before` have passed when it begins to listen. */
  async function compareEvents(words: string, situation: Partial<Situation>, before = 0): Promise<[string, string]> {
    const { packets = PACKETS, rules = TRACKING, sysctls = {} } = situation;
    const sent = packets.map(([side, octets]): Step => ({ in: side, hex: toHex(octets) }));
    const file = join(tmpdir(), `sekisho-events-${process.pid}`);
    const start = `conntrack ${words} > ${file} 2>&1 & echo $! > ${file}.pid; until ${LISTENS}; do sleep 0.01; done`;
    const end = `pid=$(cat ${file}.pid); ${AT_REST}; kill -INT $pid; while ${LISTENS}; do sleep 0.01; done; cat ${file}; rm ${file} ${file}.pid`;
    const steps: Step[] = [
      ...sent.slice(0, before),
      { exec: ['sh', '-c', start] },
      ...sent.slice(before),
      { exec: ['sh', '-c', end] },
    ];
    const kernel = await twin.run({ v4rules: rules, v6rules: rules, sysctls, setup: situation.setup, steps });
    const fw = firewall({ v4: rules, v6: rules, sysctls });
    const packed: PackedEvents[] = [];
    const feed = new ConnectionFeed(
      fw.core.tracker,
      (events) => packed.push(events) > 0,
      () => ({ now: fw.core.now, epoch: 0 }),
    );
    packets.forEach(([side, octets], index) => {
      if (index === before) feed.want(true);
      fw.send(octets, { in: side === 'A' ? 'inside' : 'outside' });
    });
    feed.flush();
    const events = packed.flatMap(({ words, names, types, by }) =>
      [...unpack({ words, names })].map((flow, index) => ({ flow, type: types[index], by: by[index] })),
    );
    const tool = testTool(fw.core.tracker, () => fw.core.now, { events: [{ events, lost: 0 }] });
    const { stdout, stderr } = await tool.run(...wordsOf(words));
    const mask = (text: string): string => text.replace(/ id=\d+/g, ' id=N').replace(/<id>\d+</g, '<id>N<');
    return [mask(stdout + stderr), mask(kernel.steps[packets.length + 1].stdout ?? '')];
  }

  const EVENTS: readonly (readonly [name: string, words: string, situation: Partial<Situation>, before?: number])[] = [
    ['as they happen', '-E', {}],
    [
      'with marks, translation and counters on',
      '-E -o extended',
      { rules: NAT, sysctls: { 'net.netfilter.nf_conntrack_acct': 1 } },
    ],
    ['of some kinds, of some connections', '-E -e NEW,DESTROY -p tcp', {}],
    ['as xml', '-E -o xml -p udp', {}],
    ['as commands', '-E -o save', {}],
    ['none of connections that were there before', '-E', {}, 3],
    [
      'of connections that were there before, where sysctl asks',
      '-E',
      { sysctls: { 'net.netfilter.nf_conntrack_events': 1 } },
      3,
    ],
    ['none, where sysctl says so', '-E', { sysctls: { 'net.netfilter.nf_conntrack_events': 0 } }],
    [
      'those that a rule asks for',
      '-E',
      { rules: `${TRACKING}*raw\n-A PREROUTING -j CT --ctevents assured,mark\nCOMMIT\n`, setup: EVENTS_ON },
    ],
    [
      'those that a rule asks for, whatever sysctl says',
      '-E',
      {
        rules: `${TRACKING}*raw\n-A PREROUTING -p tcp -j CT --ctevents new,reply\nCOMMIT\n`,
        setup: EVENTS_ON,
        sysctls: { 'net.netfilter.nf_conntrack_events': 0 },
      },
    ],
    [
      'of a connection that a reset ends, and of what rules drop',
      '-E',
      {
        rules:
          '*filter\n-A FORWARD -p tcp --dport 81 -j REJECT --reject-with tcp-reset\n-A FORWARD -p udp --sport 123 -j DROP\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n',
      },
    ],
  ];

  for (const [name, words, situation, before] of EVENTS) {
    test(`events ${name}`, async () => {
      // A second may begin between a packet and the word of it.
      const differences = await askedAgain(`events ${name}`, async () => {
        const [ours, theirs] = await compareEvents(words, situation, before);
        return unlike(theirs.split('\n'), ours.split('\n'));
      });
      expect(differences).toEqual([]);
    });
  }

  test(`${calls} random lines, seed ${seed}`, async () => {
    const dice = new Dice(seed);
    const differences: string[] = [];
    for (let left = calls; left > 0; left -= AT_ONCE) {
      const lines = Array.from({ length: Math.min(AT_ONCE, left) }, () => randomCommand(dice));
      differences.push(...(await compare([...SEED_COMMANDS, ...lines])));
    }
    expect(differences).toEqual([]);
  });
});

/** Somebody is told of connections: a socket of netfilter (12) with groups. /proc/net/netlink */
const LISTENS = `awk '$2 == 12 && $4 != "00000000" { found = 1 } END { exit !found }' /proc/net/netlink`;

/** Nothing waits for the tool to read it, and the tool sleeps; seen ten times in a row. */
const AT_REST = `n=0; while [ $n -lt 10 ]; do
  if awk '$2 == 12 && $5 > 0 { found = 1 } END { exit found }' /proc/net/netlink && grep -q '^State:.S' /proc/$pid/status; then n=$((n + 1)); else n=0; fi
  sleep 0.01
done`;

const toolOf = (fw: TestFirewall): TestTool => testTool(fw.core.tracker, () => fw.core.now);

/** The lines that the other one does not have. */
function shown({ stdout, stderr, code }: ToolRun, other: ToolRun): string {
  const others = new Set([...other.stderr.split('\n'), ...other.stdout.split('\n')]);
  const lines = [...stderr.split('\n'), ...stdout.split('\n')].filter((line) => !others.has(line));
  return [`[${code}]`, ...lines].join('\n          ');
}

interface Situation {
  /** Command lines before the packets. */
  readonly first: readonly string[];
  readonly packets: readonly (readonly ['A' | 'B', Uint8Array])[];
  readonly rules: string;
  readonly sysctls: Readonly<Record<string, number>>;
  /** Commands of the kernel's side before the rules are loaded. */
  readonly setup: string[][];
}

/** A rule's choice counts in the kernel only if events were on when it was loaded: with `auto`, if somebody listened then. */
const EVENTS_ON = [['sysctl', '-qw', 'net.netfilter.nf_conntrack_events=1']];

const TRACKING = '*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n';
const NAT = `${TRACKING}*nat\n-A POSTROUTING -p udp --dport 53 -j MASQUERADE\nCOMMIT\n*mangle\n-A FORWARD -p tcp -j CONNMARK --set-mark 9\nCOMMIT\n`;

const OUTPUTS = [
  '',
  '-o extended',
  '-o id',
  '-o extended,id',
  '-o xml',
  '-o save',
  '-o ktimestamp',
  '-f ipv6',
  '-f ipv4',
  '-u ASSURED',
  '-u UNREPLIED',
  '-n',
  '-g',
  '-j',
];

const [C, S] = ['10.1.0.2', '10.9.0.2'];
const [C6, S6] = ['fd00:1::2', 'fd00:9::2'];
const there = { src: C, dst: S };
const back = { src: S, dst: C };

const EXPECTED =
  '--tuple-src 1.2.3.4 --tuple-dst 5.6.7.8 --tuple-port-src 0 --tuple-port-dst 99 --mask-src 255.255.255.255 --mask-dst 255.255.255.255 --mask-port-src 0 --mask-port-dst 65535';

const text = (words: string): Uint8Array => new TextEncoder().encode(words);
const control = { sport: 4000, dport: 21, flags: 'PA' };
const answer = { sport: 21, dport: 4000, flags: 'PA' };

/** A client that announces where it waits for data. */
const FTP: Situation['packets'] = [
  ['A', build.ip4(there, build.tcp({ ...control, flags: 'S', seq: 100 }))],
  ['B', build.ip4(back, build.tcp({ ...answer, flags: 'SA', seq: 500, ack: 101 }))],
  ['A', build.ip4(there, build.tcp({ ...control, flags: 'A', seq: 101, ack: 501 }))],
  ['B', build.ip4(back, build.tcp({ ...answer, seq: 501, ack: 101, data: text('220 hi\r\n') }))],
  ['A', build.ip4(there, build.tcp({ ...control, seq: 101, ack: 509, data: text('USER x\r\n') }))],
  ['A', build.ip4(there, build.tcp({ ...control, seq: 109, ack: 509, data: text('PORT 10,1,0,2,4,5\r\n') }))],
];

/** A conversation of each protocol. */
const PACKETS: Situation['packets'] = [
  ['A', build.ip4(there, build.tcp({ sport: 4000, dport: 80, flags: 'S', seq: 100 }))],
  ['B', build.ip4(back, build.tcp({ sport: 80, dport: 4000, flags: 'SA', seq: 500, ack: 101 }))],
  ['A', build.ip4(there, build.tcp({ sport: 4000, dport: 80, flags: 'A', seq: 101, ack: 501 }))],
  ['A', build.ip4(there, build.tcp({ sport: 4001, dport: 81, flags: 'S', seq: 100 }))],
  ['A', build.ip4(there, build.udp({ sport: 5000, dport: 53, data: Uint8Array.of(1, 2, 3) }))],
  ['A', build.ip4(there, build.udp({ sport: 5001, dport: 123 }))],
  ['B', build.ip4(back, build.udp({ sport: 123, dport: 5001 }))],
  ['A', build.ip4(there, build.icmp({ id: 7, seq: 1 }))],
  ['B', build.ip4(back, build.icmp({ type: 0, id: 7, seq: 1 }))],
  ['A', build.ip6({ src: C6, dst: S6 }, build.udp({ sport: 5000, dport: 53 }))],
  ['A', build.ip6({ src: C6, dst: S6 }, build.tcp({ sport: 4000, dport: 22, flags: 'S', seq: 100 }))],
];
