// sekisho trace: one packet through a rule set, and every reason on its way.

import { randomFillSync } from 'node:crypto';
import { builtinRegistry } from '../control/extensions.ts';
import { hostNames } from '../control/host-names.ts';
import { Firewall, type Mode } from '../engine/firewall.ts';
import { parseSave } from '../engine/restore.ts';
import type { Trace } from '../engine/trace.ts';
import { traceText } from '../engine/trace-text.ts';
import { renderDiagnostic } from '../grammar/diagnostics.ts';
import { type Printing, printRule } from '../grammar/print.ts';
import { toHex } from '../packet/bytes.ts';
import { Packet } from '../packet/packet.ts';
import { networkAt, readCapture } from '../packet/pcap.ts';
import { PacketWordsError, packetFromWords } from '../packet/words.ts';
import { parseDevice } from './device-spec.ts';
import { complain, readBytes, readText } from './input.ts';
import { type RuleOptions, ruleFiles } from './rule-files.ts';

export interface TraceOptions extends RuleOptions {
  in?: string;
  mode: 'bridge' | 'router';
  inside: string;
  outside: string;
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
    const devices = [parseDevice(options.inside), parseDevice(options.outside)] as const;
    const firewall = new Firewall({
      mode: modeOf(options.mode, devices),
      registry: builtinRegistry(),
      random: () => randomFillSync(new Uint32Array(1))[0],
      transmit: () => {},
    });
    load(firewall, options);
    const device = options.in ?? devices[0].name;
    const names = devices.map(({ name }) => name);
    if (!names.includes(device)) throw new Error(`--in ${device}: the devices are ${names.join(' and ')}`);
    for (const earlier of options.after ?? []) send(firewall, earlier, device, names);
    const walk = firewall.trace(octets, { device });
    const printing = { lookup: firewall.registry, names: hostNames() };
    process.stdout.write(options.json ? `${jsonOf(walk, printing)}\n` : traceText(walk, printing));
    return 0;
  } catch (error) {
    if (error instanceof RulesRefused) {
      process.stderr.write(error.message);
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

function load(firewall: Firewall, options: RuleOptions): void {
  for (const { family, path } of ruleFiles(options)) {
    const context = { family, lookup: firewall.registry, names: hostNames(), file: path };
    const { tables, diagnostics } = parseSave(readText(path), context);
    if (diagnostics.length > 0) throw new RulesRefused(diagnostics.map(renderDiagnostic).join(''));
    firewall.install(tables);
  }
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
