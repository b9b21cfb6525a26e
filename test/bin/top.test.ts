// sekisho top without a terminal: its pictures, its keys, and the rates that the daemon makes of what it counts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COLOURED, FIRST_VIEW, frame, PLAIN, short, snapshot, spanText, type View } from '../../bin/top/frame.ts';
import { keysIn, press } from '../../bin/top/keys.ts';
import type { CountedTable } from '../../control/live/live-rules.ts';
import {
  deviceLines,
  dropLines,
  flowLines,
  type Overview,
  queueLines,
  ruleLines,
  type Sample,
} from '../../control/watch/overview.ts';
import type { ChainSpec, RuleSpec } from '../../grammar/rule-spec.ts';

const rated = (packets: number, packetRate: number) => ({
  packets,
  bytes: packets * 100,
  packetRate,
  byteRate: packetRate * 100,
});

const OVERVIEW: Overview = {
  span: 1_000,
  mode: 'router',
  uptime: 93_784,
  state: 'running',
  restarts: 0,
  connections: 1_234,
  connectionLimit: 262_144,
  devices: [
    { name: 'in0', received: rated(1e6, 12_345), sent: rated(1e6, 123), drops: 0 },
    { name: 'out0', received: rated(1e6, 123), sent: rated(1e6, 12_345), drops: 7 },
  ],
  queues: [],
  rules: [
    {
      family: 6,
      table: 'filter',
      chain: 'FORWARD',
      number: 2,
      text: '-p tcp -m tcp --dport 443 -j ACCEPT',
      ...rated(5e6, 999),
    },
    { family: 4, table: 'filter', chain: 'FORWARD', number: 0, text: 'policy DROP', ...rated(3, 0.5) },
  ],
  rulesTotal: 2,
  drops: [{ hook: 'FORWARD', reason: 'filter FORWARD policy', packets: 3, packetRate: 0.5 }],
  flows: [{ text: 'tcp [fd00:a::5]:1024 > [fd00:b::9]:443', ...rated(10, 2) }],
  accounting: true,
};

const at = (view: Partial<View>, columns = 80, rows = 12): string[] =>
  frame(OVERVIEW, { ...FIRST_VIEW, ...view }, { columns, rows }, PLAIN);

