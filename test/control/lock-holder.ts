// Takes a lock, says so, and keeps it until it is told to end or is killed.

import { Lock } from '../../control/stored/lock.ts';

const lock = Lock.try(process.argv[2]);
process.stdout.write(lock ? 'held\n' : 'busy\n');
process.stdin.resume();
process.stdin.on('end', () => {
  lock?.release();
  process.exit(0);
});
