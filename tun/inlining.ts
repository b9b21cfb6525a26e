// What V8 is told where packets are decided. It inlines some 900 octets of bytecode into a function, and no function of more than 460: made for
// programs that run a little of everything. A packet runs through the same hundred short functions each time, and takes a sixth less, up to a third,
// where more of them become one; docs/decisions/packet-path.md has the figures, and what it costs.

import { setFlagsFromString } from 'node:v8';

const FLAGS = ['--max-inlined-bytecode-size-cumulative=4000', '--max-inlined-bytecode-size=1000'];

/** For all of the process, from the next function on that V8 optimises: to be called before the engine's code runs. */
export function inlineMore(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}
