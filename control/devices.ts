// The machine's side of our TUN devices: moved to where they belong, given addresses, set up.

import { libc } from '../tun/libc.ts';
import { inNamespace, openNamespace } from '../tun/namespace.ts';
import { withNetlink } from '../tun/netlink.ts';

export interface HostSide {
  readonly name: string;
  readonly netns: string | undefined;
  /** Addresses of the machine behind the device, with prefix lengths. */
  readonly hosts: readonly string[];
  readonly mtu: number | undefined;
}

/** Moves the device, which this thread's namespace holds, to its namespace, and brings it up there with its addresses. */
export function placeDevice({ name, netns, hosts, mtu }: HostSide): void {
  const configure = (): void =>
    withNetlink((netlink) => {
      const index = netlink.linkIndex(name);
      // A TUN device has no link layer: no listener reports or router solicitations that nobody answers.
      netlink.setLink(index, { multicast: false, mtu });
      netlink.setLink(index, { up: true });
      for (const address of hosts) netlink.addAddress(index, address);
    });
  if (netns === undefined) {
    configure();
    return;
  }
  const target = openNamespace(netns);
  try {
    withNetlink((netlink) => netlink.setLink(netlink.linkIndex(name), { namespace: target }));
  } finally {
    libc().close(target);
  }
  inNamespace(netns, configure);
}
