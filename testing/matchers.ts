// The claims as matchers: for `expect.extend(matchers)` of vitest and jest.

import type { Claim, Rewritten } from './claims.ts';
import * as claims from './claims.ts';
import type { Thresholds } from './coverage/coverage.ts';

interface MatcherThis {
  readonly isNot?: boolean;
}

interface MatcherResult {
  pass: boolean;
  message(): string;
}

const matcher = <A extends unknown[]>(claim: (given: unknown, ...wanted: A) => Claim) =>
  function (this: MatcherThis, received: unknown, ...wanted: A): MatcherResult {
    const made = claim(received, ...wanted);
    return { pass: made.pass, message: () => made.message(made.pass) };
  };

/** Hand these to expect.extend(); `sekisho/vitest` has done so when it is imported. */
export const matchers = {
  toBeAccepted: matcher(claims.accepted),
  toBeDelivered: matcher(claims.delivered),
  toBeDropped: matcher(claims.dropped),
  toBeRejectedWith: matcher(claims.rejectedWith),
  toBeRewrittenTo: matcher(claims.rewrittenTo),
  toBeLoggedWith: matcher(claims.loggedWith),
  toHaveCtstate: matcher(claims.hasCtstate),
  toMatchRule: matcher(claims.matchesRule),
  toHaveHits: matcher(claims.hasHits),
  toReachEveryRule: matcher(claims.reachesEveryRule),
  toCover: matcher(claims.covers),
};

/** The matchers as an `expect` offers them. */
export interface FirewallMatchers<R = unknown> {
  /** It left by a device (by `device`, when that is given), or was delivered to the router. */
  toBeAccepted(device?: string): R;
  /** INPUT let it in, and the router itself has it. */
  toBeDelivered(): R;
  /** Dropped without an answer; `reason` is a part of why: 'filter FORWARD policy'. */
  toBeDropped(reason?: string): R;
  /** Dropped by REJECT, and the sender told so: 'tcp-reset', 'icmp6-port-unreachable'; any answer, when it is left out. */
  toBeRejectedWith(type?: string): R;
  /** It was accepted, and what came out has these fields. */
  toBeRewrittenTo(fields: Rewritten): R;
  /** A log line of it begins with `prefix`. */
  toBeLoggedWith(prefix?: string): R;
  toHaveCtstate(state: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED'): R;
  /** It matched that rule: 'FORWARD 3', 'rules.v6:12', its comment, or a part of its text. */
  toMatchRule(rule: string): R;
  /** Of a firewall: the rule counted so many packets; at least one, when it is left out. */
  toHaveHits(rule: string, packets?: number): R;
  /** Of a firewall, several, or a Coverage: each rule matched some packet. */
  toReachEveryRule(): R;
  /** Of the same: at least these percentages were reached, `{ rules: 100, predicates: 80 }`. */
  toCover(thresholds: Thresholds): R;
}
