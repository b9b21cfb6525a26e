// The machine's side of our TUN devices: moved to where they belong, given addresses, set up.

import { setTimeout as pause } from 'node:timers/promises';
import { EEXIST, libc, SystemError } from '../tun/libc.ts';
import { inNamespace, namespaceName, openNamespace, provideNamespace } from '../tun/namespace.ts';
import { type Link, withNetlink } from '../tun/netlink.ts';

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
export async function placeDevice(device: HostSide, madeIn: string | undefined): Promise<void> {
  const there = (work: () => void): void =>
    madeIn === undefined ? work() : inNamespace(provideNamespace(madeIn), work);
  if (device.netns === undefined) {
    there(() => configure(device));
    return;
  }
  const home = provideNamespace(device.netns);
  await untilFree(() => there(() => move(device.name, home)));
  inNamespace(home, () => configure(device));
}

/** Tries, and milliseconds between two: the kernel takes a moment to remove the devices of a daemon that was killed. */
const TRIES = 100;
const PAUSE = 20;

async function untilFree(work: () => void): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      work();
      return;
    } catch (error) {
      if (tries === TRIES || !(error instanceof SystemError) || error.errno !== EEXIST) throw error;
      await pause(PAUSE);
    }
  }
}

/** What the kernel has of devices where they are, by name; without those that cannot be found. */
export function linksOf(devices: readonly HostSide[], madeIn: string | undefined): Record<string, Link> {
  const links: Record<string, Link> = {};
  for (const { name, netns } of devices) {
    const home = netns ?? madeIn;
    const read = (): Link => withNetlink((netlink) => netlink.link(netlink.linkIndex(name)));
    try {
      links[name] = home === undefined ? read() : inNamespace(namespaceName(home), read);
    } catch {
      // Its namespace, or the device in it, is gone: whoever lives there ended.
    }
  }
  return links;
}

function move(name: string, home: string): void {
  const target = openNamespace(home);
  try {
    withNetlink((netlink) => netlink.setLink(netlink.linkIndex(name), { namespace: target }));
  } finally {
    libc().close(target);
  }
}

function configure({ name, hosts, hostRoutes = [], mtu }: HostSide): void {
  withNetlink((netlink) => {
    const index = netlink.linkIndex(name);
    // A TUN device has no link layer: no listener reports or router solicitations that nobody answers.
    netlink.setLink(index, { multicast: false, mtu });
    netlink.setLink(index, { up: true });
    for (const address of hosts) netlink.addAddress(index, address);
    for (const route of hostRoutes) netlink.addRoute(index, route);
  });
}