describe('a picture', () => {
  test('of 80 columns has it all', () => {
    expect(at({})).toEqual([
      'sekisho router, up 1d 02:03:04, 1.2k of 262k connections',
      'in0             in   12.3k pkt/s    9.9M bit/s  out     123 pkt/s   98.4k bit/s',
      'out0            in     123 pkt/s   98.4k bit/s  out   12.3k pkt/s    9.9M bit/s…',
      '[rules]  connections   drops   by rate',
      '   PKT/S   BIT/S PACKETS  OCTETS  TABLE CHAIN NUMBER RULE                       ',
      '     999    799k    5.0M    500M  v6 filter FORWARD 2 -p tcp -m tcp --dport 443…',
      '     0.5     400       3     300  v4 filter FORWARD policy DROP',
      '',
      '',
      '',
      '',
      'r c d: lists  s: sort  /: filter  p: pause  h: help  q: quit',
    ]);
    expect(at({ list: 'connections', sort: 'total', paused: true }).slice(3, 6)).toEqual([
      ' rules  [connections]  drops   by total  PAUSED',
      '   PKT/S   BIT/S PACKETS  OCTETS  CONNECTION                                    ',
      '       2    1.6k      10    1.0k  tcp [fd00:a::5]:1024 > [fd00:b::9]:443',
    ]);
    expect(at({ list: 'drops', filter: 'pol', typing: true }).slice(3, 6)).toEqual([
      ' rules   connections  [drops]  by rate  filter: pol_',
      '   PKT/S PACKETS  HOOK REASON                                                   ',
      '     0.5       3  FORWARD filter FORWARD policy',
    ]);
    expect(at({ list: 'queues' })[5]).toBe('one queue for each device');
    expect(at({ help: true }, 80, 30).join('\n')).toContain('s          sort by rate or by total');
  });

  test('has the queues of devices that have several', () => {
    const queues = [
      { name: 'in0', queue: 0, received: rated(9e5, 12_000), sent: rated(10, 3), drops: 0, held: 0 },
      { name: 'in0', queue: 1, received: rated(1e5, 345), sent: rated(1e6, 120), drops: 0, held: 1_200 },
    ];
    const several = { ...OVERVIEW, queues };
    const lines = [
      '  IN P/S   BIT/S OUT P/S   BIT/S  WAITED  DEVICE QUEUE',
      '   12.0k    9.6M       3    2.4k       0  in0 0',
      '     345    276k     120   96.0k    1.2k  in0 1',
    ];
    const seen = frame(several, { ...FIRST_VIEW, list: 'queues' }, { columns: 80, rows: 12 }, PLAIN);
    expect(seen.slice(3, 7).map((line) => line.trimEnd())).toEqual([
      ' rules   connections   drops  [queues]  by rate',
      ...lines,
    ]);
    expect(snapshot(several).slice(-4)).toEqual(['', ...lines]);
  });

  test('while nothing passes says so, in red', () => {
    const [first] = frame({ ...OVERVIEW, state: 'down' }, FIRST_VIEW, { columns: 60, rows: 8 }, COLOURED);
    expect(first).toBe('\x1b[31msekisho router, DOWN: nothing passes, up 1d 02:03:04, 1.2k …\x1b[39m');
  });

  test('of any size is of that size, whatever rules hold', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant('\x1b[2J\n\r関所'));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 40 }), text, (columns, rows, words) => {
        const rules = [{ ...OVERVIEW.rules[0], text: words }];
        const lines = frame({ ...OVERVIEW, rules }, FIRST_VIEW, { columns, rows }, PLAIN);
        expect(lines).toHaveLength(rows);
        for (const line of lines) {
          expect(line).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
          expect([...line].length).toBeLessThanOrEqual(columns);
        }
      }),
    );
  });

  test('without a terminal is everything, once, as wide as it is', () => {
    expect(snapshot(OVERVIEW)).toEqual([
      'sekisho router, up 1d 02:03:04, 1.2k of 262k connections',
      'in0             in   12.3k pkt/s    9.9M bit/s  out     123 pkt/s   98.4k bit/s',
      'out0            in     123 pkt/s   98.4k bit/s  out   12.3k pkt/s    9.9M bit/s  7 not sent',
      '',
      '   PKT/S   BIT/S PACKETS  OCTETS  TABLE CHAIN NUMBER RULE',
      '     999    799k    5.0M    500M  v6 filter FORWARD 2 -p tcp -m tcp --dport 443 -j ACCEPT',
      '     0.5     400       3     300  v4 filter FORWARD policy DROP',
      '',
      '   PKT/S   BIT/S PACKETS  OCTETS  CONNECTION',
      '       2    1.6k      10    1.0k  tcp [fd00:a::5]:1024 > [fd00:b::9]:443',
      '',
      '   PKT/S PACKETS  HOOK REASON',
      '     0.5       3  FORWARD filter FORWARD policy',
    ]);
  });

  test.each([
    [0, '0'],
    [0.5, '0.5'],
    [12, '12'],
    [999, '999'],
    [1_000, '1.0k'],
    [99_949, '99.9k'],
    [99_950, '100k'],
    [999_499, '999k'],
    [999_500, '1.0M'],
    [1.5e18, '1500P'],
  ])('%d is %s', (value, text) => {
    expect(short(value)).toBe(text);
  });
  test('spans', () =>
    expect([spanText(5), spanText(86_399), spanText(86_400)]).toEqual(['00:00:05', '23:59:59', '1d 00:00:00']));
});

describe('keys', () => {
  const pressing = (text: string, view: Partial<View> = {}, lines = 50): View & { quit?: boolean } => {
    let state: View = { ...FIRST_VIEW, ...view };
    for (const key of keysIn(text)) {
      const pressed = press(state, key, lines);
      state = pressed.view;
      if (pressed.quit) return { ...state, quit: true };
    }
    return state;
  };

  test.each<[string, Partial<View> & { quit?: boolean }]>([
    ['c', { list: 'connections' }],
    ['dr', { list: 'rules' }],
    ['u', { list: 'queues' }],
    ['s', { sort: 'total' }],
    ['ss', { sort: 'rate' }],
    ['p', { paused: true }],
    ['p ', { paused: false }],
    ['h', { help: true }],
    ['hc', { help: false, list: 'connections' }],
    ['/tcp', { typing: true, filter: 'tcp', paused: false }],
    ['/tcpp\x7f\r', { typing: false, filter: 'tcp' }],
    ['/q\x1b', { typing: false, filter: '' }],
    ['/q\r\x1b', { filter: '' }],
    ['\x1b[B\x1b[Bj\x1b[A', { offset: 2 }],
    ['\x1b[6~\x1b[6~\x1b[5~', { offset: 10 }],
    ['kkk', { offset: 0 }],
    ['jjjs', { offset: 0 }],
    ['q', { quit: true }],
    ['/abc\x03', { quit: true }],
    ['/q', { filter: 'q' }],
  ])('%j', (text, wanted) => {
    expect(pressing(text)).toMatchObject(wanted);
  });

  test('scrolling ends at the last line', () => {
    expect(pressing('j'.repeat(60), {}, 5).offset).toBe(4);
    expect(pressing('j', {}, 0).offset).toBe(0);
  });
});

