// One device with offloads, one without: what comes as a super-packet is cut on its way to the one that takes none, and what both ends get is what
// was sent. TCP by iperf3 and a checksum of what arrived, UDP super-packets (UDP_SEGMENT) by Python, which has setsockopt().

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataPlane } from '../../tun/data-plane.ts';
import { bundleProgram, probe, ready } from '../kernel/support.ts';
import { IO_METHODS } from './io-method.ts';
import { ADDRESS, type Host, Lab } from './lab.ts';

const may = ready('a device with offloads and one without', probe('ip', 'ss', 'sysctl', 'python3'));

const PORT = 4_000;
const OCTETS = 4_000_000;

/** Fetches so many octets that anybody can make, and prints their checksum. */
const SERVE_TCP = `require('net').createServer((s) => s.end(Buffer.alloc(${OCTETS}, 'sekisho '))).listen(${PORT}, '::')`;
const FETCH_TCP = `
  const hash = require('crypto').createHash('sha256');
  require('net').connect(${PORT}, process.argv[1]).on('data', (octets) => hash.update(octets)).on('end', () => console.log(hash.digest('hex')));`;

/** SOL_UDP 17, UDP_SEGMENT 103; include/uapi/linux/udp.h. Twenty super-packets of ten datagrams and a short one. */
const SEND_UDP = `
import socket, sys, time
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.connect((sys.argv[1], ${PORT}))
s.setsockopt(17, 103, 1000)
for number in range(20):
    s.send(bytes([number]) * 10_300)
    time.sleep(0.01)
`;
const RECEIVE_UDP = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('::', ${PORT}))
s.settimeout(60)
# SO_RCVBUFFORCE: all of them fit, however late they are taken.
s.setsockopt(socket.SOL_SOCKET, 33, 8_000_000)
print('ready', flush=True)
seen = {}
while sum(seen.values()) < 20 * 11:
    octets = s.recv(65536)
    key = (octets[0], len(octets), len(set(octets)))
    seen[key] = seen.get(key, 0) + 1
print(sorted(seen.items()))
`;

const WAYS = IO_METHODS.map((io) => ({ io }));

describe.skipIf(!may).each(WAYS)('the client has offloads and the server none, $io', ({ io }) => {
  let lab: Lab;
  let plane: DataPlane;

  beforeAll(async () => {
    lab = new Lab();
    plane = await DataPlane.start({
      program: bundleProgram('tun/worker.ts'),
      engine: bundleProgram('test/inline/bare-engine.ts'),
      devices: [{ name: 'tunA' }, { name: 'tunB', offloads: false }],
      io,
    });
    lab.adopt('client', 'tunA');
    lab.adopt('server', 'tunB');
  });
  afterAll(async () => {
    await plane?.stop();
    lab?.close();
  });

  const other = (host: Host): Host => (host === 'client' ? 'server' : 'client');
  /** The counts when nothing is under way any more: a packet is counted where it came in before it is counted where it goes out. */
  async function settled(): Promise<ReturnType<typeof plane.deviceCounts>> {
    for (let [earlier, same] = ['', 0]; ; ) {
      const counts = plane.deviceCounts();
      same = JSON.stringify(counts) === earlier ? same + 1 : 0;
      if (same === 5) return counts;
      earlier = JSON.stringify(counts);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** By device, packets that came from the sender's and that went to the receiver's while `send` was at it. */
  async function counted(from: Host, send: () => Promise<void>): Promise<{ came: number; left: number }> {
    const before = await settled();
    await send();
    const after = await settled();
    const [inward, outward] = from === 'client' ? [0, 1] : [1, 0];
    return {
      came: after[inward].receivedPackets - before[inward].receivedPackets,
      left: after[outward].sentPackets - before[outward].sentPackets,
    };
  }

  test.each<[Host, 'v4' | 'v6']>([
    ['client', 'v4'],
    ['client', 'v6'],
    ['server', 'v4'],
    ['server', 'v6'],
  ])('TCP sent by the %s, %s', async (from, family) => {
    const wanted = createHash('sha256').update(Buffer.alloc(OCTETS, 'sekisho ')).digest('hex');
    const server = lab.start(from, [process.execPath, '-e', SERVE_TCP]);
    await lab.listening(from, PORT);
    const { came, left } = await counted(from, async () => {
      const { stdout } = await lab.finish(other(from), [process.execPath, '-e', FETCH_TCP, ADDRESS[from][family]]);
      expect(stdout.trim()).toBe(wanted);
    });
    server.kill();
    // What the client sends is cut here, what the server sends was cut by its kernel.
    if (from === 'client') expect(left).toBeGreaterThan(2 * came);
    else expect(left).toBe(came);
  });

  test.each<[Host, 'v4' | 'v6']>([
    ['client', 'v4'],
    ['client', 'v6'],
    ['server', 'v4'],
    ['server', 'v6'],
  ])('UDP super-packets sent by the %s, %s', async (from, family) => {
    const receiver = lab.start(other(from), ['python3', '-c', RECEIVE_UDP]);
    let printed = '';
    receiver.stdout?.on('data', (octets: Buffer) => {
      printed += octets.toString();
    });
    const over = new Promise((resolve) => receiver.on('close', resolve));
    while (!printed.includes('ready')) await new Promise((resolve) => setTimeout(resolve, 10));
    const { came, left } = await counted(from, async () => {
      await lab.finish(from, ['python3', '-c', SEND_UDP, ADDRESS[other(from)][family]]);
      await over;
    });
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    expect(printed.split('\n')[1]).toBe(
      `[${numbers.map((number) => `((${number}, 300, 1), 1), ((${number}, 1000, 1), 10)`).join(', ')}]`,
    );
    expect(left).toBe(220);
    // Linux 6.2 hands UDP super-packets to a device that takes them.
    if (from === 'server') expect(came).toBe(220);
    else expect([20, 220]).toContain(came);
  });
});
