// The demonstration without root or TUN devices: the same rules and the same engine, packets built here, an in-memory wire.

import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtinRegistry } from '../../control/extensions.ts';
import { hostNames } from '../../control/host-names.ts';
import { packageRoot } from '../../control/package-root.ts';
import { parseSave } from '../../engine/edit/restore.ts';
import { Firewall } from '../../engine/firewall.ts';
import { describe } from '../../packet/describe.ts';
import { Packet } from '../../packet/packet.ts';
import { packetFromWords } from '../../packet/words.ts';
import { colored } from '../color.ts';
import { RULES } from './demo.ts';
import { ADDRESSES } from './steps.ts';

interface Row {
  readonly what: string;
  readonly from: 'inside' | 'outside';
  /** Words; `C` and `S` stand for the addresses of client and server. */
  readonly packet: string;
  /** Devices that packets must leave by, in order: none, the other side (passed), the same side (answered). */
  readonly expected: 'passed' | 'dropped' | 'answered';
}

const rows = (family: 4 | 6): Row[] => {
  const [icmp, echo, reply] =
    family === 4 ? ['icmp', 'echo-request', 'echo-reply'] : ['icmp6', 'echo-request', 'echo-reply'];
  return [
    { what: 'echo request', from: 'inside', packet: `${icmp} C > S ${echo} id 7`, expected: 'passed' },
    { what: 'its reply', from: 'outside', packet: `${icmp} S > C ${reply} id 7`, expected: 'passed' },
    {
      what: 'SYN to the web port',
      from: 'inside',
      packet: 'tcp C > S sport 40000 dport 80 syn seq 100',
      expected: 'passed',
    },
    {
      what: 'its SYN/ACK',
      from: 'outside',
      packet: 'tcp S > C sport 80 dport 40000 flags SA seq 500 ack 101',
      expected: 'passed',
    },
    {
      what: 'SYN to port 81: REJECT',
      from: 'inside',
      packet: 'tcp C > S sport 40001 dport 81 syn',
      expected: 'answered',
    },
    { what: 'SYN to port 25: DROP', from: 'inside', packet: 'tcp C > S sport 40002 dport 25 syn', expected: 'dropped' },
    {
      what: 'datagram to a closed-off port: REJECT',
      from: 'inside',
      packet: 'udp C > S sport 5 dport 4000',
      expected: 'answered',
    },
    {
      what: 'SYN/ACK that answers nothing',
      from: 'outside',
      packet: 'tcp S > C sport 80 dport 4 flags SA seq 1 ack 1',
      expected: 'dropped',
    },
    {
      what: 'datagram that nobody asked for',
      from: 'outside',
      packet: 'udp S > C sport 53 dport 9000',
      expected: 'dropped',
    },
  ];
};

export function memoryDemo(why: string): number {
  const print = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  print(`In memory, because ${why}: rules of ${RULES}, packets built here, an in-memory wire.\n`);
  const out: { device: string; text: string }[] = [];
  const firewall = new Firewall({
    mode: { kind: 'bridge', ports: ['inside', 'outside'] },
    registry: builtinRegistry(),
    random: () => randomFillSync(new Uint32Array(1))[0],
    transmit: (device, pkt) => out.push({ device, text: describe(pkt) }),
  });
  const text = readFileSync(join(packageRoot(), RULES), 'utf8');
  for (const family of [4, 6] as const) {
    const { tables } = parseSave(text, { family, lookup: firewall.registry, names: hostNames(), file: RULES });
    firewall.install(tables);
  }
  let failures = 0;
  let now = 0;
  for (const family of [4, 6] as const) {
    for (const { what, from, packet, expected } of rows(family)) {
      out.length = 0;
      const words = packet.replace(/\bC\b/, ADDRESSES.client[family]).replace(/\bS\b/, ADDRESSES.server[family]);
      const pkt = Packet.of(packetFromWords(words));
      pkt.now = now += 10;
      firewall.receive(from, pkt);
      const got = out.length === 0 ? 'dropped' : out[0].device === from ? 'answered' : 'passed';
      if (got !== expected) failures++;
      const sign = got === expected ? colored('green', 'ok  ') : colored('red', 'FAIL');
      print(`${sign} ${`IPv${family} ${what}`.padEnd(48)} ${got}${out[0] ? `   ${out[0].text}` : ''}`);
    }
  }
  print(`\n${failures === 0 ? 'all went as announced' : `${failures} went otherwise than announced`}`);
  return failures === 0 ? 0 : 1;
}
