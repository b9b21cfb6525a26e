// What targets do to packets. The rows say what they show; test/kernel/targets-effects.test.ts gives the same packets to the kernel.

import { describe } from 'vitest';
import { tcp } from '../../matches/tcp.ts';
import { targetCases } from '../../testing/ext-cases.ts';
import { servicesOf } from './effects/effect.ts';
import { effects } from './effects/index.ts';

for (const { target, table, rows } of effects) {
  for (const { shows, options, packet, answer, mark, mtu, set } of rows) {
    describe(shows, () => {
      const setup = { packet, in: 'tunA', out: 'tunB', mark, hook: 'FORWARD' as const, services: servicesOf(mtu), set };
      targetCases(target, { table, beside: { matches: [tcp] }, packets: [[options, setup, answer]] });
    });
  }
}
