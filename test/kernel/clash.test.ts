// Connections whose tuples meet: the same flow in two zones of its original direction has one reply tuple for both, and only one of them can
// have it. What the kernel lets through, drops and keeps, and we.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as build from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Scenario, Step } from '../../testing/scenario/scenario-format.ts';
import { beside } from './beside.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

/** The DSCP of a packet says which zone it gets. */
const RAW = `*raw
-A PREROUTING -i tunA -m dscp --dscp 1 -j CT --zone-orig 1
-A PREROUTING -i tunA -m dscp --dscp 2 -j CT --zone-orig 2
-A PREROUTING -i tunA -m dscp --dscp 3 -j CT --zone-reply 3
-A PREROUTING -i tunA -m dscp --dscp 4 -j CT --zone-reply 4
-A PREROUTING -i tunB -m dscp --dscp 5 -j CT --zone 1
COMMIT
*filter
-A FORWARD -m conntrack --ctstate NEW
-A FORWARD -m conntrack --ctstate ESTABLISHED
-A FORWARD -m conntrack --ctstate INVALID
COMMIT
`;

const NAT: Readonly<Record<string, string>> = {
  'without nat': '',
  'with an empty nat table': '*nat\n:POSTROUTING ACCEPT\nCOMMIT\n',
  'with SNAT for one of them':
    '*nat\n-A POSTROUTING -m dscp --dscp 2 -p udp -j SNAT --to-source 10.0.1.2:5000\nCOMMIT\n',
};

/** A packet of the flow, or of its answer. */
const LAYERS: Readonly<Record<string, (answer: boolean) => build.Layer>> = {
  udp: (answer) => build.udp({ ...ports(answer), data: 4 }),
  tcp: (answer) => build.tcp({ ...ports(answer), flags: answer ? 'SA' : 'S', seq: 100, ack: answer ? 101 : 0 }),
  'tcp that was not seen to open': (answer) => build.tcp({ ...ports(answer), flags: 'A', seq: 100, ack: 100 }),
  sctp: (answer) => build.sctp({ ...ports(answer), chunks: [{ type: 1, data: SCTP_INIT }] }),
  udplite: (answer) => build.udplite({ ...ports(answer), data: 4 }),
  icmp: (answer) => build.icmp({ type: answer ? 0 : 8, id: 7 }),
  gre: () => build.gre({}),
  ospf: () => build.raw(89, 8),
};

/** Tag, window, streams, first number. RFC 9260 3.3.2 */
const SCTP_INIT = Uint8Array.of(0, 0, 0, 7, 0, 0, 255, 255, 0, 1, 0, 1, 0, 0, 0, 1);

const ports = (answer: boolean) => (answer ? { sport: 80, dport: 1_000 } : { sport: 1_000, dport: 80 });

/** Packets in order: 1 to 4 there, `b` back, 5 back in zone 1. */
const ORDERS = ['12b', '21b12', '34b', '3b4b', '1b2b', '15b'];

function stepsOf(order: string, layer: (answer: boolean) => build.Layer): Step[] {
  return [...order].flatMap((letter): Step[] => {
    const back = letter === 'b' || letter === '5';
    const tos = letter === 'b' ? 0 : 4 * Number(letter);
    const ends = back ? { src: '10.0.2.2', dst: '10.0.1.2' } : { src: '10.0.1.2', dst: '10.0.2.2' };
    return [{ in: back ? 'B' : 'A', hex: toHex(build.ip4({ ...ends, tos }, layer(back))) }, { ct: true }];
  });
}

describe.skipIf(!ready('connections whose tuples meet, beside the kernel', probeTwin()))('where tuples meet', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  test.each(Object.entries(NAT))('%s', async (name, nat) => {
    for (const [protocol, layer] of Object.entries(LAYERS)) {
      for (const order of ORDERS) {
        const steps = [...stepsOf(order, layer), { counters: true } as const];
        const scenario: Scenario = { name: `${name}, ${protocol}: ${order}`, v4rules: RAW + nat, steps };
        expect([scenario.name, ...(await beside(twin, scenario))]).toEqual([scenario.name]);
      }
    }
  });
});
