// Starts a data plane, prints how it reads and writes or why it does not start, and ends. Its words: the programs of its thread and engine, the
// method that is wanted, if any, and the number of queues.

import { DataPlane } from '../../tun/data-plane.ts';
import type { IoMethod } from '../../tun/io-method.ts';

const [program, engine, io, queues = '1'] = process.argv.slice(2);
try {
  const plane = await DataPlane.start({
    program,
    engine,
    devices: [{ name: 'tunA' }, { name: 'tunB' }],
    queues: Number(queues),
    io: io ? (io as IoMethod) : undefined,
  });
  process.stdout.write(`${JSON.stringify(plane.io)}\n`);
  await plane.stop();
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`);
}
