// A host of the demonstration: runs inside one of its namespaces and does what it is told, a JSON object a line on standard input,
// one answer a line on standard output.

import { createSocket } from 'node:dgram';
import { createServer as createWebServer } from 'node:http';
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fromHex } from '../../packet/bytes.ts';
import { sendRaw } from '../../tun/os.ts';

export type Order =
  | { do: 'serve-web'; port: number }
  | { do: 'serve-tcp'; port: number }
  | { do: 'echo-udp'; port: number }
  /** Counts datagrams that arrive at a port; `received` tells. */
  | { do: 'watch-udp'; port: number }
  | { do: 'received'; port: number }
  | { do: 'connect'; address: string; port: number; timeoutMs: number }
  | { do: 'ask-udp'; address: string; port: number; length: number; timeoutMs: number }
  | { do: 'send-udp'; address: string; port: number; from: number; length: number }
  | { do: 'send-raw'; hex: string };

export type Report = { result: string } | { error: string };

const received = new Map<number, number>();

export function servePeer(): void {
  createInterface({ input: process.stdin }).on('line', async (line) => {
    const report = await obey(JSON.parse(line) as Order).then(
      (result): Report => ({ result }),
      (error: Error): Report => ({ error: error.message }),
    );
    process.stdout.write(`${JSON.stringify(report)}\n`);
  });
  process.stdin.on('end', () => process.exit(0));
}

async function obey(order: Order): Promise<string> {
  switch (order.do) {
    case 'serve-web':
      return listening(
        createWebServer((_, response) => response.end('passed the barrier\n')),
        order.port,
      );
    case 'serve-tcp':
      return listening(
        createServer((socket) => socket.end('you should not be here\n')),
        order.port,
      );
    case 'echo-udp':
      return bind(order.port, (socket, data, port, address) => socket.send(data, port, address));
    case 'watch-udp':
      received.set(order.port, 0);
      return bind(order.port, () => received.set(order.port, (received.get(order.port) ?? 0) + 1));
    case 'received':
      return String(received.get(order.port) ?? 0);
    case 'connect':
      return connect(order.address, order.port, order.timeoutMs);
    case 'ask-udp':
      return askUdp(order.address, order.port, order.length, order.timeoutMs);
    case 'send-udp':
      return sendUdp(order.address, order.port, order.from, order.length);
    case 'send-raw':
      sendRaw(fromHex(order.hex) ?? new Uint8Array());
      return 'sent';
  }
}

function listening(server: ReturnType<typeof createServer>, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '::' }, () => resolve('listening'));
  });
}

function bind(
  port: number,
  each: (socket: ReturnType<typeof createSocket>, data: Buffer, port: number, address: string) => void,
): Promise<string> {
  const socket = createSocket({ type: 'udp6' });
  socket.on('message', (data, from) => each(socket, data, from.port, from.address));
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, '::', () => resolve('listening'));
  });
}

/** "connected", "refused", "timeout", or the error's own code. */
function connect(address: string, port: number, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: address, port });
    const settle = (outcome: string): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(timeoutMs, () => settle('timeout'));
    socket.once('connect', () => settle('connected'));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code === 'ECONNREFUSED' ? 'refused' : (error.code ?? error.message)),
    );
  });
}

/** Sends a datagram of `length` octets and waits for the same one back: "echoed N", "changed", "timeout". */
function askUdp(address: string, port: number, length: number, timeoutMs: number): Promise<string> {
  const data = Buffer.from(Array.from({ length }, (_, index) => index % 251));
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    const settle = (outcome: string): void => {
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    const timer = setTimeout(() => settle('timeout'), timeoutMs);
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
    socket.once('message', (back) => settle(back.equals(data) ? `echoed ${back.length}` : 'changed'));
    // Connected, so that an ICMP error about the datagram comes back as an error here.
    socket.connect(port, address, () => socket.send(data));
  });
}

function sendUdp(address: string, port: number, from: number, length: number): Promise<string> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(from, () =>
      socket.send(Buffer.alloc(length), port, address, (error) => {
        socket.close();
        if (error) reject(error);
        else resolve('sent');
      }),
    );
  });
}
