// Inline forwarding with few rules and many: a bare loop in C (the limit of what a program between two TUN devices reaches), our own bare loop,
// `sekisho run`, and the kernel with the same rules as iptables-legacy and as nft have them, between the same two hosts, in turn.
// Absolute figures move by a factor of two with whatever else the machine does: a ratio is the median of the ratios of each round. Each start of
// a forwarder is warmed up for a second.
//
//   node test/bench/run.mjs inline                           the rows that goals are set for: 5 minutes a round, three rounds
//        [--counts 0,30,100,1000] [--kinds stateful,simple]   so many rules instead, with TCP and UDP
//        [--traffic tcp,tcp4,udp,ping] [--only sekisho] [--seconds 2] [--rounds 3]

import { parseArgs } from 'node:util';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { Lab } from '../inline/lab.ts';
import { probe } from '../kernel/support.ts';
import { bareC, bareLoop, type Forwarder, legacy, nft, type Running, sekisho } from './forwarders.ts';
import { type Kind, passingRules } from './passing-rules.ts';
import { describe, keep, machine, median, spread } from './results.ts';
import { type Flow, ping, tcpFlow, udpFlow, warmUp } from './traffic.ts';

type Traffic = 'tcp' | 'tcp4' | 'udp' | 'ping';

const { values } = parseArgs({
  options: {
    traffic: { type: 'string', default: 'tcp,tcp4,udp,ping' },
    kinds: { type: 'string', default: 'stateful,simple' },
    counts: { type: 'string' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});
const SECONDS = Number(values.seconds);
const WANTED = values.traffic.split(',') as Traffic[];

const MEASURES: Readonly<Record<Traffic, (lab: Lab, running: Running) => Promise<Flow>>> = {
  tcp: (lab, running) => tcpFlow(lab, running, SECONDS, 1),
  tcp4: (lab, running) => tcpFlow(lab, running, SECONDS, 4),
  udp: (lab, running) => udpFlow(lab, running, SECONDS),
  // A shorter trip is a higher rate, as for the others.
  ping: async (lab) => ({ rate: 1e6 / (await ping(lab)), nsPerPacket: undefined, nsPerKib: undefined }),
};
const UNIT: Readonly<Record<Traffic, string>> = {
  tcp: 'Gbit/s, 1 TCP stream',
  tcp4: 'Gbit/s, 4 TCP streams',
  udp: 'thousand 18-octet UDP datagrams/s',
  ping: 'pings/s, one after the other',
};

/** What one start of each forwarder is for: rules that all packets of one protocol walk, and the traffic of that protocol. */
interface Case {
  readonly kind: Kind;
  readonly count: number;
  readonly protocol: 'tcp' | 'udp';
  readonly traffic: readonly Traffic[];
}

const CARRIED: Readonly<Record<Case['protocol'], readonly Traffic[]>> = { tcp: ['tcp', 'tcp4'], udp: ['udp', 'ping'] };

/** What goals are set for. */
const USUAL: readonly (readonly [Kind, number, Case['protocol']])[] = [
  ['none', 0, 'tcp'],
  ['stateful', 100, 'tcp'],
  ['stateful', 1_000, 'tcp'],
  ['stateful', 5_000, 'tcp'],
  ['none', 0, 'udp'],
  ['simple', 10, 'udp'],
  ['stateful', 1_000, 'udp'],
  ['simple', 5_000, 'udp'],
  ['simple', 10_000, 'udp'],
];

/** All of so many rules; without rules there is only one kind. */
const withCounts = (counts: readonly number[]): typeof USUAL =>
  counts.flatMap((count) =>
    (count === 0 ? (['none'] as const) : (values.kinds.split(',') as Kind[])).flatMap((kind) =>
      (['tcp', 'udp'] as const).map((protocol) => [kind, count, protocol] as const),
    ),
  );

const cases = (): Case[] =>
  (values.counts ? withCounts(values.counts.split(',').map(Number)) : USUAL)
    .map(([kind, count, protocol]) => ({
      kind,
      count,
      protocol,
      traffic: CARRIED[protocol].filter((one) => WANTED.includes(one)),
    }))
    .filter(({ traffic }) => traffic.length > 0);

/** Our bare loop has no rules: it stands only where there are none. */
const forwarders = (count: number): Forwarder[] =>
  [bareC, ...(count === 0 ? [bareLoop()] : []), sekisho(), legacy, nft].filter(
    ({ name, missing }) =>
      missing === '' && (values.only === undefined || name === bareC.name || name.includes(values.only)),
  );

async function measure(forwarder: Forwarder, { kind, count, protocol, traffic }: Case): Promise<Map<Traffic, Flow>> {
  const lab = new Lab();
  try {
    const running = await forwarder.start(lab, passingRules(kind, count, protocol));
    try {
      await warmUp(lab, protocol);
      const flows = new Map<Traffic, Flow>();
      for (const one of traffic) flows.set(one, await MEASURES[one](lab, running));
      return flows;
    } finally {
      await running.stop();
    }
  } finally {
    lab.close();
  }
}

// --- Rounds and rows ----------------------------------------------------------------------------------------------------------------

interface Row {
  readonly kind: Kind;
  readonly rules: number;
  readonly traffic: Traffic;
  readonly forwarder: string;
  readonly rate: number;
  readonly spread: number;
  /** Divided by the bare C forwarder's, and by the kernel's, of the same round. */
  readonly ofC: number | undefined;
  readonly ofLegacy: number | undefined;
  readonly ofNft: number | undefined;
  readonly nsPerPacket: number | undefined;
  readonly nsPerKib: number | undefined;
}

type Rounds = readonly Flow[];

function row(of: Case, traffic: Traffic, forwarder: string, all: ReadonlyMap<string, Rounds>): Row {
  const own = all.get(forwarder)!;
  const over = (peer: Forwarder): number | undefined => {
    const theirs = all.get(peer.name);
    return theirs && peer.name !== forwarder
      ? median(own.map(({ rate }, round) => rate / theirs[round].rate))
      : undefined;
  };
  const cost = (figure: 'nsPerPacket' | 'nsPerKib'): number | undefined => {
    const known = own.map((flow) => flow[figure]).filter((one) => one !== undefined);
    return known.length > 0 ? median(known) : undefined;
  };
  const rates = own.map(({ rate }) => rate);
  return {
    kind: of.kind,
    rules: of.count,
    traffic,
    forwarder,
    rate: median(rates),
    spread: spread(rates),
    ofC: over(bareC),
    ofLegacy: over(legacy),
    ofNft: over(nft),
    nsPerPacket: traffic === 'udp' ? cost('nsPerPacket') : undefined,
    nsPerKib: traffic === 'udp' ? undefined : cost('nsPerKib'),
  };
}

/** By traffic and forwarder, the flows of all rounds; interleaved, so that a busy minute of the machine hits all of them. */
async function rounds(of: Case): Promise<Map<Traffic, Map<string, Flow[]>>> {
  const all = new Map<Traffic, Map<string, Flow[]>>(of.traffic.map((traffic) => [traffic, new Map()]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const forwarder of forwarders(of.count)) {
      for (const [traffic, flow] of await measure(forwarder, of)) {
        const own = all.get(traffic)!;
        own.set(forwarder.name, [...(own.get(forwarder.name) ?? []), flow]);
      }
    }
  }
  return all;
}

const cell = (value: number | undefined, width: number, digits: number): string =>
  (value?.toFixed(digits) ?? '-').padStart(width);

const HEAD = 'forwarder            rate  spread    of C  of legacy   of nft  ns/packet   ns/KiB';

const line = ({ forwarder, rate, spread: share, ofC, ofLegacy, ofNft, nsPerPacket, nsPerKib }: Row): string =>
  `${forwarder.padEnd(16)}${cell(rate, 9, rate < 100 ? 2 : 0)}${cell(share, 8, 2)}${cell(ofC, 8, 2)}${cell(ofLegacy, 11, 2)}` +
  `${cell(ofNft, 9, 2)}${cell(nsPerPacket, 11, 0)}${cell(nsPerKib, 9, 1)}`;

async function main(): Promise<void> {
  const here = probe('ip', 'ss', 'sysctl', 'iperf3', 'ping');
  if (here.missing !== '') {
    console.log(`inline bench left out: ${here.missing}`);
    return;
  }
  // Whose devices have the same names, is elsewhere.
  enterNewNamespace();
  for (const { name, missing } of [bareC, bareLoop(), sekisho(), legacy, nft])
    if (missing !== '') console.log(`${name}: left out, ${missing}`);
  console.log(describe(machine()));
  const rows: Row[] = [];
  for (const of of cases()) {
    for (const [traffic, all] of await rounds(of)) {
      console.log(`\n${of.count} rules${of.count > 0 ? `, ${of.kind}` : ''}: ${UNIT[traffic]}\n${HEAD}`);
      for (const name of all.keys()) {
        const made = row(of, traffic, name, all);
        rows.push(made);
        console.log(line(made));
      }
    }
  }
  keep('inline', rows);
}

await main();
