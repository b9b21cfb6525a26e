// netbios-ns and snmp: questions of the router itself to all hosts of a link.

import { ip, udp } from '../../../packet/build.ts';
import { toHex } from '../../../packet/bytes.ts';
import type { Step } from '../../../testing/scenario/scenario-format.ts';
import { end, type HelperRow, HOSTS, packet, rules } from './talk.ts';

const ALL = '10.0.2.255';
/** The twin's addresses have no broadcast address unless told; with its only address a device loses its routes. */
const kernelSetup = [
  'addr del 10.0.2.1/24 dev tunB',
  `addr add 10.0.2.1/24 brd ${ALL} dev tunB`,
  'route add default dev tunB scope link',
].map((words) => ['ip', ...words.split(' ')]);

const ask = (dport: number, dst = ALL): Step => ({
  local: toHex(ip(4, { src: HOSTS.outside[4], dst }, udp({ sport: 5_000, dport, data: 'who?' }))),
});
const neighbour = { address: '10.0.2.77', port: 0, side: 'B' as const };

function answers(helper: string, port: number): HelperRow {
  const router = { address: HOSTS.outside[4], port: 5_000 };
  return {
    name: `${helper}: many answer`,
    kernelSetup,
    scenario: {
      v4rules: rules(helper, 'udp', port),
      steps: [
        ask(port),
        { ct: true },
        packet(4, { ...neighbour, port }, router, 'me'),
        packet(4, { ...neighbour, address: '10.0.2.78', port }, router, 'me'),
        packet(4, { ...neighbour, address: '10.0.2.79', port: port + 1 }, router, 'me'),
        packet(4, { ...end('server', 4, port) }, router, 'me'),
        { ct: true },
      ],
    },
    expects: [`l3proto = 2 proto=17 src=${ALL} dst=${HOSTS.outside[4]} sport=${port} dport=5000 PERMANENT ${helper}`],
  };
}

const quiet = (name: string, ...steps: Step[]): HelperRow => ({
  name,
  kernelSetup,
  scenario: { v4rules: rules('netbios-ns', 'udp', 137), steps: [...steps, { ct: true }] },
  expects: [],
});

export const broadcastRows: readonly HelperRow[] = [
  answers('netbios-ns', 137),
  answers('snmp', 161),
  quiet('a question to one host', ask(137, '10.0.2.77')),
  quiet('a question of another host', packet(4, end('client', 4, 5_000), { address: '10.0.2.77', port: 137 }, 'who?')),
];
