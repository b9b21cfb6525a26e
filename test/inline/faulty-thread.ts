// The program of the data plane's threads with a fault in those of the queues: a packet that says so makes its queue's fail. Only programs of
// the tests are started with it.

import { PAGE_LENGTH, QueueEnd } from '../../tun/lane.ts';

const { fill } = QueueEnd.prototype;

function faultyFill(this: QueueEnd, count: number): void {
  const page = Buffer.from(this.bytes.buffer, this.page * PAGE_LENGTH, PAGE_LENGTH);
  for (let pair = 0; pair < 2 * count; pair += 2) {
    const [at, length] = this.packets[this.page].subarray(pair, pair + 2);
    const octets = page.subarray(at, at + length);
    if (octets.includes('queue falls over')) throw new Error('the queue fell over, as told');
    if (octets.includes('queue stands still')) for (;;);
    if (octets.includes('queue ends')) process.exit(3);
  }
  fill.call(this, count);
}

QueueEnd.prototype.fill = faultyFill;
await import('../../tun/worker.ts');
