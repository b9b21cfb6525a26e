// sekisho/arbitrary: random traffic and rules for fast-check, and a search for the shortest sequence of packets that breaks a promise.
//
//   forAllTraffic(fw, (outcome) => {
//     if (outcome.device === 'outside' && outcome.packet.dport === 22 && outcome.verdict === 'accepted') {
//       expect(outcome).toHaveCtstate('ESTABLISHED');
//     }
//   });

import fc from 'fast-check';
import type { TestFirewall } from './firewall.ts';
import type { Flow } from './flow.ts';
import type { Outcome } from './outcome.ts';
import { fragments, icmp, icmp6, ipProtocol, tcp, udp } from './packets.ts';
import type { Family } from './prefix-hosts.ts';
import { type Vocabulary, vocabularyOf } from './vocabulary.ts';

export { type Vocabulary, vocabularyOf } from './vocabulary.ts';

/** A packet and the device that it comes in by. */
export interface DrawnPacket {
  readonly octets: Uint8Array;
  readonly device: string;
}

/** One thing that happens. `of` names an earlier packet that opened something: from 0, taken round. */
export type TrafficStep =
  | ({ readonly kind: 'packet' } & DrawnPacket)
  | { readonly kind: 'answer' | 'more' | 'again' | 'close' | 'reset'; readonly of: number }
  | { readonly kind: 'error'; readonly of: number; readonly type: string }
  | { readonly kind: 'wait'; readonly ms: number };

export interface TrafficOptions {
  /** Most steps of a run; 8. */
  readonly most?: number;
  /** Devices that packets come in by; all of the firewall. */
  readonly from?: readonly string[];
  /** Families; those that rules are loaded for. */
  readonly families?: readonly Family[];
  /** Added to what the rules speak of. */
  readonly vocabulary?: Partial<Vocabulary>;
}

// --- Arbitraries -----------------------------------------------------------------------------------------------------------

function wordsFor(fw: TestFirewall, { vocabulary = {} }: TrafficOptions): Vocabulary {
  const own = vocabularyOf(fw);
  return {
    addresses: {
      4: [...own.addresses[4], ...(vocabulary.addresses?.[4] ?? [])],
      6: [...own.addresses[6], ...(vocabulary.addresses?.[6] ?? [])],
    },
    ports: [...own.ports, ...(vocabulary.ports ?? [])],
    protocols: vocabulary.protocols ?? own.protocols,
    devices: own.devices,
  };
}

/** Packets that rules of `fw` may have something to say of. Most come from an address behind the device that they come in by. */
export function packets(fw: TestFirewall, options: TrafficOptions = {}): fc.Arbitrary<DrawnPacket> {
  const words = wordsFor(fw, options);
  const loaded = ([4, 6] as const).filter((family) => fw.has(family));
  const families = options.families ?? (loaded.length > 0 ? loaded : ([4, 6] as const));
  const behind = sourcesBehind(fw, words);
  const one = fc.record({
    family: fc.constantFrom<Family>(...families),
    device: fc.constantFrom(...(options.from ?? words.devices)),
    honest: fc.constantFrom(true, true, true, false),
    protocol: fc.constantFrom(...words.protocols),
    src: place,
    dst: place,
    sport: fc.constantFrom(...words.ports),
    dport: fc.constantFrom(...words.ports),
    flags: fc.constantFrom('S', 'S', 'S', 'SA', 'A', 'PA', 'FA', 'R', 'SF', ''),
    ttl: fc.constantFrom(64, 64, 64, 255, 1),
    fragment: fc.constantFrom(false, false, false, true),
  });
  return one.map(({ family, device, honest, src, dst, ...fields }) => {
    const known = words.addresses[family];
    const own = behind(family, device);
    const sources = honest && own.length > 0 ? own : known;
    return { device, octets: build(family, sources[src % sources.length], known[dst % known.length], fields) };
  });
}

/** In a list, mostly near its beginning: what meets again is what makes conversations. */
const place = fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 3 }) }, { weight: 2, arbitrary: fc.nat({ max: 1_000 }) });

function sourcesBehind(fw: TestFirewall, { addresses }: Vocabulary): (family: Family, device: string) => string[] {
  const found = new Map<string, string[]>();
  for (const family of [4, 6] as const) {
    const [somebody] = addresses[family];
    for (const address of addresses[family]) {
      const key = `${family} ${fw.deviceFor(udp(address, somebody))}`;
      found.set(key, [...(found.get(key) ?? []), address]);
    }
  }
  return (family, device) => found.get(`${family} ${device}`) ?? [];
}

interface Drawn {
  readonly protocol: Vocabulary['protocols'][number];
  readonly sport: number;
  readonly dport: number;
  readonly flags: string;
  readonly ttl: number;
  readonly fragment: boolean;
}

const OTHER_PROTOCOL = 50; // ESP

