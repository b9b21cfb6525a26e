// A firewall from save text, for tests: built-in extensions, seeded random numbers, what it sends and logs in lists.

import { helpers } from '../../conntrack/helpers/index.ts';
import { restore } from '../../engine/edit/restore.ts';
import { Ruleset } from '../../engine/edit/ruleset.ts';
import { Firewall, type FirewallOptions } from '../../engine/firewall.ts';
import { Registry } from '../../engine/registry.ts';
import type { LogRecord } from '../../engine/services.ts';
import { DEFAULT_TOPOLOGY } from '../../engine/stack/index.ts';
import { noNames } from '../../grammar/names.ts';
import { matches } from '../../matches/index.ts';
import { toHex } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { targets } from '../../targets/index.ts';
import { seeded } from '../../testing/bare-services.ts';

export interface TestFirewall {
  readonly firewall: Firewall;
  readonly rulesets: Record<Family, Ruleset>;
  readonly registry: Registry;
  /** `device hex`, since the last look. */
  sent(): string[];
  readonly logged: LogRecord[];
  /** Lets a packet in; what came out. */
  receive(device: string, octets: Uint8Array, now?: number): string[];
  /** Throws with the diagnostics when the text is refused. */
  load(family: Family, text: string): void;
  /** `-c` save text of the family. */
  save(family: Family): string;
}

export const BRIDGE: FirewallOptions['mode'] = { kind: 'bridge', ports: ['portA', 'portB'] };
export const ROUTER: FirewallOptions['mode'] = { kind: 'router', topology: DEFAULT_TOPOLOGY };

export function firewallOf(mode: FirewallOptions['mode'], options: Partial<FirewallOptions> = {}): TestFirewall {
  const registry = new Registry({ matches, targets, helpers });
  let sent: string[] = [];
  const logged: LogRecord[] = [];
  const firewall = new Firewall({
    mode,
    registry,
    random: seeded(7),
    transmit: (device, pkt) => sent.push(`${device} ${toHex(pkt.bytes, pkt.l3, pkt.end)}`),
    onLog: (record) => logged.push(record),
    ...options,
  });
  const ruleset = (family: Family) =>
    new Ruleset(family, {
      lookup: registry,
      names: noNames,
      counters: firewall.counterStore(family),
      install: (table) => firewall.install([table]),
    });
  const rulesets = { 4: ruleset(4), 6: ruleset(6) };
  const take = () => {
    const taken = sent;
    sent = [];
    return taken;
  };
  return {
    firewall,
    rulesets,
    registry,
    logged,
    sent: take,
    receive(device, octets, now = firewall.now) {
      const pkt = Packet.of(octets);
      pkt.now = now;
      firewall.receive(device, pkt);
      return take();
    },
    load(family, text) {
      const { diagnostics } = restore(text, rulesets[family], { program: 'restore' });
      if (diagnostics.length > 0) throw new Error(diagnostics.map(({ first }) => first).join('\n'));
    },
    save: (family) => rulesets[family].save({ counters: true }),
  };
}

/** A filter table from its rules, policies ACCEPT but FORWARD's. */
export const filter = (rules: string, forward = 'ACCEPT'): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ${forward} [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules.trim()}\nCOMMIT\n`;