describe('rates', () => {
  const one = { name: 'one' } as unknown as RuleSpec;
  const two = { name: 'two' } as unknown as RuleSpec;
  const table = (policy: number, ...rules: [RuleSpec, number][]): CountedTable => ({
    family: 4,
    name: 'filter',
    chains: [
      {
        spec: CHAIN,
        policy: { packets: policy, bytes: policy * 10 },
        rules: rules.map(([rule, packets]) => ({ rule, counters: { packets, bytes: packets * 10 } })),
      },
    ],
  });
  const CHAIN: ChainSpec = {
    name: 'INPUT',
    builtin: 'INPUT',
    policy: 'DROP',
    counters: { packets: 0, bytes: 0 },
    rules: [],
  };
  const sample = (at: number, more: Partial<Sample>): Sample => ({
    at,
    tables: [],
    drops: [],
    devices: [],
    flows: [],
    ...more,
  });
  const print = (rule: RuleSpec): string => (rule as unknown as { name: string }).name;
  const wish = { lines: 10, sort: 'rate', filter: '' } as const;

  test('are those between two samples; the busiest comes first', () => {
    const before = sample(0, { tables: [table(0, [one, 100], [two, 0])] });
    const now = sample(2_000, { tables: [table(4, [one, 100], [two, 50])] });
    const lines = ruleLines(now, before, wish, print);
    expect(lines.map(({ text, packetRate, byteRate }) => [text, packetRate, byteRate])).toEqual([
      ['two', 25, 250],
      ['policy DROP', 2, 20],
      ['one', 0, 0],
    ]);
    expect(ruleLines(now, before, { ...wish, sort: 'total' }, print).map(({ number }) => number)).toEqual([1, 2, 0]);
    expect(ruleLines(now, before, { ...wish, filter: 'TWO' }, print).map(({ number }) => number)).toEqual([2]);
    expect(ruleLines(now, before, { ...wish, lines: 1 }, print)).toHaveLength(1);
    expect(ruleLines(now, undefined, wish, print).map(({ packetRate }) => packetRate)).toEqual([0, 0, 0]);
  });

  test('a rule that is new has none, a count that began anew counts from zero', () => {
    const before = sample(0, { tables: [table(0, [one, 100])] });
    const now = sample(1_000, { tables: [table(0, [one, 30], [two, 70])] });
    expect(ruleLines(now, before, wish, print).map(({ text, packetRate }) => [text, packetRate])).toEqual([
      ['one', 30],
      ['two', 0],
      ['policy DROP', 0],
    ]);
  });

  test('of drops, devices and connections', () => {
    const counts = (packets: number) => ({
      receivedPackets: packets,
      receivedBytes: 0,
      sentPackets: 0,
      sentBytes: packets,
      drops: { full: 1, down: 1 },
    });
    const flow = (key: string, packets: number) => ({ key, packets, bytes: packets });
    const before = sample(0, {
      drops: [{ hook: 'INPUT', reason: 'a', packets: 1 }],
      devices: [['in0', counts(10)]],
      flows: [flow('old', 5)],
    });
    const now = sample(1_000, {
      drops: [
        { hook: 'INPUT', reason: 'a', packets: 3 },
        { hook: 'INPUT', reason: 'b', packets: 9 },
      ],
      devices: [
        ['in0', counts(30)],
        ['gone', undefined],
      ],
      flows: [flow('old', 6), flow('new', 3)],
    });
    expect(dropLines(now, before, wish).map(({ reason, packetRate }) => [reason, packetRate])).toEqual([
      ['b', 9],
      ['a', 2],
    ]);
    expect(deviceLines(now, before)).toMatchObject([
      { name: 'in0', received: { packetRate: 20 }, sent: { byteRate: 20 }, drops: 2 },
    ]);
    const queued = (...each: number[]) =>
      ['in0', { ...counts(0), queues: each.map((packets) => ({ ...counts(packets), held: 3 })) }] as const;
    const queues = queueLines(
      sample(1_000, { devices: [queued(30, 5)] }),
      sample(0, { devices: [queued(10, 4)] }),
      wish,
    );
    expect(queues).toMatchObject([
      { name: 'in0', queue: 0, received: { packetRate: 20 }, held: 3 },
      { name: 'in0', queue: 1, received: { packetRate: 1 }, held: 3 },
    ]);
    expect(flowLines(now, before, wish).map(({ text, packetRate }) => [text, packetRate])).toEqual([
      ['new', 3],
      ['old', 1],
    ]);
  });
});
