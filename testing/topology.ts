// Devices of a firewall under test as people write them, and as the engine takes them.

import type { Mode } from '../engine/firewall.ts';
import type { Topology } from '../engine/stack/index.ts';

/** Addresses with their prefix length ('10.0.1.1/24'), and 'default' where the default routes lead; or all of it apart. */
export type Device =
  | readonly string[]
  | {
      readonly addresses?: readonly string[];
      /** '10.1.0.0/16', '2001:db8::/32 via fd00:a::9', 'default'. */
      readonly routes?: readonly string[];
      readonly mtu?: number;
    };

/** By the names that rules have for them; of a bridge two names. */
export type Devices = Readonly<Record<string, Device>> | readonly [string, string];

export const DEFAULT_DEVICES: Readonly<Record<string, Device>> = {
  inside: { addresses: ['10.0.1.1/24', 'fd00:a::1/64'], routes: ['10.1.0.0/16', 'fd00:1::/32'] },
  outside: { addresses: ['10.0.2.1/24', 'fd00:b::1/64'], routes: ['default'] },
};

/** Throws an Error with a sentence for devices that do not suit the mode. */
export function modeOf({ mode, devices }: { mode?: 'router' | 'bridge'; devices?: Devices }): Mode {
  if (mode === 'bridge') {
    const names = Array.isArray(devices) ? (devices as readonly string[]) : Object.keys(devices ?? DEFAULT_DEVICES);
    if (names.length !== 2) throw new Error(`a bridge has two devices, not ${names.length}`);
    return { kind: 'bridge', ports: [names[0], names[1]] };
  }
  if (Array.isArray(devices))
    throw new Error("a router has addresses: devices: { lan0: ['10.0.0.1/24'], wan0: [...] }");
  const given = Object.entries((devices as Readonly<Record<string, Device>> | undefined) ?? DEFAULT_DEVICES);
  return { kind: 'router', topology: Object.fromEntries(given.map(([name, device]) => [name, placeOf(device)])) };
}

function placeOf(device: Device): Topology[string] {
  if (!Array.isArray(device)) {
    const { addresses = [], routes = [], mtu = 1500 } = device as Exclude<Device, readonly string[]>;
    return { addresses, routes: routes.flatMap(routesOf), mtu };
  }
  const words = device as readonly string[];
  return {
    addresses: words.filter((word) => !isRoute(word)),
    routes: words.filter(isRoute).flatMap(routesOf),
    mtu: 1500,
  };
}

const isRoute = (word: string): boolean => word === 'default' || word.startsWith('route ') || word.includes(' via ');

const routesOf = (word: string): string[] =>
  word === 'default' ? ['0.0.0.0/0', '::/0'] : [word.replace(/^route /, '')];
