// An FTP session through the firewall: the control connection, and the data connections that it agrees upon, each a Flow to where its opener
// was told to go. What a helper rewrites on the way is what the other end reads.
//
//   const session = fw.ftp('192.168.1.30', '198.51.100.9');
//   session.connect();
//   session.passive().connect().ctstate; // of the last packet; open() has 'RELATED' where a helper heard of it

import type { TestFirewall } from './firewall.ts';
import type { Flow } from './flow.ts';
import type { Outcome } from './outcome.ts';
import { familyOf, tcp } from './packets.ts';
import type { SendOptions } from './setup.ts';

export interface FtpOptions extends SendOptions {
  /** The server's port; 21. */
  readonly port?: number;
  /** The client's; 40000. */
  readonly clientPort?: number;
}

export interface DataOptions {
  /** Where the listener waits; 50000 and the next ones unless given. */
  readonly port?: number;
  /** EPRT and EPSV instead of PORT and 227; IPv6 has no others. */
  readonly extended?: boolean;
  /** The announcement in other words than the usual: for what a helper should not believe. */
  readonly says?: string;
}

const FIRST_PORT = 50_000;
const DATA_PORT = 20;

export class FtpSession {
  readonly control: Flow;
  /** What became of the last announcement: PORT, EPRT, or the answer to PASV or EPSV. */
  announcement: Outcome | undefined = undefined;
  private readonly fw: TestFirewall;
  private readonly client: string;
  private readonly server: string;
  private next = FIRST_PORT;

  constructor(fw: TestFirewall, client: string, server: string, options: FtpOptions = {}) {
    const { port = 21, clientPort = 40_000, ...more } = options;
    this.fw = fw;
    this.client = client;
    this.server = server;
    this.control = fw.flow(tcp(client, server, { sport: clientPort, dport: port }), more);
  }

  /** The control connection up to where data may be agreed upon. The outcome of the last packet, or of the first that did not come through. */
  connect(): Outcome {
    let outcome = this.control.connect();
    for (const [who, line] of [
      ['server', '220 ready'],
      ['client', 'USER anonymous'],
      ['server', '331 go on'],
      ['client', 'PASS x'],
      ['server', '230 welcome'],
    ] as const) {
      if (outcome.verdict !== 'accepted') break;
      outcome = this.say(who, `${line}\r\n`);
    }
    return outcome;
  }

  /** The client listens, and says where; the server's connection to it, not yet opened. */
  active({ port = this.next++, extended = false, says }: DataOptions = {}): Flow {
    const { client } = this;
    const is6 = familyOf(client, client) === 6;
    const usual =
      extended || is6
        ? `EPRT |${is6 ? 2 : 1}|${client}|${port}|`
        : `PORT ${client.replaceAll('.', ',')},${port >>> 8},${port & 255}`;
    const said = this.announce('client', says ?? usual);
    this.say('server', '200 ok\r\n');
    const place = placeIn(said) ?? { address: client, port };
    return this.fw.flow(tcp(this.farServer, place.address, { sport: DATA_PORT, dport: place.port }));
  }

  /** The server listens, and says where; the client's connection to it, not yet opened. */
  passive({ port = this.next++, extended = false, says }: DataOptions = {}): Flow {
    const is6 = familyOf(this.server, this.server) === 6;
    this.say('client', extended || is6 ? 'EPSV\r\n' : 'PASV\r\n');
    const own = this.farServer;
    const usual =
      extended || is6
        ? `229 Entering Extended Passive Mode (|||${port}|)`
        : `227 Entering Passive Mode (${own.replaceAll('.', ',')},${port >>> 8},${port & 255}).`;
    const said = this.announce('server', says ?? usual);
    const place = placeIn(said) ?? { address: this.server, port };
    const address = place.address === '' ? this.server : place.address;
    return this.fw.flow(tcp(this.client, address, { sport: port, dport: place.port }));
  }

  /** The server's address as it has it itself: another one than the client's words where it is forwarded to. */
  private get farServer(): string {
    return this.control.farAddress ?? this.server;
  }

  private say(who: 'client' | 'server', text: string): Outcome {
    return who === 'client' ? this.control.send(text) : this.control.reply(text);
  }

  /** What the other end reads; what was said, where it did not come through. */
  private announce(who: 'client' | 'server', line: string): string {
    this.announcement = this.say(who, `${line}\r\n`);
    const [arrived] = this.announcement.out;
    return arrived ? new TextDecoder('latin1').decode(arrived.payload) : line;
  }
}

/** Address ('' where none is said) and port of an announcement; undefined: it is none. */
function placeIn(line: string): { address: string; port: number } | undefined {
  const numbers = /(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)/.exec(line)?.slice(1).map(Number);
  if (numbers) return { address: numbers.slice(0, 4).join('.'), port: numbers[4] * 256 + numbers[5] };
  const bars = /\|(?:\d\|([^|]+)|\|)\|(\d+)\|/.exec(line);
  return bars ? { address: bars[1] ?? '', port: Number(bars[2]) } : undefined;
}