function build(family: Family, src: string, dst: string, drawn: Drawn): Uint8Array {
  const { protocol, sport, dport, flags, ttl, fragment } = drawn;
  const whole = (): Uint8Array => {
    switch (protocol) {
      case 'tcp':
        return tcp(src, dst, { sport, dport, flags, ttl });
      case 'udp':
        return udp(src, dst, { sport, dport, ttl, data: 8 });
      case 'icmp':
        return (family === 4 ? icmp : icmp6)(src, dst, { id: sport, ttl });
      case 'other':
        return ipProtocol(src, dst, OTHER_PROTOCOL, 16, { ttl });
    }
  };
  // A later fragment alone: it has no ports.
  return fragment && protocol === 'udp' ? fragments(udp(src, dst, { sport, dport, data: 24 }), 16, sport)[1] : whole();
}

/** A sequence of packets, answers, repetitions, errors and time; the empty one first, and shorter ones when it shrinks. */
export function traffic(fw: TestFirewall, options: TrafficOptions = {}): fc.Arbitrary<TrafficStep[]> {
  const of = fc.nat({ max: 3 });
  const step: fc.Arbitrary<TrafficStep> = fc.oneof(
    { weight: 6, arbitrary: packets(fw, options).map((drawn): TrafficStep => ({ kind: 'packet', ...drawn })) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom('answer' as const, 'more' as const, 'again' as const), of }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('close' as const, 'reset' as const), of }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('error' as const),
        of,
        type: fc.constantFrom('packet-too-big', 'port-unreachable', 'time-exceeded'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, 60_000, 3_600_000) }),
    },
  );
  return fc.array(step, { maxLength: options.most ?? 8 });
}

/** Conversations that a host behind `from` opens: the packet, and what each end says then. */
export function conversations(
  fw: TestFirewall,
  options: TrafficOptions = {},
): fc.Arbitrary<{ readonly opener: DrawnPacket; readonly sides: readonly ('original' | 'reply')[] }> {
  const opener = packets(fw, options).filter(({ octets }) => {
    const protocol = octets[0] >>> 4 === 4 ? octets[9] : octets[6];
    return protocol === 6 ? octets.at(octets[0] >>> 4 === 4 ? 33 : 53) === 2 : protocol === 17;
  });
  return fc.record({
    opener,
    sides: fc.array(fc.constantFrom('reply' as const, 'original' as const), { maxLength: 6 }),
  });
}

/** Save text of a filter table that loads: a few rules over the words that `forAllTraffic` draws from. */
export function rulesets(family: Family = 4): fc.Arbitrary<string> {
  const [near, far, all] =
    family === 4 ? ['10.0.1.0/24', '192.0.2.0/24', '10.0.0.0/8'] : ['fd00:a::/64', '2001:db8::/32', 'fd00::/8'];
  const icmpRule = family === 4 ? '-p icmp -m icmp --icmp-type 8 ' : '-p ipv6-icmp -m icmp6 --icmpv6-type 128 ';
  const rule = fc
    .record({
      chain: fc.constantFrom('FORWARD', 'INPUT', 'OUTPUT', 'own'),
      source: fc.constantFrom('', `-s ${near} `, `-s ${far} `, `! -s ${all} `),
      destination: fc.constantFrom('', `-d ${near} `, `-d ${far} `),
      device: fc.constantFrom('', '-i inside ', '-i outside ', '! -i inside '),
      asks: fc.constantFrom(
        '',
        '-m conntrack --ctstate RELATED,ESTABLISHED ',
        '-m conntrack --ctstate NEW ',
        '-m conntrack --ctstate INVALID ',
        '-p tcp -m tcp --dport 22 ',
        '-p tcp -m tcp --dport 80:443 ',
        '-p tcp -m multiport --dports 22,80,443 ',
        '-p udp -m udp --dport 53 ',
        '-p udp -m udp ! --sport 53 ',
        '-m limit --limit 5/sec ',
        '-m mark --mark 0x1 ',
        icmpRule,
      ),
      target: fc.constantFrom('ACCEPT', 'DROP', 'REJECT', 'RETURN', 'LOG', 'own'),
    })
    .filter(
      ({ chain, target, device }) => (chain !== 'own' || target !== 'own') && (chain !== 'OUTPUT' || device === ''),
    )
    .map(
      ({ chain, source, destination, device, asks, target }) =>
        `-A ${chain} ${source}${destination}${device}${asks}-j ${target}`,
    );
  const policy = fc.constantFrom('ACCEPT', 'DROP');
  return fc
    .record({ rules: fc.array(rule, { maxLength: 8 }), input: policy, forward: policy })
    .map(
      ({ rules, input, forward }) =>
        `*filter\n:INPUT ${input} [0:0]\n:FORWARD ${forward} [0:0]\n:OUTPUT ACCEPT [0:0]\n:own - [0:0]\n${rules.map((text) => `${text}\n`).join('')}COMMIT\n`,
    );
}

// --- Running it ---------------------------------------------------------------------------------------------------------------

