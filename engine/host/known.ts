// What is known of the host at the moment, and may be other facts later: rules hold services that stay the same.

import type { Connections } from '../../conntrack/connections.ts';
import { type HostFacts, type HostServices, readFacts } from './facts.ts';

export class Known {
  readonly services: HostServices = {
    sockets: { find: (query) => this.now.services.sockets.find(query) },
    transparentSocket: (pkt, address, port) => this.now.services.transparentSocket(pkt, address, port),
    ipsec: (pkt, direction) => this.now.services.ipsec(pkt, direction),
    ipvs: (pkt) => this.now.services.ipvs(pkt),
    deviceGroup: (device) => this.now.services.deviceGroup(device),
    realm: (pkt) => this.now.services.realm(pkt),
    fingerprints: () => this.now.services.fingerprints(),
  };
  private readonly connections: Connections;
  private now: ReturnType<typeof readFacts>;

  /** `connections`: of the tracker that packets went through. */
  constructor(connections: Connections) {
    this.connections = connections;
    this.now = readFacts({}, connections);
  }

  /** In place of what was. Throws a RangeError for what cannot be read, and changes nothing. */
  learn(facts: HostFacts): void {
    this.now = readFacts(facts, this.connections);
  }

  /** Those given last. */
  get facts(): HostFacts {
    return this.now.facts;
  }
}
