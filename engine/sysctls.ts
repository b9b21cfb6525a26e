// Settings of a firewall by their kernel names: each goes to the part that knows it.

import { Defragmenter } from '../conntrack/defrag/defragmenter.ts';
import { setSetting } from '../conntrack/settings.ts';
import { Sysctls } from '../conntrack/sysctl.ts';
import type { ConnectionTracker } from '../conntrack/tracker.ts';
import { notePolicy } from './policies.ts';
import type { Registry } from './registry.ts';
import type { Stack } from './stack/index.ts';
import { STACK_SYSCTLS } from './stack/sysctls.ts';

interface Parts {
  readonly tracker: ConnectionTracker;
  readonly defragmenter: Defragmenter;
  readonly stack: Stack | undefined;
  readonly registry: Registry;
}

export class FirewallSysctls {
  /** Those that somebody has set. */
  readonly given = new Map<string, string | number>();
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Firewall.setSysctl() */
  set(name: string, value: string | number): void {
    const { tracker, defragmenter, stack, registry } = this.parts;
    const taken =
      defragmenter.setSysctl(name, value) || setSetting(tracker, name, value) || stack?.setSysctl(name, value);
    if (!taken) throw new Error(`sysctl ${name}=${value}: not known here, or not a value of it`);
    notePolicy(registry, name, value);
    this.given.set(name, value);
  }

  /** Firewall.resetSysctls() */
  reset(names: readonly string[]): void {
    let left = [...names];
    // Two of reassembly hold each other's values in bounds, so the order may matter.
    for (let before = left.length + 1; left.length > 0 && left.length < before; ) {
      before = left.length;
      left = left.filter((name) => !this.resetOne(name));
    }
    if (left.length > 0) throw new Error(`sysctl ${left[0]}: not known here`);
  }

  private resetOne(name: string): boolean {
    const first = new Sysctls().get(name) ?? new Defragmenter().getSysctl(name) ?? STACK_SYSCTLS[name];
    if (first === undefined) return false;
    try {
      this.set(name, first);
    } catch {
      return false;
    }
    return this.given.delete(name);
  }

  /** Firewall.sysctl() */
  get(name: string): number | undefined {
    const { tracker, defragmenter } = this.parts;
    return defragmenter.getSysctl(name) ?? tracker.sysctls.get(name);
  }
}
