// sekisho/testing: rules tested like code. A firewall in memory on virtual time, packets and flows through it, and what became of them.
//
//   import { firewall, tcp } from 'sekisho/testing';
//   const fw = firewall({ v6: 'rules.v6' });
//   fw.send(tcp('2001:db8::1', '2001:db8:9::80', { dport: 443, flags: 'S' })).verdict; // 'accepted'
//
// `sekisho/vitest` adds matchers, `sekisho/assert` has functions for node:test. docs/testing.md is the tutorial.

export * as build from '../packet/build.ts';
export { PacketWordsError } from '../packet/words.ts';
export {
  type CompareOptions,
  compareRules,
  type DecidingRule,
  type RuleChange,
  type RuleComparison,
  type RuleDecision,
} from './change/compare.ts';
export { comparisonText } from './change/report.ts';
export type { Rewritten } from './claims.ts';
export {
  Coverage,
  type CoverageLine,
  type CoveredLine,
  type Measure,
  type MeasureName,
  type Thresholds,
  type Tried,
} from './coverage/coverage.ts';
export type { PacketFields } from './fields.ts';
export { firewall, type TestFirewall } from './firewall.ts';
export type { Flow, FlowOptions, InFlight } from './flow.ts';
export type { DataOptions, FtpOptions, FtpSession } from './ftp.ts';
export { KernelDifference, KernelUnavailable, NotOnKernel } from './kernel-backend/unavailable.ts';
export { type FirewallMatchers, matchers } from './matchers.ts';
export {
  type AcceptedMutant,
  type MutantResult,
  type MutantStatus,
  MutationError,
  type MutationOptions,
  MutationResult,
  type MutationTest,
  mutate,
} from './mutation/mutate.ts';
export { mutationText } from './mutation/report.ts';
export type { Emitted, Outcome, RuleHit, Verdict } from './outcome.ts';
export * from './packets.ts';
export { type CapturedPacket, CaptureError, capture, packetsIn } from './replay/captures.ts';
export {
  type Flip,
  flips,
  type ReplayedFlow,
  type ReplayedPacket,
  type ReplayOptions,
  type ReplayResult,
  replay,
} from './replay/replay.ts';
export { type RuleSource, RulesError } from './rule-source.ts';
export { type PlayOptions, play, playWithConntrack } from './scenario/scenario.ts';
export type { Result, Scenario } from './scenario/scenario-format.ts';
export type { SetSource } from './set-source.ts';
export type { FirewallSetup, PacketGiven, SendOptions } from './setup.ts';
export type { Device, Devices } from './topology.ts';
