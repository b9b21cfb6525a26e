// sekisho trace: one packet through a rule set, and every reason on its way.

import { randomFillSync } from 'node:crypto';
import { loadConfig } from '../control/config/load.ts';
import { ConfigError } from '../control/config/reader.ts';
import { loadExtension } from '../control/extension-files.ts';
import { builtinRegistry } from '../control/extensions.ts';
import { hostNames } from '../control/host-names.ts';
import { type StatePaths, statePaths } from '../control/paths.ts';
import { modeOf as daemonMode, type Settings, sysctlsOf } from '../control/settings.ts';
import { parseSave } from '../engine/edit/restore.ts';
import { Firewall, type FirewallOptions, type Mode } from '../engine/firewall.ts';
import { runIpset } from '../engine/sets/index.ts';
import type { Trace } from '../engine/trace/trace.ts';
import { traceText } from '../engine/trace/trace-text.ts';
import { renderDiagnostic } from '../grammar/diagnostics.ts';
import { type Printing, printRule } from '../grammar/print.ts';
import { toHex } from '../packet/bytes.ts';
import type { Family } from '../packet/numbers.ts';
import { Packet } from '../packet/packet.ts';
import { networkAt, readCapture } from '../packet/pcap.ts';
import { PacketWordsError, packetFromWords } from '../packet/words.ts';
import { parseDevice } from './device-spec.ts';
import { inForce } from './in-force.ts';
import { complain, readBytes, readText } from './input.ts';
import { type RuleOptions, ruleFiles } from './rule-files.ts';

export interface TraceOptions extends RuleOptions {
  in?: string;
  mode: 'bridge' | 'router';
  inside: string;
  outside: string;
  config?: string;
  after?: readonly string[];
  json?: boolean;
}

/** Router mode without addresses given: everything is behind one device or the other, by these. */
const DEFAULT_ADDRESSES = {
  inside: ['10.0.1.1/24', 'fd00:a::1/64'],
  outside: ['10.0.2.1/24', 'fd00:b::1/64'],
};

class RulesRefused extends Error {}

export async function trace(words: readonly string[], options: TraceOptions): Promise<number> {
  try {
    const octets = packetOf(words.join(' '));
    const settings = options.config === undefined ? undefined : await loadConfig(options.config);
    const devices = [parseDevice(options.inside), parseDevice(options.outside)] as const;
    const firewall = settings ? firewallOf(settings) : made(modeOf(options.mode, devices));
    await load(firewall, options, settings?.paths ?? statePaths());
    const names = (settings?.devices ?? devices).map(({ name }) => name);
    const device = options.in ?? names[0];
    if (!names.includes(device)) throw new Error(`--in ${device}: the devices are ${names.join(' and ')}`);
    for (const earlier of options.after ?? []) send(firewall, earlier, device, names);
    const walk = firewall.trace(octets, { device });
    const printing = { lookup: firewall.registry, names: hostNames() };
    process.stdout.write(options.json ? `${jsonOf(walk, printing)}\n` : traceText(walk, printing));
    return 0;
  } catch (error) {
    if (error instanceof RulesRefused || error instanceof ConfigError) {
      process.stderr.write(`${error.message.trimEnd()}\n`);
      return 2;
    }
    return complain(error instanceof PacketWordsError ? wordsProblem(error, words.join(' ')) : error);
  }
}

function modeOf(mode: TraceOptions['mode'], [inside, outside]: readonly ReturnType<typeof parseDevice>[]): Mode {
  if (mode === 'bridge') return { kind: 'bridge', ports: [inside.name, outside.name] };
  const given = (list: readonly string[], otherwise: readonly string[]) => (list.length > 0 ? list : otherwise);
  return {
    kind: 'router',
    topology: {
      [inside.name]: {
        addresses: given(inside.addresses, DEFAULT_ADDRESSES.inside),
        routes: inside.routes,
        mtu: inside.mtu ?? 1500,
      },
      [outside.name]: {
        addresses: given(outside.addresses, DEFAULT_ADDRESSES.outside),
        routes: given(outside.routes, ['0.0.0.0/0', '::/0']),
        mtu: outside.mtu ?? 1500,
      },
    },
  };
}

