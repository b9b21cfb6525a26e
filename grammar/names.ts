// Names that a host gives to numbers: /etc/services, /etc/protocols, users, groups, host names. The core reads no files, so the
// program hands these in. `noNames` knows nothing: numbers only, for tests that must not depend on a machine.

import type { Address } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';

export interface Names {
  /** Port of a service; `protocol` is a name such as "tcp", or undefined for any. */
  service(name: string, protocol?: string): number | undefined;
  serviceName(port: number, protocol?: string): string | undefined;
  /** Number of a protocol as /etc/protocols has it. The names that iptables itself knows are in grammar/protocols.ts. */
  protocol(name: string): number | undefined;
  protocolName(number: number): string | undefined;
  user(name: string): number | undefined;
  userName(uid: number): string | undefined;
  group(name: string): number | undefined;
  groupName(gid: number): string | undefined;
  /** All addresses of a host name, in the resolver's order; undefined or empty when it is unknown. */
  host(name: string, family: Family): readonly Address[] | undefined;
  /** Name of an address, for -L without -n. */
  hostName(address: Address, family: Family): string | undefined;
  /** Labels of connections, by name (connlabel.conf); left out: there is no such file. */
  readonly labels?: ReadonlyMap<string, number>;
  /** A set of ipset; its family is undefined where it is of both. Left out where nobody knows which there are. */
  readonly set?: (name: string) => { readonly family: Family | undefined } | undefined;
}

const unknown = (): undefined => undefined;

export const noNames: Names = {
  service: unknown,
  serviceName: unknown,
  protocol: unknown,
  protocolName: unknown,
  user: unknown,
  userName: unknown,
  group: unknown,
  groupName: unknown,
  host: unknown,
  hostName: unknown,
};