export interface Happened {
  readonly step: TrafficStep;
  /** Undefined: nothing could be sent (an answer to what never arrived, a wait). */
  readonly outcome: Outcome | undefined;
}

/** Lets the steps happen, one after the other; a packet opens a conversation that later steps go on with. */
export function* play(fw: TestFirewall, steps: readonly TrafficStep[]): Generator<Happened> {
  const flows: { flow: Flow | undefined; packet: DrawnPacket }[] = [];
  for (const step of steps) {
    if (step.kind === 'wait') {
      fw.advance(step.ms);
      yield { step, outcome: undefined };
    } else if (step.kind === 'packet') {
      const flow = flowOf(fw, step);
      flows.push({ flow, packet: step });
      yield { step, outcome: flow ? flow.open() : fw.send(step.octets, { in: step.device }) };
    } else {
      const one = flows[step.of % Math.max(1, flows.length)];
      yield { step, outcome: one && goOn(fw, one, step) };
    }
  }
}

/** Undefined for what has no conversations. */
function flowOf(fw: TestFirewall, { octets, device }: DrawnPacket): Flow | undefined {
  try {
    return fw.flow(octets, { in: device });
  } catch {
    return undefined;
  }
}

function goOn(
  fw: TestFirewall,
  { flow, packet }: { flow: Flow | undefined; packet: DrawnPacket },
  step: Exclude<TrafficStep, { kind: 'packet' | 'wait' }>,
): Outcome | undefined {
  if (step.kind === 'again' || !flow) return fw.send(packet.octets, { in: packet.device });
  try {
    switch (step.kind) {
      case 'answer':
        return flow.reply(1);
      case 'more':
        return flow.send(1);
      case 'close':
        return flow.close();
      case 'reset':
        return flow.reset();
      case 'error':
        return flow.error(step.type);
    }
  } catch {
    // It never reached the far end, or its protocol knows no such packet.
    return undefined;
  }
}

// --- Promises -----------------------------------------------------------------------------------------------------------------

export interface PromiseOptions extends TrafficOptions {
  /** Runs; 200. */
  readonly runs?: number;
  /** Of a run that is to be repeated. */
  readonly seed?: number;
}

/** Throws, or gives false, where something happened that must not. */
export type Promised = (outcome: Outcome, before: readonly Happened[]) => unknown;

export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise';
  /** The shortest sequence that was found. */
  readonly steps: readonly TrafficStep[];

  constructor(message: string, steps: readonly TrafficStep[], cause: unknown) {
    super(message, { cause });
    this.steps = steps;
  }
}

/**
 * Sends random traffic through firewalls with the rules of `fw` and asks of every packet whether the promise is kept. Throws
 * BrokenPromise with the shortest sequence of packets that breaks it, and the walk of the last.
 */
export function forAllTraffic(fw: TestFirewall, promise: Promised, options: PromiseOptions = {}): void {
  const { runs = 200, seed } = options;
  const result = fc.check(
    fc.property(traffic(fw, options), (steps) => breach(fw, steps, promise) === undefined),
    { numRuns: runs, seed },
  );
  if (!result.failed) return;
  const [steps] = result.counterexample ?? [[]];
  const found = breach(fw, steps, promise);
  const story = (found?.happened ?? []).map(tell).join('');
  const why =
    found?.problem instanceof Error ? `\n${found.problem.message}` : `\n${found?.happened.at(-1)?.outcome?.walk ?? ''}`;
  throw new BrokenPromise(
    `a promise is broken; the shortest way found (seed ${result.seed}, run ${result.numRuns}, ${result.numShrinks} times shortened):\n${story}${why}`,
    steps,
    found?.problem,
  );
}

interface Breach {
  readonly happened: readonly Happened[];
  readonly problem: unknown;
}

function breach(fw: TestFirewall, steps: readonly TrafficStep[], promise: Promised): Breach | undefined {
  const another = fw.fresh();
  const happened: Happened[] = [];
  for (const one of play(another, steps)) {
    const before = [...happened];
    happened.push(one);
    if (!one.outcome) continue;
    try {
      if (promise(one.outcome, before) === false) return { happened, problem: undefined };
    } catch (problem) {
      return { happened, problem };
    }
  }
  return undefined;
}

function tell({ step, outcome }: Happened, index: number): string {
  const head = `  ${index + 1}. `;
  if (step.kind === 'wait') return `${head}wait ${step.ms / 1_000} s\n`;
  const what = step.kind === 'packet' ? '' : `${step.kind} of ${step.of + 1}: `;
  if (!outcome) return `${head}${what}nothing can be sent\n`;
  const fate = outcome.reason === '' ? outcome.verdict : `${outcome.verdict}: ${outcome.reason}`;
  const from = outcome.device === '' ? 'own' : outcome.device;
  return `${head}${what}${from}: ${outcome.packet.text}\n     ${fate}${outcome.ctstate ? `, ${outcome.ctstate}` : ''}\n`;
}
