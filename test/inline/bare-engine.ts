// The engine that decides nothing: what comes in by one device leaves by the other.

import type { Engine, EngineHost } from '../../tun/data-plane.ts';

export function createEngine(host: EngineHost): Engine {
  let packets = 0;
  return {
    receive(device, pkt) {
      packets++;
      host.transmit(1 - device, pkt);
    },
    advance: () => Number.POSITIVE_INFINITY,
    handle(request) {
      if (request === 'packets') return packets;
      if (request === 'say') host.emit({ said: host.options });
      if (request === 'hang') for (;;);
      if (request === 'fail') throw new Error('as asked');
      return host.devices.map(({ name, mtu }) => ({ name, mtu }));
    },
  };
}
