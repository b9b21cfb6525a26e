// What random traffic is made of: the addresses, ports, protocols and devices that the rules speak of, their neighbours just outside, and a
// few that no rule knows. Packets drawn at random from all there are would never meet a rule.

import type { TestFirewall } from './firewall.ts';
import { addressOf, type Family, hostsOf } from './prefix-hosts.ts';

export interface Vocabulary {
  readonly addresses: Readonly<Record<Family, readonly string[]>>;
  readonly ports: readonly number[];
  readonly protocols: readonly ('tcp' | 'udp' | 'icmp' | 'other')[];
  readonly devices: readonly string[];
}

const STRANGERS: Readonly<Record<Family, readonly string[]>> = { 4: ['198.51.100.77'], 6: ['2001:db8:ffff::77'] };

/** Simple values stand first: failing runs shrink towards them. */
export function vocabularyOf(fw: TestFirewall): Vocabulary {
  const texts = fw.counters.filter(({ number }) => number !== undefined).map(({ text }) => text);
  const all = texts.join('\n');
  const ofFamily = (family: Family): string[] => [
    ...STRANGERS[family],
    // One host behind each device, before all the others.
    ...devicePrefixes(fw).flatMap((prefix) => hostsOf(prefix, family).slice(1, 2)),
    ...devicePrefixes(fw).flatMap((prefix) => hostsOf(prefix, family)),
    ...fw.counters
      .filter((line) => line.family === family)
      .flatMap(({ text }) => Array.from(text.matchAll(/(?:^| )-[sd] (\S+)/g), ([, prefix]) => prefix))
      .flatMap((prefix) => hostsOf(prefix, family)),
    ...Array.from(
      all.matchAll(/--to-(?:destination|source) \[?([0-9a-f.:]+?)\]?(?::\d+)?(?= |$)/gm),
      ([, text]) => text,
    ).filter((text) => addressOf(text) === family),
  ];
  const numbers = Array.from(all.matchAll(/--(?:[sd]ports?|ports|to-destination|to-ports?) (\S+)/g), ([, list]) =>
    Array.from(list.matchAll(/(?:^|[,:])(\d{1,5})(?=[,:]|$)/g), ([, port]) => Number(port)),
  ).flat();
  const ports = numbers.filter((port) => port > 0 && port < 65_536).flatMap((port) => [port, port + 1]);
  const other = /-p (?!tcp|udp|icmp|ipv6-icmp)\S+/.test(all) ? (['other'] as const) : [];
  return {
    addresses: { 4: unique(ofFamily(4)), 6: unique(ofFamily(6)) },
    ports: unique([1024, 80, 22, 53, ...ports.filter((port) => port < 65_536)]),
    protocols: ['tcp', 'udp', 'icmp', ...other],
    devices: fw.devices,
  };
}

const unique = <T>(list: readonly T[]): T[] => [...new Set(list)];

/** The networks that the devices are in, their own addresses included. */
function devicePrefixes({ mode }: TestFirewall): string[] {
  if (mode.kind === 'bridge') return ['10.0.1.2/24', '10.0.2.2/24', 'fd00:a::2/64', 'fd00:b::2/64'];
  return Object.values(mode.topology).flatMap(({ addresses = [], routes = [] }) => [
    ...addresses,
    ...routes.map((route) => route.split(' ')[0]).filter((route) => !route.endsWith('/0')),
  ]);
}
