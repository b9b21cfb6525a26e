// What CONNMARK, CT and NOTRACK do to connections and packets. test/kernel/targets-marks.test.ts asks the kernel for the same marks.

import { expect, test } from 'vitest';
import type { Template } from '../../conntrack/template.ts';
import type { Connections, Tracker } from '../../conntrack/tracker.ts';
import { turnsTrackingOn } from '../../engine/extension.ts';
import { Registry } from '../../engine/registry.ts';
import { noNames } from '../../grammar/names.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { TargetSpec } from '../../grammar/rule-spec.ts';
import { ip4, ip6, udp } from '../../packet/build.ts';
import { CT_NEW, CT_UNTRACKED, type Packet } from '../../packet/packet.ts';
import { CONNMARK } from '../../targets/CONNMARK.ts';
import { CT } from '../../targets/CT.ts';
import { targets } from '../../targets/index.ts';
import { NFLOG } from '../../targets/NFLOG.ts';
import { NFQUEUE } from '../../targets/NFQUEUE.ts';
import { NOTRACK } from '../../targets/NOTRACK.ts';
import { targetCases } from '../../testing/ext-cases.ts';
import { connmarks } from './effects/connmarks.ts';

const packet = ip6({}, udp({ data: 'abc' }));

/** One connection, whose mark can be looked at. */
function oneConnection(mark: number): { tracker: Tracker; mark: () => number } {
  let current = mark;
  const connections = {
    mark: () => current,
    setMark: (_id: number, value: number) => {
      current = value;
    },
  } as unknown as Connections;
  return { tracker: { connections } as unknown as Tracker, mark: () => current };
}

for (const { options, nfmark, ctmark, nfmarkAfter, ctmarkAfter } of connmarks) {
  const one = oneConnection(ctmark);
  targetCases(CONNMARK, {
    packets: [
      [
        options,
        {
          packet,
          mark: nfmark,
          services: { tracker: one.tracker },
          set: (pkt: Packet) => {
            pkt.connection = 7;
          },
        },
        { verdict: 'CONTINUE', mark: nfmarkAfter, check: () => expect(one.mark()).toBe(ctmarkAfter) },
      ],
    ],
  });
}

targetCases(CONNMARK, {
  packets: ['--set-mark 5', '--save-mark', '--restore-mark'].map((options) => [
    options,
    { packet, mark: 9, ctState: CT_UNTRACKED },
    // The row's services throw for any question about a connection.
    { verdict: 'CONTINUE', mark: 9 },
  ]),
});

const template = (pkt: Packet): Template => pkt.template as Template;

targetCases(NOTRACK, {
  table: 'raw',
  packets: [['', packet, { verdict: 'CONTINUE', check: (pkt) => expect(template(pkt).untracked).toBe(true) }]],
});

const none: Template = {
  untracked: false,
  mark: 0,
  zoneOriginal: 0,
  zoneReply: 0,
  markZones: 0,
  helper: undefined,
  timeout: undefined,
  events: undefined,
  expectEvents: undefined,
};

targetCases(CT, {
  table: 'raw',
  packets: (
    [
      ['', none],
      ['--zone 7', { ...none, zoneOriginal: 7, zoneReply: 7 }],
      ['--zone-orig 7', { ...none, zoneOriginal: 7 }],
      ['--zone-reply 7', { ...none, zoneReply: 7 }],
      ['--zone-orig 1 --zone-reply 7', { ...none, zoneOriginal: 7, zoneReply: 7 }],
      ['--zone mark', { ...none, markZones: 3 }],
      ['--zone-orig mark', { ...none, markZones: 1 }],
      ['--zone-reply mark', { ...none, markZones: 2 }],
      ['-p tcp ; --helper ftp', { ...none, helper: 'ftp' }],
      ['--ctevents new,destroy,secmark --expevents new', { ...none, events: 0x205, expectEvents: 1 }],
    ] as const
  ).map(([options, wanted]) => [
    options,
    packet,
    { verdict: 'CONTINUE', check: (pkt) => expect(pkt.template).toEqual(wanted) },
  ]),
});

targetCases(CT, {
  table: 'raw',
  packets: [
    [
      '--zone 7',
      {
        packet,
        set: (pkt: Packet) => {
          pkt.template = none;
        },
      },
      { verdict: 'CONTINUE', check: (pkt) => expect(pkt.template, 'the first target decides').toBe(none) },
    ],
    [
      '--zone 7',
      { packet, ctState: CT_NEW },
      { verdict: 'CONTINUE', check: (pkt) => expect(pkt.template, 'seen by the tracker already').toBeUndefined() },
    ],
  ],
});

targetCases(NFQUEUE, {
  packets: [
    ['', packet, 'QUEUE'],
    ['--queue-num 5 --queue-bypass', packet, 'QUEUE_BYPASS'],
  ],
});

const LINE =
  'note IN=tunA OUT= MAC= SRC=10.0.1.2 DST=10.0.2.2 LEN=31 TOS=0x00 PREC=0x00 TTL=64 ID=0 PROTO=UDP SPT=1024 DPT=53 LEN=11 ';
const packet4 = ip4({}, udp({ data: 'abc' }));

targetCases(NFLOG, {
  packets: [
    [
      '--nflog-group 3 --nflog-prefix "note " --nflog-size 20',
      { packet: packet4, in: 'tunA' },
      {
        verdict: 'CONTINUE',
        logged: [LINE],
        check: (_pkt, { logged }) =>
          expect(logged[0].nflog).toEqual({ group: 3, prefix: 'note ', threshold: 0, packet: packet4.slice(0, 20) }),
      },
    ],
    [
      '',
      packet4,
      { verdict: 'CONTINUE', check: (_pkt, { logged }) => expect(logged[0].nflog?.packet).toEqual(packet4) },
    ],
  ],
});

const registry = new Registry({ targets });
const read = (text: string): Extract<TargetSpec, { kind: 'extension' }> => {
  const parsed = parseCommand(text, { family: 4, lookup: registry, names: noNames, table: 'nat' });
  if (parsed.kind !== 'append' || parsed.rules[0].target?.kind !== 'extension') throw new Error(text);
  return parsed.rules[0].target;
};

test.each([
  ['-j CT --zone 1', true],
  ['-j CT', true],
  ['-j CT --notrack', false],
  ['-j NOTRACK', false],
  ['-j CONNMARK --set-mark 1', true],
  ['-j MARK --set-mark 1', false],
  ['-j MASQUERADE', true],
])('%s turns tracking on: %s', (rule, on) => {
  const { name, checked } = read(`-A PREROUTING ${rule}`);
  expect(turnsTrackingOn(registry.target(name, 4)!, checked)).toBe(on);
});
