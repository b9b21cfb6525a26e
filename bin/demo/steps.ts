// What the demonstration shows, a row a step: what is done, what is expected, what the row proves. Every "refused" and "dropped"
// goes to a port where the server does listen: it is the engine that says no.

import { ip4, ip6, tcp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Host } from './host.ts';

export const ADDRESSES = {
  client: { 4: '10.77.0.2', 6: 'fd77::2' },
  server: { 4: '10.77.0.3', 6: 'fd77::3' },
} as const;

/** Longer than five segments: the hosts cut it into fragments of 1,500 octets. */
const LONG_DATAGRAM = 8_000;
const SILENCE_MS = 1_000;

export interface Hosts {
  readonly client: Host;
  readonly server: Host;
}

export interface Step {
  readonly what: string;
  readonly expected: string;
  act(hosts: Hosts): Promise<string> | string;
}

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

function ping(family: 4 | 6): Step {
  return {
    what: `ping the server (IPv${family})`,
    expected: '3 of 3 answered',
    act({ client }) {
      const { stdout } = client.run([
        'ping',
        `-${family}`,
        '-c',
        '3',
        '-i',
        '0.05',
        '-W',
        '2',
        ADDRESSES.server[family],
      ]);
      return `${/(\d+) received/.exec(stdout)?.[1] ?? 0} of 3 answered`;
    },
  };
}

function web(family: 4 | 6): Step {
  return {
    what: `fetch a page with curl (IPv${family})`,
    expected: 'passed the barrier',
    act: ({ client }) =>
      client.run(['curl', '-sS', '--max-time', '3', `http://${bracketed(ADDRESSES.server[family])}/`]).stdout.trim(),
  };
}

function connect(family: 4 | 6, port: number, expected: string, why: string): Step {
  return {
    what: `connect to port ${port} (IPv${family}): ${why}`,
    expected,
    act: ({ client }) => client.tell({ do: 'connect', address: ADDRESSES.server[family], port, timeoutMs: SILENCE_MS }),
  };
}

function longDatagram(family: 4 | 6): Step {
  return {
    what: `a datagram of ${LONG_DATAGRAM} octets in fragments, and back (IPv${family})`,
    expected: `echoed ${LONG_DATAGRAM}`,
    act: ({ client }) =>
      client.tell({
        do: 'ask-udp',
        address: ADDRESSES.server[family],
        port: 5000,
        length: LONG_DATAGRAM,
        timeoutMs: 3_000,
      }),
  };
}

function refusedDatagram(family: 4 | 6): Step {
  return {
    what: `a datagram to a closed-off port (IPv${family}): REJECT is an ICMP error`,
    expected: 'ECONNREFUSED',
    act: ({ client }) =>
      client.tell({ do: 'ask-udp', address: ADDRESSES.server[family], port: 4000, length: 100, timeoutMs: SILENCE_MS }),
  };
}

function unsolicitedDatagram(family: 4 | 6): Step {
  return {
    what: `an answer from port 53 that nobody asked for (IPv${family}): the policy drops it`,
    expected: '0 arrived',
    async act({ client, server }) {
      const port = 9_000 + family;
      await client.tell({ do: 'watch-udp', port });
      await server.tell({ do: 'send-udp', address: ADDRESSES.client[family], port, from: 53, length: 64 });
      await new Promise((resolve) => setTimeout(resolve, 200));
      return `${await client.tell({ do: 'received', port })} arrived`;
    },
  };
}

/** A SYN/ACK out of the blue begins no connection: the tracker calls it INVALID. The server's own kernel would answer for a real one. */
function unsolicitedSynAck(family: 4 | 6): Step {
  return {
    what: `a SYN/ACK that answers no SYN (IPv${family}): INVALID`,
    expected: 'sent',
    act({ server }) {
      const segment = tcp({ sport: 80, dport: 40_000, flags: 'SA', seq: 1, ack: 1 });
      const between = { src: ADDRESSES.server[family], dst: ADDRESSES.client[family] };
      const octets = family === 4 ? ip4(between, segment) : ip6(between, segment);
      return server.tell({ do: 'send-raw', hex: toHex(octets) });
    },
  };
}

export const steps: readonly Step[] = [
  ping(4),
  ping(6),
  web(4),
  web(6),
  connect(4, 81, 'refused', 'REJECT with a TCP reset'),
  connect(6, 81, 'refused', 'REJECT with a TCP reset'),
  connect(4, 25, 'timeout', 'DROP says nothing'),
  connect(6, 25, 'timeout', 'DROP says nothing'),
  longDatagram(4),
  longDatagram(6),
  refusedDatagram(4),
  refusedDatagram(6),
  unsolicitedDatagram(4),
  unsolicitedDatagram(6),
  unsolicitedSynAck(4),
  unsolicitedSynAck(6),
];

/** Rules whose counters must have moved, by table listing text: the proof that the engine, not the host, did it. */
export const counted: readonly { family: 4 | 6; chain: string; rule: RegExp; what: string }[] = (
  [4, 6] as const
).flatMap((family) => [
  { family, chain: 'FORWARD', rule: /--ctstate INVALID/, what: 'INVALID packets dropped' },
  { family, chain: 'from-inside', rule: /--dport 25 .*-j DROP/, what: 'connections to port 25 dropped' },
  { family, chain: 'refuse', rule: /tcp-reset/, what: 'connections refused with a reset' },
  { family, chain: 'refuse', rule: /port-unreachable/, what: 'datagrams refused with an ICMP error' },
]);

/** What must be ready on the server before the first step. */
export async function serve({ server }: Hosts): Promise<void> {
  await server.tell({ do: 'serve-web', port: 80 });
  await server.tell({ do: 'serve-tcp', port: 81 });
  await server.tell({ do: 'serve-tcp', port: 25 });
  await server.tell({ do: 'echo-udp', port: 5000 });
  await server.tell({ do: 'echo-udp', port: 4000 });
}
