// Network namespaces. Linux keeps them per thread: a worker can live in one of its own while the rest of the process stays where
// it was, and a program started by a thread begins in that thread's namespace.

import { closeSync, mkdirSync, openSync } from 'node:fs';
import { libc, must, O_CLOEXEC, O_RDONLY } from './libc.ts';
import { withNetlink } from './netlink.ts';

const CLONE_NEWNET = 0x4000_0000;
const MS_BIND = 0x1000;
const OWN = '/proc/thread-self/ns/net';

/** Moves this thread into a new, empty network namespace; the one it leaves goes away when nothing else is in it. */
export function enterNewNamespace(): void {
  must(libc().unshare(CLONE_NEWNET), 'unshare');
}

/** Moves this thread into a namespace: a name of `ip netns`, or a path such as /proc/123/ns/net. */
export function enterNamespace(nameOrPath: string): void {
  const descriptor = openNamespace(nameOrPath);
  try {
    must(libc().setns(descriptor, CLONE_NEWNET), `network namespace ${nameOrPath}`);
  } finally {
    libc().close(descriptor);
  }
}

/** Runs `work`, which must not wait for anything, inside a namespace and comes back. */
export function inNamespace<T>(nameOrPath: string, work: () => T): T {
  const home = openNamespace(OWN);
  try {
    enterNamespace(nameOrPath);
    return work();
  } finally {
    const back = libc().setns(home, CLONE_NEWNET);
    libc().close(home);
    must(back, 'the way back to the own network namespace');
  }
}

/**
 * A descriptor of a namespace: keeps it alive, and names it to netlink. A name of `ip netns`, a path, or `pid:NUMBER`, the one that a process
 * lives in. The caller closes it.
 */
export function openNamespace(nameOrPath: string): number {
  return must(libc().open(namespacePath(nameOrPath), O_RDONLY | O_CLOEXEC), `network namespace ${nameOrPath}`);
}

const NAMED = '/run/netns';

function namespacePath(nameOrPath: string): string {
  const [, process] = /^pid:(\d+)$/.exec(nameOrPath) ?? [];
  if (process !== undefined) return `/proc/${process}/ns/net`;
  return nameOrPath.includes('/') ? nameOrPath : `${NAMED}/${nameOrPath}`;
}

/**
 * The namespace that was asked for, made if it is `new:NAME` and not there; what to call it from then on. It is one that `ip netns` knows and
 * stays there: somebody else may live in it by then.
 */
export function provideNamespace(wanted: string): string {
  const [, name] = /^new:(.*)$/s.exec(wanted) ?? [];
  if (name === undefined) return wanted;
  if (!/^[^/\s]{1,255}$/.test(name) || name === '.' || name === '..')
    throw new RangeError(`"${name}" is no name for a namespace`);
  if (!isNamespace(name)) makeNamespace(name);
  return name;
}

/** What provideNamespace() calls it, whether it is there or not. */
export const namespaceName = (wanted: string): string => wanted.replace(/^new:/, '');

/** A file of that name that is no namespace is what a restart of the machine, or a failed start, left. */
function isNamespace(name: string): boolean {
  try {
    inNamespace(name, () => {});
    return true;
  } catch {
    return false;
  }
}

/** As `ip netns add` does: a mount of it keeps the namespace alive. iproute2 ip/ipnetns.c netns_add() */
function makeNamespace(name: string): void {
  mkdirSync(NAMED, { recursive: true, mode: 0o755 });
  const path = namespacePath(name);
  closeSync(openSync(path, 'a', 0o444));
  const home = openNamespace(OWN);
  try {
    enterNewNamespace();
    must(libc().mount(OWN, path, 'none', MS_BIND, null), `network namespace ${name}`);
  } finally {
    const back = libc().setns(home, CLONE_NEWNET);
    libc().close(home);
    must(back, 'the way back to the own network namespace');
  }
  // A namespace begins without its loopback device.
  inNamespace(name, () => withNetlink((netlink) => netlink.setLink(netlink.linkIndex('lo'), { up: true })));
}
