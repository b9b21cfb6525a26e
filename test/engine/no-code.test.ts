// Where the runtime makes no code from strings, chains are walked as they are, hot or not.

import { afterEach, expect, test } from 'vitest';
import { ip6, tcp } from '../../packet/build.ts';
import { Packet } from '../../packet/packet.ts';
import { BRIDGE, filter, firewallOf } from './firewall-of.ts';
import { force } from './ways.ts';

const { Function: real } = globalThis;
afterEach(() => {
  globalThis.Function = real;
});

test('--disallow-code-generation-from-strings', () => {
  const restore = force('generated at once');
  try {
    const { firewall, load, save } = firewallOf(BRIDGE);
    load(6, filter('-A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT', 'DROP'));
    let asked = 0;
    globalThis.Function = function refused() {
      asked++;
      throw new EvalError('Code generation from strings disallowed for this context');
    } as unknown as FunctionConstructor;
    for (const dport of [22, 22, 80]) {
      const pkt = Packet.of(ip6({}, tcp({ sport: 1, dport, flags: 'S' })));
      firewall.receive('portA', pkt);
    }
    globalThis.Function = real;
    expect(asked).toBeGreaterThan(0);
    expect(save(6)).toContain('[2:120] -A FORWARD -p tcp');
  } finally {
    restore();
  }
});
