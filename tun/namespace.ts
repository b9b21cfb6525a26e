// Network namespaces. Linux keeps them per thread: a worker can live in one of its own while the rest of the process stays where
// it was, and a program started by a thread begins in that thread's namespace.

import { libc, must, O_CLOEXEC, O_RDONLY } from './libc.ts';

const CLONE_NEWNET = 0x4000_0000;
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

/** A descriptor of a namespace: keeps it alive, and names it to netlink. The caller closes it. */
export function openNamespace(nameOrPath: string): number {
  const path = nameOrPath.includes('/') ? nameOrPath : `/run/netns/${nameOrPath}`;
  return must(libc().open(path, O_RDONLY | O_CLOEXEC), `network namespace ${nameOrPath}`);
}
