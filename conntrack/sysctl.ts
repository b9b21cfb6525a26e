// The tracker's switches and timeouts under the kernel's names, `net.netfilter.nf_conntrack_...`, settable while running. A timeout
// counts from the next refresh of a connection on. Source: net/netfilter/nf_conntrack_standalone.c nf_ct_sysctl_table, read back
// from /proc/sys/net/netfilter of a 6.18 kernel for names and ranges.

import type { Knobs } from './knobs.ts';
import { byProtocol, optional, protocols } from './l4/index.ts';
import type { L4 } from './l4/l4.ts';
import { tcp } from './l4/tcp.ts';
import { SYN_SENT2 } from './l4/tcp-states.ts';

export const PREFIX = 'net.netfilter.nf_conntrack_';
/** Settings that no kernel has. */
export const OWN_PREFIX = 'sekisho.conntrack_';

export interface Limits {
  max: number;
  buckets: number;
  expectMax: number;
  events: number;
}

/** What a kernel with 250 ticks a second takes, 99 days. Differs: it takes negative times too. */
export const MOST_SECONDS = 8_589_934;
/** Differs: times are milliseconds of 32 bits here, so that longer timeouts than these 24.8 days end then. */
const MOST_MS = 2 ** 31 - 1;

interface Setting {
  readonly least: number;
  readonly most: number;
  get(): number;
  set(value: number): void;
}

const fullName = (name: string): string => (name.startsWith(OWN_PREFIX) ? name : PREFIX + name);

export class Sysctls {
  readonly knobs: Knobs = {
    checksum: 1,
    acct: 0,
    timestamp: 0,
    tcpLoose: 1,
    tcpBeLiberal: 0,
    tcpMaxRetrans: 3,
    tcpIgnoreInvalidRst: 0,
    logInvalid: 0,
  };
  readonly limits: Limits = { max: 262_144, buckets: 262_144, expectMax: 4_096, events: 2 };
  /** Who tracks a protocol, by its number. */
  readonly l4s: readonly L4[] = [...byProtocol];
  /** Timeouts in ms by protocol number; protocols without a file of their own share one list. */
  readonly timeouts: readonly Int32Array[];
  /** Another one tracks that protocol from now on: connections of the old one have to end. */
  onExchange: (protocol: number) => void = () => {};
  private readonly settings = new Map<string, Setting>();
  private readonly lists: ReadonlyMap<L4, Int32Array>;

  constructor() {
    const lists = new Map(
      [...protocols, ...optional].map((l4) => [l4, Int32Array.from(l4.timeouts, ([, seconds]) => seconds * 1_000)]),
    );
    this.lists = lists;
    this.timeouts = byProtocol.map((l4) => lists.get(l4) as Int32Array);
    for (const [l4, list] of lists) {
      l4.timeouts.forEach(([name], index) => {
        if (name !== '') this.addTimeout(name, list, index);
      });
    }
    const { knobs, limits } = this;
    this.add('checksum', knobs, 'checksum', 1);
    this.add('acct', knobs, 'acct', 1);
    this.add('timestamp', knobs, 'timestamp', 1);
    this.add('tcp_loose', knobs, 'tcpLoose', 1);
    this.add('tcp_be_liberal', knobs, 'tcpBeLiberal', 1);
    this.add('tcp_max_retrans', knobs, 'tcpMaxRetrans', 255);
    this.add('tcp_ignore_invalid_rst', knobs, 'tcpIgnoreInvalidRst', 1);
    this.add('max', limits, 'max', 0x7fffffff);
    this.add('buckets', limits, 'buckets', 0x7fffffff);
    this.add('expect_max', limits, 'expectMax', 0x7fffffff);
    this.add('events', limits, 'events', 2);
    this.add('log_invalid', knobs, 'logInvalid', 255);
    // The kernel has no name for this one.
    this.addTimeout(`${OWN_PREFIX}tcp_timeout_syn_sent2`, lists.get(tcp) as Int32Array, SYN_SENT2);
    for (const l4 of optional) this.addChoice(l4, lists.get(l4) as Int32Array);
  }

  /** A value that is only to be read: nf_conntrack_count. */
  addReading(name: string, get: () => number): void {
    // No value is in its range.
    this.settings.set(name, { least: 1, most: 0, get, set: () => {} });
  }

  /** Full names, in order. */
  names(): string[] {
    return [...this.settings.keys()].map(fullName).sort();
  }

  /** Value of a full name; undefined: not ours. */
  get(name: string): number | undefined {
    return this.find(name)?.get();
  }

  /** Sets the value of a full name. False: not ours, or out of range, and nothing changed. */
  set(name: string, value: number): boolean {
    const setting = this.find(name);
    if (!setting || !Number.isInteger(value) || value < setting.least || value > setting.most) return false;
    setting.set(value);
    return true;
  }

  /** Gives a setting the value that it has without anybody's doing. */
  reset(name: string): void {
    const first = new Sysctls().get(name);
    if (first !== undefined) this.set(name, first);
  }

  /** Timeouts in ms of a protocol, also of one that is not tracked at the moment. */
  timeoutsOf(l4: L4): Int32Array {
    return this.lists.get(l4) as Int32Array;
  }

  private find(name: string): Setting | undefined {
    // The old place of one of them: /proc/sys/net/nf_conntrack_max.
    if (name === 'net.nf_conntrack_max') return this.settings.get('max');
    if (name.startsWith(OWN_PREFIX)) return this.settings.get(name);
    return name.startsWith(PREFIX) ? this.settings.get(name.slice(PREFIX.length)) : undefined;
  }

  private add<Name extends string>(name: string, place: Record<Name, number>, member: Name, most: number): void {
    this.settings.set(name, {
      least: 0,
      most,
      get: () => place[member],
      set: (value) => {
        place[member] = value;
      },
    });
  }

  /**
   * `sekisho.conntrack_dccp`: 1 is the kernel with the protocol's module, 0 the one without. Its timeouts can be set at
   * any time.
   */
  private addChoice(l4: L4, list: Int32Array): void {
    const l4s = this.l4s as L4[];
    const timeouts = this.timeouts as Int32Array[];
    const { protocol } = l4;
    const [generic, common] = [l4s[protocol], timeouts[protocol]];
    const name = OWN_PREFIX + l4.name;
    this.settings.set(name, {
      least: 0,
      most: 1,
      get: () => Number(l4s[protocol] === l4),
      set: (on) => {
        if (on === this.settings.get(name)?.get()) return;
        this.onExchange(protocol);
        l4s[protocol] = on ? l4 : generic;
        timeouts[protocol] = on ? list : common;
      },
    });
  }

  /** UDP-Lite has the values of UDP: one name may set several. */
  private addTimeout(name: string, list: Int32Array, index: number): void {
    const also = this.settings.get(name);
    let given = list[index] / 1_000;
    this.settings.set(name, {
      least: 0,
      most: MOST_SECONDS,
      get: () => given,
      set: (seconds) => {
        given = seconds;
        list[index] = Math.min(seconds * 1_000, MOST_MS);
        also?.set(seconds);
      },
    });
  }
}
