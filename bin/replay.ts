// sekisho replay: a capture through a rule set, and what would be different with another one.

import { writeFileSync } from 'node:fs';
import { modulesOfEnvironment } from '../control/extension-files.ts';
import { hostNames } from '../control/host-names.ts';
import { writePcap } from '../packet/pcap.ts';
import { CaptureError, packetsIn } from '../testing/replay/captures.ts';
import { flips, type ReplayOptions, type ReplayResult, replay as run } from '../testing/replay/replay.ts';
import { flipsText, flowsText, packetsText, summaryText } from '../testing/replay/replay-report.ts';
import { RulesError } from '../testing/rule-source.ts';
import type { FirewallSetup } from '../testing/setup.ts';
import { parseSuite, SuiteError } from '../testing/suite/suite.ts';
import { setupOf } from '../testing/suite/suite-run.ts';
import type { Devices } from '../testing/topology.ts';
import { parseDevice } from './device-spec.ts';
import { complain, readBytes, readText } from './input.ts';
import { Progress } from './progress.ts';
import { type RuleOptions, ruleFiles, sourcesOf } from './rule-files.ts';

export interface ReplayCommandOptions extends RuleOptions {
  setup?: string;
  mode: 'bridge' | 'router';
  device?: readonly string[];
  in?: string;
  from?: readonly string[];
  against?: readonly string[];
  at?: string;
  change?: readonly string[];
  until?: string;
  ignoreChecksums?: boolean;
  packets?: boolean;
  counters?: boolean;
  connections?: boolean;
  json?: boolean;
  out?: string;
}

/** Exit code 0; with other rules or a change: 1 when some packet fares otherwise; 2: a capture, rules or words that make no sense. */
export async function replay(file: string, options: ReplayCommandOptions): Promise<number> {
  try {
    const packets = [...packetsIn(readBytes(file), file === '-' ? 'standard input' : file)];
    const setup = { ...setupFrom(options), names: hostNames(), attach: modulesOfEnvironment() };
    const other = otherRun(options);
    const progress = new Progress('packets', packets.length * (other ? 2 : 1));
    const how = { ...replayOptions(options), onPacket: progress.step };
    const plain = run(packets, setup, how);
    const changed = other && run(packets, other.setup(setup), { ...how, ...other.options });
    progress.end();
    if (options.out !== undefined) writeFileSync(options.out, passed(changed ?? plain, packets));
    const found = changed && flips(plain, changed);
    process.stdout.write(options.json ? `${jsonOf(plain, changed)}\n` : textOf(plain, changed, options));
    return found && found.length > 0 ? 1 : 0;
  } catch (error) {
    const known = error instanceof RulesError || error instanceof SuiteError;
    if (known) process.stderr.write(`${error.message.trimEnd()}\n`);
    return known ? 2 : complain(error instanceof CaptureError ? error.message : error);
  }
}

// --- What is asked ---------------------------------------------------------------------------------------------------------

function setupFrom(options: ReplayCommandOptions): FirewallSetup {
  const sources = sourcesOf(ruleFiles(options).map(({ family, path }) => ({ family, path })));
  if (options.setup !== undefined) {
    const given = setupOf(parseSuite(readText(options.setup), options.setup));
    return Object.keys(sources).length > 0
      ? { ...given, rules: undefined, v4: undefined, v6: undefined, ...sources }
      : given;
  }
  const devices = devicesOf(options);
  return { ...sources, mode: options.mode, ...(devices && { devices }) };
}

/** Devices of a capture may have sent more at once than the wire took: offloads. */
const LARGEST = 65_535;

const BY_ADDRESS: Devices = {
  inside: { addresses: ['10.0.1.1/24', 'fd00:a::1/64'], routes: ['10.1.0.0/16', 'fd00:1::/32'], mtu: LARGEST },
  outside: { addresses: ['10.0.2.1/24', 'fd00:b::1/64'], routes: ['default'], mtu: LARGEST },
};

function devicesOf({ device, mode }: ReplayCommandOptions): Devices | undefined {
  if (device === undefined) return mode === 'bridge' ? undefined : BY_ADDRESS;
  const given = device.map(parseDevice);
  if (mode === 'bridge') return given.map(({ name }) => name) as unknown as Devices;
  return Object.fromEntries(
    given.map(({ name, addresses, routes, mtu = LARGEST }) => [name, { addresses, routes, mtu }]),
  );
}

