// Several queues: the bare forwarder in C and `sekisho run` with as many of them, between the same two hosts, in turn. On two cores, which the
// hosts' programs want as well, more queues cannot bring more packets: what can be seen here is what they cost, as processor time a packet.
//
//   node test/bench/run.mjs queues [--queues 1,2,4] [--rules 1000] [--seconds 2] [--rounds 3]

import { parseArgs } from 'node:util';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { Lab } from '../inline/lab.ts';
import { probe } from '../kernel/support.ts';
import { bareCOf, type Forwarder, type Running, sekisho } from './forwarders.ts';
import { passingRules } from './passing-rules.ts';
import { describe, keep, machine, median } from './results.ts';
import { type Flow, ping, tcpFlow, udpFlow, warmUp } from './traffic.ts';

const { values } = parseArgs({
  options: {
    queues: { type: 'string', default: '1,2,4' },
    rules: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
  },
});
const SECONDS = Number(values.seconds);
const RULES = Number(values.rules);

const MEASURES: Readonly<Record<string, (lab: Lab, running: Running) => Promise<Flow>>> = {
  'thousand 18-octet UDP datagrams/s, 4 flows': (lab, running) => udpFlow(lab, running, SECONDS, 4),
  'Gbit/s, 4 TCP streams': (lab, running) => tcpFlow(lab, running, SECONDS, 4),
  'us, ping': async (lab) => ({ rate: await ping(lab), nsPerPacket: undefined, nsPerKib: undefined }),
};

interface Case {
  readonly program: 'C' | 'sekisho';
  readonly queues: number;
}

const forwarder = ({ program, queues }: Case): Forwarder =>
  program === 'C' ? bareCOf(queues) : sekisho('sekisho run', ['--queues', `${queues}`]);

async function measure(of: Case): Promise<Map<string, Flow>> {
  const lab = new Lab();
  try {
    const running = await forwarder(of).start(lab, passingRules('stateful', RULES, 'udp'));
    try {
      await warmUp(lab, 'udp');
      const flows = new Map<string, Flow>();
      for (const [name, each] of Object.entries(MEASURES)) flows.set(name, await each(lab, running));
      return flows;
    } finally {
      await running.stop();
    }
  } finally {
    lab.close();
  }
}

async function main(): Promise<void> {
  const { missing } = probe('ip', 'ss', 'sysctl', 'iperf3', 'ping');
  if (missing !== '') {
    console.log(`left out: ${missing}`);
    return;
  }
  // Whose devices have the same names, is elsewhere.
  enterNewNamespace();
  console.log(describe(machine()));
  const cases = values.queues
    .split(',')
    .flatMap((queues): Case[] => (['C', 'sekisho'] as const).map((program) => ({ program, queues: Number(queues) })));
  const all = new Map<Case, Map<string, Flow>[]>(cases.map((of) => [of, []]));
  // In turn, so that a busy minute of the machine hits all of them.
  for (let round = 0; round < Number(values.rounds); round++)
    for (const of of cases) all.get(of)?.push(await measure(of));
  const rows = Object.keys(MEASURES).flatMap((traffic) =>
    cases.map((of) => {
      const flows = (all.get(of) ?? []).map((round) => round.get(traffic)!);
      const spent = flows.flatMap(({ nsPerPacket }) => nsPerPacket ?? []);
      return {
        ...of,
        traffic,
        rate: median(flows.map(({ rate }) => rate)),
        nsPerPacket: spent.length > 0 ? Math.round(median(spent)) : undefined,
      };
    }),
  );
  console.table(rows);
  keep('queues', rows);
}

await main();
