// Sockets of the firewall's host, as far as somebody tells of them: what -m socket and TPROXY look up, and -m cgroup on INPUT.
// A lookup finds what the kernel's would: the connected socket of the packet first, else the listening one, bound to the address before
// bound to any. net/ipv4/inet_hashtables.c, net/netfilter/nf_socket_ipv4.c, nf_tproxy_ipv4.c

import { type Address, parseAddress } from '../../packet/address.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../../packet/numbers.ts';
import type { Owner } from '../../packet/packet.ts';

export interface SocketSpec {
  readonly protocol: 'tcp' | 'udp';
  /** '192.0.2.1:80', '[2001:db8::1]:80'; '0.0.0.0:80', '[::]:80' and '*:80' (both families) are bound to any address. */
  readonly local: string;
  /** The other end, of a connected one. */
  readonly remote?: string;
  /** Device that it is bound to. */
  readonly device?: string;
  /** IP_TRANSPARENT is set. */
  readonly transparent?: boolean;
  /** SO_MARK. */
  readonly mark?: number;
  readonly owner?: Owner;
}

export interface Socket {
  readonly transparent: boolean;
  /** Bound to any address. */
  readonly wildcard: boolean;
  readonly mark: number;
  readonly owner: Owner | undefined;
}

/** Both ends as a packet on its way in has them. */
export interface SocketQuery {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly source: Address;
  readonly sourcePort: number;
  readonly destination: Address;
  readonly destinationPort: number;
  readonly device: string;
}

interface End {
  /** Undefined: any. */
  readonly address: Address | undefined;
  /** 0: both. */
  readonly family: 0 | 4 | 6;
  readonly port: number;
}

interface Known extends Socket {
  readonly protocol: number;
  readonly local: End;
  readonly remote: End | undefined;
  readonly device: string;
}

export class Sockets {
  private readonly connected: readonly Known[];
  private readonly waiting: readonly Known[];

  /** Throws a RangeError that names what cannot be read. */
  constructor(specs: readonly SocketSpec[]) {
    const all = specs.map(known);
    this.connected = all.filter(({ remote }) => remote);
    // Bound to the address, and to the device, comes before bound to any.
    this.waiting = all.filter(({ remote }) => !remote).sort((a, b) => rank(b) - rank(a));
  }

  /** The socket that a packet with these ends would come to; undefined: none. */
  find(query: SocketQuery): Socket | undefined {
    return this.established(query) ?? this.listening(query);
  }

  established(query: SocketQuery): Socket | undefined {
    return this.connected.find(
      (one) => isFor(one, query) && isEnd(one.remote!, query.family, query.source, query.sourcePort),
    );
  }

  listening(query: SocketQuery): Socket | undefined {
    return this.waiting.find((one) => isFor(one, query));
  }
}

const rank = ({ local, device }: Known): number => (local.address ? 2 : 0) + (device === '' ? 0 : 1);

const isFor = ({ protocol, local, device }: Known, query: SocketQuery): boolean =>
  protocol === query.protocol &&
  (device === '' || device === query.device) &&
  isEnd(local, query.family, query.destination, query.destinationPort);

const isEnd = (end: End, family: 4 | 6, address: Address, port: number): boolean =>
  end.port === port &&
  (end.family === 0 || end.family === family) &&
  (!end.address || end.address.every((octet, at) => octet === address[at]));

function known(spec: SocketSpec): Known {
  const local = endOf(spec.local);
  return {
    protocol: spec.protocol === 'tcp' ? IPPROTO_TCP : IPPROTO_UDP,
    local,
    remote: spec.remote === undefined ? undefined : endOf(spec.remote),
    device: spec.device ?? '',
    transparent: spec.transparent ?? false,
    wildcard: local.address === undefined,
    mark: spec.mark ?? 0,
    owner: spec.owner,
  };
}

/** '192.0.2.1:80', '[::1]:80', '*:80' */
function endOf(text: string): End {
  const found = /^(?:\*|\[([^\]]*)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  const [, six, four, port] = found ?? [];
  const family = six !== undefined ? 6 : four !== undefined ? 4 : 0;
  const address = family === 0 ? undefined : parseAddress((six ?? four)!, family);
  if (!found || Number(port) > 0xffff || (family !== 0 && !address)) {
    throw new RangeError(`"${text}" is no end of a socket: write 192.0.2.1:80, [2001:db8::1]:80 or *:80`);
  }
  const any = address && (family === 4 ? address.slice(12) : address).every((octet) => octet === 0);
  return { address: any ? undefined : address, family, port: Number(port) };
}
