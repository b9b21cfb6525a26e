// The program of the data plane's threads with a fault in those of the queues: a packet that says so makes its queue's fail. Only programs of
// the tests are started with it.

import { QueueEnd } from '../../tun/lane.ts';

const { arrived } = QueueEnd.prototype;

function faulty(this: QueueEnd, at: number, length: number): void {
  const octets = Buffer.from(this.bytes.buffer, at, length);
  if (octets.includes('queue falls over')) throw new Error('the queue fell over, as told');
  if (octets.includes('queue stands still')) for (;;);
  if (octets.includes('queue ends')) process.exit(3);
  arrived.call(this, at, length);
}

QueueEnd.prototype.arrived = faulty;
await import('../../tun/worker.ts');
