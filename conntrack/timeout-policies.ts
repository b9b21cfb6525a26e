// Named timeout policies, `CT --timeout NAME`: other times for one protocol than the sysctls have. In the kernel they are made with nfct; here
// with a setting, `sekisho.timeout.NAME`, in the words of nfct:
//
//   tcp established 3600 close 5          udp unreplied 10 replied 60          generic timeout 30
//
// What is left out has the protocol's value of the moment when the policy is made. A connection keeps the policy that it was made with.
// Source: net/netfilter/nfnetlink_cttimeout.c

import type { L4 } from './l4/l4.ts';

export interface TimeoutPolicy {
  readonly name: string;
  readonly l4: L4;
  /** Milliseconds, in the order of the protocol's list. */
  readonly timeouts: Int32Array;
}

/** What the kernel takes of a name. CTNL_TIMEOUT_NAME_MAX */
const LONGEST_NAME = 31;
/** Beyond that the tracker's times come round. */
const MOST_SECONDS = 2_147_483;

/** Words of those timeouts that no sysctl is named after; the others have the end of their sysctl's name. */
const OTHER_WORDS: Readonly<Record<string, readonly string[]>> = {
  tcp: ['', '', '', '', '', '', '', '', '', 'syn_sent2', 'retrans', 'unacknowledged'],
  udp: ['unreplied', 'replied'],
  udplite: ['unreplied', 'replied'],
  gre: ['unreplied', 'replied'],
  icmp: ['timeout'],
  icmpv6: ['timeout'],
  unknown: ['timeout'],
};

/** Names of a protocol's timeouts, as nfct has them, by index. */
const wordsOf = ({ name, timeouts }: L4): string[] =>
  timeouts.map(([sysctl], index) => OTHER_WORDS[name]?.[index] || sysctl.replace(/^.*_timeout_/, ''));

export class TimeoutPolicies {
  private readonly policies = new Map<string, TimeoutPolicy>();
  private readonly of = new Map<number, TimeoutPolicy>();

  /** Makes a policy, in the place of one of that name. `timeouts` are the protocol's own. */
  define(name: string, { l4, seconds }: PolicyWords, timeouts: Int32Array): void {
    const own = timeouts.slice();
    for (const [index, value] of Object.entries(seconds)) own[Number(index)] = value * 1_000;
    this.policies.set(name, { name, l4, timeouts: own });
  }

  /** Undefined: none of that name. */
  get(name: string): TimeoutPolicy | undefined {
    return this.policies.get(name);
  }

  /** A new connection of that protocol gets the policy, if it is one for it. */
  assign(id: number, name: string, l4: L4): void {
    const policy = this.policies.get(name);
    if (policy?.l4 === l4) this.of.set(id, policy);
  }

  /** Undefined: it has the times of everybody. */
  policy(id: number): TimeoutPolicy | undefined {
    return this.of.size === 0 ? undefined : this.of.get(id);
  }

  /** The connection is gone. */
  forget(id: number): void {
    if (this.of.size > 0) this.of.delete(id);
  }
}

/** A policy as its setting says it: `udp unreplied 10 replied 60`. */
export interface PolicyWords {
  readonly l4: L4;
  /** By index in the protocol's list. */
  readonly seconds: Readonly<Record<number, number>>;
}

/** Reads the words of a policy; a string is what is wrong with them. `l4s` are the tracked protocols, by number. */
export function readPolicy(text: string, l4s: readonly L4[]): PolicyWords | string {
  const [name, ...rest] = text.trim().split(/\s+/);
  const l4 = l4s.find((one) => one.name === (name === 'generic' ? 'unknown' : name));
  if (!l4) return `"${name}" is no tracked protocol`;
  const words = wordsOf(l4);
  const seconds: Record<number, number> = {};
  for (let at = 0; at < rest.length; at += 2) {
    const index = words.indexOf(rest[at]);
    if (index < 0 || rest[at] === '')
      return `${name} has no timeout "${rest[at]}", but ${words.filter(Boolean).join(', ')}`;
    const value = Number(rest[at + 1]);
    if (!Number.isInteger(value) || value < 1 || value > MOST_SECONDS)
      return `${rest[at]} is to be a number of seconds`;
    seconds[index] = value;
  }
  return { l4, seconds };
}

export const isPolicyName = (name: string): boolean => name !== '' && name.length <= LONGEST_NAME;
