// What is said on the control socket: one JSON object a line, one answer for each request, in order.
//
// The iptables-like tools send their whole command line: the daemon parses it as the tool would have done on the stored rules, so
// that a user sees no difference between a machine with a daemon and one without.

import type { ConntrackRequest } from '../../conntrack/service.ts';
import type { EventFilter } from '../watch/event-filter.ts';
import type { OverviewWish } from '../watch/overview.ts';

/** Programs that may be asked for by `tool`. */
export const TOOLS = [
  'iptables',
  'ip6tables',
  'iptables-save',
  'ip6tables-save',
  'iptables-restore',
  'ip6tables-restore',
] as const;
export type ToolName = (typeof TOOLS)[number];

export const isToolName = (name: unknown): name is ToolName => (TOOLS as readonly unknown[]).includes(name);

export interface ToolRequest {
  op: 'tool';
  program: ToolName;
  /** Without the program's own name. */
  argv: string[];
  /** `--json` stood in front of them. */
  json?: boolean;
  /** Text of standard input, for the restore programs. */
  stdin?: string;
}

export type Request =
  | ToolRequest
  /** Works on the sets as the ipset tool does. */
  | { op: 'ipset'; argv: string[]; stdin?: string }
  /** What the daemon is and how it fares. */
  | { op: 'status' }
  /** Metrics in Prometheus' text format, or as families of samples. */
  | { op: 'metrics'; json?: boolean }
  /** What is going on, with rates since the last look. */
  | { op: 'overview'; wish: OverviewWish }
  /** The files below /proc/net that rules keep (recent, hashlimit): which there are, or what one says after it was written to, in order. */
  | { op: 'proc'; path?: string; writes?: string[] }
  /** What the conntrack tool asks; in JSON as control/socket/conntrack-requests.ts writes it. */
  | { op: 'conntrack'; request: ConntrackRequest }
  /** Events from now on, each a line `{"event": ...}`, until the client hangs up or reads too slowly: then the last line says why. */
  | { op: 'watch'; filter: EventFilter }
  /** Attaches the extensions of a file, named by its whole path; the result is their names. */
  | { op: 'attach'; file: string }
  /** Takes an extension that came from a file away. */
  | { op: 'detach'; name: string }
  /** Works on the accounts of -m nfacct as the nfacct tool does. */
  | { op: 'nfacct'; argv: string[]; stdin?: string }
  /** Loads the rule files of the start again. */
  | { op: 'reload' }
  /** Saves the state and ends. */
  | { op: 'stop' };

export interface ToolAnswer {
  stdout: string;
  stderr: string;
  exitCode: number;
}

export type Answer = { ok: true; result: unknown } | { ok: false; error: string };
