// Sekisho as a library: the firewall, the grammar, the extension contract, and the extensions that come with it.
//
//   import { builtins, Firewall, Packet, parseSave, Registry } from 'sekisho';

import { helpers } from './conntrack/helpers/index.ts';
import type { Module } from './engine/registry.ts';
import { matches } from './matches/index.ts';
import { targets } from './targets/index.ts';

/** Every match, target and helper of the package, to be handed to a Registry. */
export const builtins: Module = { matches, targets, helpers };

export {
  Conntrack,
  ConntrackRefused,
  type FlowChange,
  type FlowEvent,
  type FlowFilter,
  type NewFlow,
} from './conntrack/conntrack.ts';
export { dump as dumpConnections, type Entry, procLine } from './conntrack/format.ts';
export { type FtpOptions, ftpHelper } from './conntrack/helpers/ftp.ts';
export { type AnyHelper, defineHelper, type ExpectPolicy, type Helper } from './conntrack/helping/helper.ts';
export type { Expected, HelperCall } from './conntrack/helping/helper-call.ts';
export { type Restored, restoreSnapshot, Snapshot, SnapshotError } from './conntrack/snapshot/snapshot.ts';
export { expectProcLine } from './conntrack/text/expect.ts';
export type { FlowJson } from './conntrack/text/json.ts';
export { Draft } from './engine/edit/draft.ts';
export { Refusal } from './engine/edit/refusal.ts';
export { type ParsedSave, parseSave, type RestoreOptions, type RestoreResult, restore } from './engine/edit/restore.ts';
export { apply, emptyTable, Ruleset } from './engine/edit/ruleset.ts';
export * from './engine/extension.ts';
export { Firewall, type FirewallOptions, type Mode } from './engine/firewall.ts';
export type { AccountSpec, Quota } from './engine/host/accounts.ts';
export type { HostFacts, IpsecFlow, IpsecTransform, VirtualService } from './engine/host/facts.ts';
export type { SocketSpec } from './engine/host/sockets.ts';
export type { Installation } from './engine/install/installation.ts';
export { ProcFile } from './engine/proc-file.ts';
export {
  defineQueue,
  type QueuedPacket,
  type QueueListener,
  type QueueVerdict,
} from './engine/queue.ts';
export { type Module, Registry } from './engine/registry.ts';
export type { LogRecord, Random, Routes, RouteType, Services } from './engine/services.ts';
export type { Topology } from './engine/stack/types.ts';
export type { Trace, TraceStep } from './engine/trace/trace.ts';
export { traceText } from './engine/trace/trace-text.ts';
export * from './engine/verdict.ts';
export type { Command } from './grammar/command.ts';
export { type Diagnostic, renderDiagnostic } from './grammar/diagnostics.ts';
export { RuleError, type Span } from './grammar/error.ts';
export { type Names, noNames } from './grammar/names.ts';
export * from './grammar/options.ts';
export { parseCommand } from './grammar/parse-rule.ts';
export { printRule, printSave } from './grammar/print.ts';
export * from './grammar/rule-spec.ts';
export * from './grammar/tables.ts';
/** Value kinds for options of extensions: kinds.u32({ help: '...' }). */
export * as kinds from './grammar/values.ts';
export { describe, describeBytes } from './packet/describe.ts';
export { Packet } from './packet/packet.ts';
export { readCapture, writePcap } from './packet/pcap.ts';
export { PacketWordsError, packetFromWords } from './packet/words.ts';
