// sekisho/assert: the claims as functions for node:test, mocha, or no runner at all. They throw AssertionError with the text that the
// matchers print.

import { AssertionError } from 'node:assert';
import type { Claim, Rewritten } from './claims.ts';
import * as claims from './claims.ts';
import type { Coverage, Thresholds } from './coverage/coverage.ts';
import type { TestFirewall } from './firewall.ts';
import type { Outcome } from './outcome.ts';

function hold(claim: Claim, from: (...args: never[]) => void): void {
  if (!claim.pass) throw new AssertionError({ message: claim.message(false), stackStartFn: from, operator: from.name });
}

/** It left by a device (by `device`, when that is given), or was delivered to the router. */
export function assertAccepted(outcome: Outcome, device?: string): void {
  hold(claims.accepted(outcome, device), assertAccepted);
}

/** INPUT let it in, and the router itself has it. */
export function assertDelivered(outcome: Outcome): void {
  hold(claims.delivered(outcome), assertDelivered);
}

/** It was dropped without an answer; `reason` is a part of why: 'filter FORWARD policy'. */
export function assertDropped(outcome: Outcome, reason?: string): void {
  hold(claims.dropped(outcome, reason), assertDropped);
}

/** REJECT dropped it and told the sender: 'tcp-reset', 'icmp6-port-unreachable'; any answer, when it is left out. */
export function assertRejectedWith(outcome: Outcome, type?: string): void {
  hold(claims.rejectedWith(outcome, type), assertRejectedWith);
}

/** It was accepted, and what came out has these fields. */
export function assertRewrittenTo(outcome: Outcome, fields: Rewritten): void {
  hold(claims.rewrittenTo(outcome, fields), assertRewrittenTo);
}

/** A log line of it begins with `prefix`. */
export function assertLoggedWith(outcome: Outcome, prefix?: string): void {
  hold(claims.loggedWith(outcome, prefix), assertLoggedWith);
}

/** NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED. */
export function assertCtstate(outcome: Outcome, state: string): void {
  hold(claims.hasCtstate(outcome, state), assertCtstate);
}

/** It matched that rule: 'FORWARD 3', 'rules.v6:12', its comment, or a part of its text. */
export function assertMatchesRule(outcome: Outcome, rule: string): void {
  hold(claims.matchesRule(outcome, rule), assertMatchesRule);
}

/** The rule counted so many packets; at least one, when it is left out. */
export function assertHits(fw: TestFirewall, rule: string, packets?: number): void {
  hold(claims.hasHits(fw, rule, packets), assertHits);
}

/** Each rule matched some packet. */
export function assertReachesEveryRule(fw: TestFirewall | readonly TestFirewall[] | Coverage): void {
  hold(claims.reachesEveryRule(fw), assertReachesEveryRule);
}

/** At least these percentages were reached: `{ rules: 100, predicates: 80 }`. */
export function assertCovers(fw: TestFirewall | readonly TestFirewall[] | Coverage, thresholds: Thresholds): void {
  hold(claims.covers(fw, thresholds), assertCovers);
}
