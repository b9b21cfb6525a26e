// The daemon's engine with a fault in it: a packet that says so makes it fail. Only programs of the tests are started with it.

import { createEngine as sound } from '../../control/live/engine.ts';
import type { Engine, EngineHost } from '../../tun/data-plane.ts';

/** fd77::bad */
const POISON = Buffer.from('fd770000000000000000000000000bad', 'hex');

const includes = (bytes: Uint8Array, from: number, to: number, text: string): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).includes(text);

export function createEngine(host: EngineHost): Engine {
  const engine = sound(host);
  let poisoned = false;
  return {
    ...engine,
    handle(request) {
      // A connection to an address that says so: the engine takes it, and fails on it later.
      const { op, bytes } = request as { op: string; bytes?: Uint8Array };
      if (op === 'restore' && bytes && Buffer.from(bytes).includes(POISON)) poisoned = true;
      return engine.handle(request);
    },
    receive(device, pkt) {
      if (poisoned) throw new Error('poisoned');
      if (includes(pkt.bytes, pkt.l3, pkt.end, 'fall over')) throw new Error('fell over, as told');
      if (includes(pkt.bytes, pkt.l3, pkt.end, 'stand still')) for (;;);
      if (includes(pkt.bytes, pkt.l3, pkt.end, 'end at once')) process.exit(3);
      engine.receive(device, pkt);
    },
  };
}
