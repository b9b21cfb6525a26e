// The packet rows of test/targets/effects, given to the kernel: what it sends, changes, drops and logs must be what the rows say.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../packet/bytes.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { TargetAnswer } from '../../testing/ext-cases.ts';
import { DEFAULT_TOPOLOGY, type Scenario, type StepResult } from '../../testing/scenario/scenario-format.ts';
import type { EffectRow, Effects } from '../targets/effects/effect.ts';
import { effects } from '../targets/effects/index.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

/** The packet as it is before FORWARD takes a hop off it. */
function before(packet: Uint8Array): Uint8Array {
  const earlier = packet.slice();
  if (earlier[0] >>> 4 === 4) ipv4.setTtl(earlier, 0, ipv4.ttl(earlier, 0) + 1);
  else ipv6.setHopLimit(earlier, 0, ipv6.hopLimit(earlier, 0) + 1);
  return earlier;
}

/** What the kernel chooses by chance in packets of its own: the IPv4 id (and so the header checksum), the IPv6 flow label. */
function withoutChance(packet: Uint8Array): string {
  const plain = packet.slice();
  if (plain[0] >>> 4 === 4) {
    plain.fill(0, ipv4.ID_AT, ipv4.ID_AT + 2);
    plain.fill(0, ipv4.CHECKSUM_AT, ipv4.CHECKSUM_AT + 2);
  } else ipv6.setFlowLabel(plain, 0, 0);
  return toHex(plain);
}

function rule({ options, mark, answer }: EffectRow, { target, table }: Effects): string {
  const cut = options.indexOf(';');
  const [frame, own] = cut < 0 ? ['', options] : [options.slice(0, cut).trim(), options.slice(cut + 1).trim()];
  const marked = mark === undefined ? '' : `-A FORWARD -j MARK --set-mark ${mark}\n`;
  // A mark shows in the log only.
  const shown = typeof answer === 'object' && answer.mark !== undefined ? '-A FORWARD -j LOG\n' : '';
  return `*${table}\n${marked}-A FORWARD ${frame} -j ${target.name} ${own}\n${shown}COMMIT\n`;
}

function scenario(row: EffectRow, of: Effects): Scenario {
  const family = row.packet[0] >>> 4;
  const { tunA, tunB } = row.mtu ?? {};
  return {
    [family === 4 ? 'v4rules' : 'v6rules']: rule(row, of),
    topology: {
      A: { ...DEFAULT_TOPOLOGY.A, mtu: tunA ?? 1500 },
      B: { ...DEFAULT_TOPOLOGY.B, mtu: tunB ?? 1500 },
    },
    log: true,
    steps: [{ in: 'A', hex: toHex(before(row.packet)) }],
  };
}

const sentBack = (step: StepResult): string[] =>
  (step.out ?? []).filter(({ out }) => out === 'A').map(({ hex }) => withoutChance(fromHex(hex)!));
const passedOn = (step: StepResult): string[] =>
  (step.out ?? []).filter(({ out }) => out === 'B').map(({ hex }) => hex);

function loggedOf({ mark }: TargetAnswer, { log = [] }: StepResult): string[] {
  return log.map(({ msg }) => (mark === undefined ? msg : msg.trimEnd().slice(msg.lastIndexOf('MARK='))));
}

const machine = probeTwin();
describe.skipIf(!ready('effects of targets against the kernel', machine))(
  'effects of targets, as the kernel has them',
  () => {
    let twin: Twin;
    beforeAll(async () => {
      twin = await Twin.start();
    });
    afterAll(() => twin.stop());

    for (const of of effects) {
      test.each(of.rows.filter((row) => row.oursOnly === undefined))(
        `-j ${of.target.name}: $shows ($options)`,
        async (row) => {
          const { steps } = await twin.run(scenario(row, of));
          const answer: TargetAnswer = typeof row.answer === 'string' ? { verdict: row.answer } : row.answer;
          const passes = answer.verdict !== 'DROP';
          expect({
            sent: sentBack(steps[0]),
            passed: passedOn(steps[0]),
            logged: loggedOf(answer, steps[0]),
          }).toEqual({
            sent: (answer.sent ?? []).map(withoutChance),
            passed: passes ? [toHex(answer.packet ?? row.packet)] : [],
            logged: answer.mark === undefined ? (answer.logged ?? []) : [`MARK=0x${answer.mark.toString(16)}`],
          });
        },
      );
    }
  },
);
