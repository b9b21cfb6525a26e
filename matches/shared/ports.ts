// Port ranges of tcp, udp, sctp and dccp: how they are asked for, and how they print.

import type { ListScope } from '../../grammar/options.ts';
import { type NumberRange, printRange, strictPortRange } from '../../grammar/values.ts';
import { bang, option } from './text.ts';

/** What tcp and sctp say of an option that stands twice. */
export const onlyOne = (name: string): string => `Only one \`--${name}' allowed`;

/** The port options of tcp and sctp, which say more of mistakes than those of udp. */
export const STRICT_PORTS = {
  'source-port': strictPortRange({
    help: 'source port or ports',
    invert: true,
    alias: 'sport',
    twice: onlyOne('source-port'),
  }),
  'destination-port': strictPortRange({
    help: 'destination port or ports',
    invert: true,
    alias: 'dport',
    twice: onlyOne('destination-port'),
  }),
};

export const ANY_PORT: NumberRange = [0, 0xffff];

const isAny = ([low, high]: NumberRange): boolean => low === 0 && high === 0xffff;

/** Save text of one port option; nothing for all ports, inverted or not, as the tool leaves that out. */
export const savePorts = (name: string, range: NumberRange, inverted: boolean): string =>
  isAny(range) ? '' : option(name, printRange(range), inverted);

/** -L: `spt:!http`, `dpts:80:443`; all ports show only when inverted. `service` is the protocol whose service names are used. */
export function listPorts(
  name: string,
  range: NumberRange,
  inverted: boolean,
  scope: ListScope,
  service: string,
): string {
  if (isAny(range) && !inverted) return '';
  const [low, high] = range;
  const text = (port: number): string => portText(port, scope, service);
  return low === high
    ? `${name}:${bang(inverted)}${text(low)}`
    : `${name}s:${bang(inverted)}${text(low)}:${text(high)}`;
}

/** The service's name, unless numbers are asked for or it has none. */
export const portText = (port: number, scope: ListScope, service: string | undefined): string =>
  (scope.numeric ? undefined : scope.names.serviceName(port, service)) ?? port.toString();

/** A range whose ends are the wrong way round holds nothing. */
export const portRangeTest = ([low, high]: NumberRange, inverted: boolean): ((port: number) => boolean) =>
  inverted ? (port) => port < low || port > high : (port) => low <= port && port <= high;
