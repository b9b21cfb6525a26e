// The machine's side of our TUN devices: moved to where they belong, given addresses, set up.

import { libc } from '../tun/libc.ts';
import { inNamespace, openNamespace, provideNamespace } from '../tun/namespace.ts';
import { withNetlink } from '../tun/netlink.ts';

export interface HostSide {
  readonly name: string;
  readonly netns: string | undefined;
  /** Addresses of the machine behind the device, with prefix lengths. */
  readonly hosts: readonly string[];
  /** Its routes by the device: `PREFIX`, `PREFIX via ADDRESS`. */
  readonly hostRoutes?: readonly string[];
  readonly mtu: number | undefined;
}

/**
 * Moves the device to its namespace, and brings it up there with its addresses and routes. It was made in `madeIn`, or else in this
 * thread's namespace.
 */
export function placeDevice(device: HostSide, madeIn: string | undefined): void {
  if (madeIn === undefined) place(device);
  else inNamespace(provideNamespace(madeIn), () => place(device));
}

/** Groups of devices by name, as the kernel has them where they are; those that cannot be found are in none. */
export function groupsOf(devices: readonly HostSide[], madeIn: string | undefined): Record<string, number> {
  const groups: Record<string, number> = {};
  for (const { name, netns } of devices) {
    const home = netns ?? madeIn;
    const read = (): number => withNetlink((netlink) => netlink.group(netlink.linkIndex(name)));
    try {
      groups[name] = home === undefined ? read() : inNamespace(provideNamespace(home), read);
    } catch {
      // Its namespace, or the device in it, is gone: whoever lives there ended.
    }
  }
  return groups;
}

function place({ name, netns, hosts, hostRoutes = [], mtu }: HostSide): void {
  const configure = (): void =>
    withNetlink((netlink) => {
      const index = netlink.linkIndex(name);
      // A TUN device has no link layer: no listener reports or router solicitations that nobody answers.
      netlink.setLink(index, { multicast: false, mtu });
      netlink.setLink(index, { up: true });
      for (const address of hosts) netlink.addAddress(index, address);
      for (const route of hostRoutes) netlink.addRoute(index, route);
    });
  if (netns === undefined) {
    configure();
    return;
  }
  const home = provideNamespace(netns);
  const target = openNamespace(home);
  try {
    withNetlink((netlink) => netlink.setLink(netlink.linkIndex(name), { namespace: target }));
  } finally {
    libc().close(target);
  }
  inNamespace(home, configure);
}
