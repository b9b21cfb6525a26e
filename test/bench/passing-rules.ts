// Rules that every packet of the inline benches passes, one after the other, without one that wants it.

/**
 * `stateful`: a port and a ctstate. `simple`: both addresses and both ports; the addresses are those of the hosts, so that only the ports tell
 * the rules apart. Each is written so that the kernel has to ask all of its matches: nothing is to be said about rules that it leaves early.
 */
export type Kind = 'none' | 'stateful' | 'simple';

type Write = (protocol: 'tcp' | 'udp', port: number) => string;

const WRITE: Readonly<Record<Exclude<Kind, 'none'>, Write>> = {
  stateful: (protocol, port) =>
    `-p ${protocol} -m conntrack --ctstate NEW,ESTABLISHED -m ${protocol} --dport ${port} -j DROP`,
  simple: (protocol, port) =>
    `-s fd77::1/128 -d fd77::2/128 -p ${protocol} -m ${protocol} --sport 1:1023 --dport ${port} -j DROP`,
};

/** Ports that no traffic of the benches has. */
const FIRST_PORT = 10_000;

/** A save text of the filter table with `count` of them for that protocol, and an open policy. */
export function passingRules(kind: Kind, count: number, protocol: 'tcp' | 'udp'): string {
  const rules =
    kind === 'none'
      ? []
      : Array.from({ length: count }, (_, index) => `-A FORWARD ${WRITE[kind](protocol, FIRST_PORT + index)}`);
  return [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':FORWARD ACCEPT [0:0]',
    ':OUTPUT ACCEPT [0:0]',
    ...rules,
    'COMMIT',
    '',
  ].join('\n');
}