function replayOptions({ in: device, from = [], until, ignoreChecksums }: ReplayCommandOptions): ReplayOptions {
  const devices = Object.fromEntries(
    from.map((text) => {
      const [, captured, ours] = /^([^=]+)=(.+)$/.exec(text) ?? [];
      if (captured === undefined) throw new Error(`--from ${text}: INTERFACE=DEVICE`);
      return [captured, ours];
    }),
  );
  return { in: device, devices, until: frameNumber('until', until), ignoreChecksums };
}

function frameNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new Error(`--${name} ${text}: the number of a frame`);
  return number;
}

interface OtherRun {
  setup(first: FirewallSetup): FirewallSetup;
  readonly options: Partial<ReplayOptions>;
}

/** The second run: other rules from the beginning, or a change behind a frame. */
function otherRun({ against, at, change, ...rest }: ReplayCommandOptions): OtherRun | undefined {
  if (against === undefined && change === undefined) {
    if (at !== undefined) throw new Error('--at N: says when --change or --against begins');
    return undefined;
  }
  const behind = frameNumber('at', at) ?? 0;
  const sources = against && sourcesOf(ruleFiles({ ...rest, rules: against, rules4: undefined, rules6: undefined }));
  if (sources && change === undefined && behind === 0) {
    return {
      setup: (first) => ({ ...first, rules: undefined, v4: undefined, v6: undefined, ...sources }),
      options: {},
    };
  }
  const commands = (change ?? []).map((text) => {
    const [, program, words] = /^\s*(iptables|ip6tables|ipset)\s+(.*)$/s.exec(text) ?? [];
    if (program === undefined) throw new Error(`--change "${text}": begins with iptables, ip6tables or ipset`);
    return { program: program as 'iptables' | 'ip6tables' | 'ipset', words };
  });
  return {
    setup: (first) => first,
    options: {
      change: {
        behind,
        make(fw) {
          if (sources) fw.load(sources);
          for (const { program, words } of commands) fw[program](words);
        },
      },
    },
  };
}

// --- What is told ------------------------------------------------------------------------------------------------------------

function textOf(plain: ReplayResult, changed: ReplayResult | undefined, options: ReplayCommandOptions): string {
  if (changed) return `${flipsText(flips(plain, changed), plain.packets.length)}${summaryText(changed)}`;
  const { packets, counters, connections } = options;
  const lines = connections ? plain.firewall.connections.map((entry) => `${JSON.stringify(entry)}\n`).join('') : '';
  const table = counters ? plain.coverage.toText() : '';
  return `${packets ? packetsText(plain) : flowsText(plain)}${table}${lines}${summaryText(plain)}`;
}

function jsonOf(plain: ReplayResult, changed: ReplayResult | undefined): string {
  const rows = ({ packets }: ReplayResult) =>
    packets.map(({ out, ...row }) => ({ ...row, out: out.map(({ device }) => device) }));
  const result = changed ?? plain;
  const counters = result.coverage.all.map(({ family, table, text, file, line, packets, bytes }) => {
    return { family, table, text, file, line, packets, bytes };
  });
  const flows = result.flows.map((flow) => ({ ...flow, by: Object.fromEntries(flow.by) }));
  const found = changed && flips(plain, changed);
  return JSON.stringify({
    packets: rows(result),
    flows,
    counters,
    cutShort: result.cutShort,
    badChecksums: result.badChecksums,
    ...(found && {
      flips: found.map(({ before, after, what }) => ({
        number: before.number,
        what,
        before: { verdict: before.verdict, reason: before.reason, by: before.by },
        after: { verdict: after.verdict, reason: after.reason, by: after.by },
      })),
    }),
  });
}

/** Raw IP packets as they left, at the times of those that came in. */
function passed({ packets }: ReplayResult, captured: readonly { number: number; at: number }[]): Uint8Array {
  const times = new Map(captured.map(({ number, at }) => [number, at]));
  const frames = packets.flatMap(({ number, out }) =>
    out.map(({ bytes }) => {
      const at = times.get(number) ?? 0;
      return { bytes, seconds: Math.floor(at / 1_000), nanoseconds: Math.round((at % 1_000) * 1_000_000) };
    }),
  );
  return writePcap(frames);
}
