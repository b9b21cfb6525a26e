// What the two hosts of a lab send each other while a forwarder is measured.

import { ADDRESS, type Host, type Lab } from '../inline/lab.ts';
import { deviceOf, type Running } from './forwarders.ts';

export interface Flow {
  /** Gbit/s of TCP payload, or thousand datagrams a second, that arrived. */
  readonly rate: number;
  /** What the forwarder took of the processor, in nanoseconds: for a packet that it delivered either way, super-packets as one. */
  readonly nsPerPacket: number | undefined;
  /** The same for 1,024 octets delivered. */
  readonly nsPerKib: number | undefined;
}

/** One TCP stream or several, IPv6, as fast as they go. */
export const tcpFlow = (lab: Lab, running: Running, seconds: number, streams: number): Promise<Flow> =>
  charged(lab, running, async () => {
    const { sum_received: sum } = await iperf(lab, seconds, ['-P', `${streams}`]);
    return (sum?.bits_per_second ?? 0) / 1e9;
  });

/** What is measured afterwards is not to hold a compiler's work. */
export async function warmUp(lab: Lab, protocol: 'tcp' | 'udp'): Promise<void> {
  await iperf(lab, 1, protocol === 'tcp' ? [] : UNPACED);
}

const UNPACED = ['-u', '-b', '0', '-l', '18'];

/** 18-octet datagrams, IPv6, one way, unpaced; of one flow or several. */
export const udpFlow = (lab: Lab, running: Running, seconds: number, flows = 1): Promise<Flow> =>
  charged(lab, running, async () => {
    const { sum } = await iperf(lab, seconds, [...UNPACED, '-P', `${flows}`]);
    return sum ? (sum.packets - sum.lost_packets) / seconds / 1e3 : 0;
  });

export type Beside = 'nothing' | 'packets' | 'stream';

/** Traffic that goes on for so many seconds while something else is measured: 20,000 small packets a second, or all that TCP gets through. */
export async function beside(lab: Lab, load: Beside, seconds: number): Promise<void> {
  if (load === 'packets') await iperf(lab, seconds, ['-u', '-b', '2880000', '-l', '18']);
  if (load === 'stream') await iperf(lab, seconds, []);
}

async function charged(lab: Lab, running: Running, send: () => Promise<number>): Promise<Flow> {
  const before = { delivered: delivered(lab), spent: running.spentNs() };
  const rate = await send();
  const after = { delivered: delivered(lab), spent: running.spentNs() };
  if (before.spent === undefined || after.spent === undefined)
    return { rate, nsPerPacket: undefined, nsPerKib: undefined };
  const spent = after.spent - before.spent;
  const packets = after.delivered.packets - before.delivered.packets;
  const octets = after.delivered.octets - before.delivered.octets;
  return { rate, nsPerPacket: spent / packets, nsPerKib: (spent / octets) * 1_024 };
}

interface Delivered {
  packets: number;
  octets: number;
}

/** What both hosts' devices were handed so far. */
function delivered(lab: Lab): Delivered {
  const sum = { packets: 0, octets: 0 };
  for (const host of ['client', 'server'] as const) {
    const { stdout } = lab.run(host, ['ip', '-json', '-stats', 'link', 'show', 'dev', deviceOf(host)]);
    const [{ stats64 }] = JSON.parse(stdout) as { stats64: { rx: { packets: number; bytes: number } } }[];
    sum.packets += stats64.rx.packets;
    sum.octets += stats64.rx.bytes;
  }
  return sum;
}

interface Iperf {
  /** TCP. */
  sum_received?: { bits_per_second: number };
  /** UDP. */
  sum?: { packets: number; lost_packets: number };
}

async function iperf(lab: Lab, seconds: number, args: readonly string[]): Promise<Iperf> {
  const server = lab.finish('server', ['iperf3', '-s', '-1']);
  await lab.listening('server', 5201);
  const argv = ['iperf3', '-c', ADDRESS.server.v6, '-t', `${seconds}`, '-J', ...args];
  const { stdout, stderr } = await lab.finish('client', argv);
  await server;
  try {
    return (JSON.parse(stdout) as { end: Iperf }).end;
  } catch {
    throw new Error(`iperf3: ${stdout}${stderr}`);
  }
}

/** Mean round trip of a hundred echo requests while nothing else runs, microseconds. */
export async function ping(lab: Lab, from: Host = 'client', to: Host = 'server'): Promise<number> {
  const { stdout } = await lab.finish(from, ['ping', '-c', '100', '-i', '0.005', '-q', ADDRESS[to].v6]);
  const average = /= [\d.]+\/([\d.]+)\//.exec(stdout);
  return average ? Number(average[1]) * 1_000 : Number.NaN;
}