const made = (mode: Mode, more: Partial<FirewallOptions> = {}): Firewall =>
  new Firewall({
    mode,
    registry: builtinRegistry(),
    random: () => randomFillSync(new Uint32Array(1))[0],
    transmit: () => {},
    ...more,
  });

/** As a daemon of that configuration is. */
function firewallOf(settings: Settings): Firewall {
  const firewall = made(daemonMode(settings), { sysctls: sysctlsOf(settings), host: settings.host });
  for (const file of settings.extensions) firewall.attach(loadExtension(file));
  return firewall;
}

/** The rules of the files, or without any those that are in force, with their sets. */
async function load(firewall: Firewall, options: RuleOptions, paths: StatePaths): Promise<void> {
  const files = ruleFiles(options);
  for (const { family, path } of files) install(firewall, family, readText(path), path);
  if (files.length > 0) return;
  const { rules, sets } = await inForce(paths);
  if (sets !== '') {
    const { exitCode, stderr } = runIpset(firewall.sets, {
      argv: ['restore'],
      stdin: sets,
      names: hostNames(),
      now: 0,
    });
    if (exitCode !== 0) throw new Error(stderr.trimEnd());
  }
  for (const family of [4, 6] as const) if (rules[family] !== '') install(firewall, family, rules[family]);
}

function install(firewall: Firewall, family: Family, text: string, file?: string): void {
  const { tables, diagnostics } = parseSave(text, { family, lookup: firewall.registry, names: hostNames(), file });
  if (diagnostics.length > 0) throw new RulesRefused(diagnostics.map(renderDiagnostic).join(''));
  firewall.install(tables);
}

/** A packet that is to have gone before: `outside: WORDS` for the other direction. */
function send(firewall: Firewall, text: string, device: string, names: readonly string[]): void {
  const [, named, words] = /^(?:(\S+):\s+)?(.*)$/s.exec(text) ?? [];
  if (named !== undefined && !names.includes(named)) throw new Error(`--after "${text}": no device ${named}`);
  const pkt = Packet.of(packetOf(words));
  pkt.now = firewall.now + 1;
  firewall.receive(named ?? device, pkt);
}

/** Words, hex, or `FILE.pcap#N` (frames count from 1). */
function packetOf(text: string): Uint8Array {
  const [, path, number = '1'] = /^(.+\.(?:pcap|pcapng|cap))(?:#(\d+))?$/.exec(text) ?? [];
  if (path === undefined) return packetFromWords(text);
  let left = Number(number);
  for (const frame of readCapture(readBytes(path))) {
    if (--left > 0) continue;
    const at = networkAt(frame);
    if (at < 0) throw new Error(`${path}: frame ${number} holds no IP packet`);
    return frame.bytes.subarray(at);
  }
  throw new Error(`${path} has no frame ${number}`);
}

const wordsProblem = ({ message, span, hint }: PacketWordsError, text: string): string =>
  `${message}\n  ${text}\n  ${' '.repeat(span.start)}${'^'.repeat(Math.max(1, span.end - span.start))}${hint ? `\nhint: ${hint}` : ''}`;

/** As data: octets as hex, a rule as its text and where it stands. */
function jsonOf(walk: Trace, printing: Printing): string {
  const steps = walk.steps.map((step) => {
    if (step.kind !== 'rule') return step;
    const { file, line } = step.rule.origin ?? {};
    return { ...step, rule: printRule(step.chain, step.rule, printing), file, line };
  });
  return JSON.stringify({ ...walk, steps }, (_key, value: unknown) =>
    value instanceof Uint8Array ? toHex(value) : value,
  );
}
