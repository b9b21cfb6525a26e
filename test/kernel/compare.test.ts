// The comparison and the shrinking: what they let pass nobody will see.

import { describe, expect, test } from 'vitest';
import { fragment, icmp, icmp6, ip4, ip6, raw, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Result, Scenario, Step, StepResult } from '../../testing/scenario/scenario-format.ts';
import { compareResults } from './compare.ts';
import { minimise, type RandomCase, randomCase, scenarioOf } from './random.ts';

const out = (...packets: Uint8Array[]): StepResult => ({
  out: packets.map((packet) => ({ out: 'A', hex: toHex(packet) })),
});
const one = (step: StepResult): Result => ({ steps: [step] });
const given = (packet: Uint8Array): Scenario => ({ steps: [{ in: 'A', hex: toHex(packet) }] });

/** Number of lines about it. */
const differ = (kernel: StepResult, ours: StepResult, scenario?: Scenario): number =>
  compareResults(one(kernel), one(ours), scenario).length;

describe('packets', () => {
  const input = ip4({ id: 5 }, udp());
  const error = (id: number, code = 3, df = false) => ip4({ id, df }, icmp({ type: 3, code, data: 'quote' }));

  test.each([
    ['the identification of a packet that the kernel made', out(error(77)), out(error(1)), true],
    ['the identification of one that it passed on', out(error(5)), out(error(1)), false],
    ['anything else in a packet that it made', out(error(77)), out(error(1, 2)), false],
    ['identification 0 with DF, which is no draw', out(error(0, 3, true)), out(error(1, 3, true)), false],
    ['identification 0 without, where the count has come round', out(error(0)), out(error(1)), true],
    ['one packet too few', out(error(77), error(78)), out(error(1)), false],
    ['one too many', out(), out(error(1)), false],
  ])('%s', (_, kernel, ours, same) => {
    expect(differ(kernel, ours, given(input)) === 0).toBe(same);
  });

  const input6 = ip6({ flowLabel: 9 }, udp());
  const echo = (flowLabel: number) => ip6({ flowLabel }, icmp6({ type: 129 }));
  const piece = (id: number) => ip6({}, fragment({ id, more: true }), raw(17, 16));
  test.each([
    ['the flow label of a packet that the kernel made', out(echo(0x12345)), out(echo(0)), true],
    ['the label of one that it passed on', out(echo(9)), out(echo(0)), false],
    ['no label', out(echo(0)), out(echo(9)), false],
    ['the identification of fragments cut anew', out(piece(1)), out(piece(2)), true],
  ])('%s', (_, kernel, ours, same) => {
    expect(differ(kernel, ours, given(input6)) === 0).toBe(same);
  });

  test('the side counts, the order between sides does not', () => {
    const [a, b] = [toHex(error(1, 1)), toHex(error(2, 2))];
    const both = {
      out: [
        { out: 'A' as const, hex: a },
        { out: 'B' as const, hex: b },
      ],
    };
    expect(differ(both, { out: both.out.toReversed() })).toBe(0);
    expect(
      differ(both, {
        out: [
          { out: 'B', hex: a },
          { out: 'A', hex: b },
        ],
      }),
    ).not.toBe(0);
  });
});

describe('dumps', () => {
  const entry = {
    family: 'ipv4' as const,
    proto: 17,
    timeout: 30,
    state: null,
    flags: ['UNREPLIED'],
    orig: { src: '1.2.3.4' },
    reply: {},
    mark: 0,
  };
  test.each([
    ['timeouts up to two seconds apart', { timeout: 28 }, true],
    ['timeouts further apart', { timeout: 27 }, false],
    ['another state', { state: 'CLOSE' }, false],
    ['a flag less', { flags: [] }, false],
    ['a mark', { mark: 1 }, false],
    ['another tuple', { orig: { src: '1.2.3.5' } }, false],
  ])('%s', (_, change, same) => {
    expect(differ({ ct: [entry] }, { ct: [{ ...entry, ...change }] }) === 0).toBe(same);
  });

  test('counters: every number and word', () => {
    const rule = { table: 'filter', chain: 'INPUT', rule: '-j DROP', pkts: 1, bytes: 40 };
    expect(differ({ v4: [rule] }, { v4: [rule] })).toBe(0);
    for (const change of [{ pkts: 2 }, { bytes: 41 }, { rule: '-j ACCEPT' }, { chain: 'OUTPUT' }]) {
      expect(differ({ v4: [rule] }, { v4: [{ ...rule, ...change }] })).not.toBe(0);
    }
    expect(differ({ v4: [rule], v6: [] }, { v4: [], v6: [] })).not.toBe(0);
  });

  test('the log: an identification is masked unless a packet came in with it', () => {
    const line = (from: string, id: number) => ({
      log: [{ level: 4, msg: `x IN=${from} OUT=tunB TTL=64 ID=${id} PROTO=UDP` }],
    });
    const scenario = given(ip4({ id: 1 }, udp()));
    expect(differ(line('', 7), line('', 2), scenario)).toBe(0);
    expect(differ(line('tunA', 7), line('tunA', 2), scenario)).toBe(0);
    expect(differ(line('tunA', 1), line('tunA', 2), scenario)).not.toBe(0);
    expect(differ(line('tunA', 0), line('tunA', 2), scenario)).not.toBe(0);
  });

  test('a reload that one refuses', () => {
    expect(differ({ err: 'no' }, {})).not.toBe(0);
    expect(differ({ err: 'no' }, { err: 'nein' })).toBe(0);
  });
});

describe('random cases', () => {
  test('a seed always makes the same scenario, another seed another one', () => {
    expect(scenarioOf(randomCase(7))).toEqual(scenarioOf(randomCase(7)));
    expect(scenarioOf(randomCase(7))).not.toEqual(scenarioOf(randomCase(8)));
  });

  test('shrinking leaves what is needed to fail', async () => {
    const whole = randomCase(11);
    const rule = '-A FORWARD -p tcp -m mark --mark 1 -j DROP';
    whole.v6 = [{ name: 'filter', chains: [':FORWARD ACCEPT [0:0]'], rules: ['-A FORWARD', rule, '-A INPUT -j DROP'] }];
    const wanted = whole.steps.slice(20, 22);
    const fails = async ({ steps, v6 }: RandomCase) =>
      wanted.every((step) => steps.includes(step as Step)) &&
      v6.some(({ rules }) => rules.some((text) => text.includes('--mark 1')));
    const small = await minimise(whole, fails);
    expect(small.steps).toEqual(wanted);
    expect([small.v4, small.v6[0].rules, small.rest]).toEqual([[], ['-A FORWARD --mark 1'], {}]);
  });
});
