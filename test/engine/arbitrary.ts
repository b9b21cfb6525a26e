// Random tables and packets that meet each other often: few addresses, devices, protocols and masks, odd ones among them.

import fc from 'fast-check';
import type { AnyMatch, AnyTarget, Constraints, Range } from '../../engine/extension.ts';
import type { Extensions } from '../../engine/install/rule.ts';
import { ACCEPT, CONTINUE, DROP, RETURN, STOLEN } from '../../engine/verdict.ts';
import type {
  ChainSpec,
  InterfaceSpec,
  MaskedAddress,
  MatchSpec,
  RuleSpec,
  TableSpec,
  TargetSpec,
} from '../../grammar/rule-spec.ts';
import { HOOKS, type HookName, TABLES, type TableName } from '../../grammar/tables.ts';
import { parseAddress } from '../../packet/address.ts';
import { fragment, icmp, ip4, ip6, raw, tcp, udp } from '../../packet/build.ts';
import { u16 } from '../../packet/bytes.ts';
import type { Family } from '../../packet/numbers.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, Packet } from '../../packet/packet.ts';

const ADDRESSES: Record<Family, string[]> = {
  4: ['10.0.1.2', '10.0.1.3', '10.1.0.1', '192.168.7.9'],
  6: ['fd00:a::2', 'fd00:a::3', 'fd00:1::1', '2001:db8::9'],
};
const MASKS: Record<Family, string[]> = {
  4: ['255.255.255.255', '255.255.255.0', '255.0.0.0', '0.0.0.1', '0.0.0.0', '255.0.255.0'],
  6: ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ffff:ffff:ffff:ffff::', 'ffff::', '::1', '::', 'ffff::ffff:0:0:ffff'],
};
const DEVICES = ['tunA', 'tunB', 'tunAB', ''];
const INTERFACES = ['tunA', 'tunB', 'tun+', 'tunA+', '+', 'eth0'];

const maskedAddress = (family: Family): fc.Arbitrary<MaskedAddress> =>
  fc
    .record({
      address: fc.constantFrom(...ADDRESSES[family]),
      mask: fc.constantFrom(...MASKS[family]),
      inverted: fc.boolean(),
    })
    .map(({ address, mask, inverted }) => {
      const bits = parseAddress(mask, family)!;
      // The mapped prefix of IPv4 is all ones.
      if (family === 4) bits.fill(0xff, 0, 12);
      const octets = parseAddress(address, family)!.map((octet, index) => octet & bits[index]);
      return { address: octets, mask: bits, inverted };
    });

const interfaceSpec: fc.Arbitrary<InterfaceSpec> = fc.record({
  name: fc.constantFrom(...INTERFACES),
  inverted: fc.boolean(),
});

const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });

// Only what the engine looks at: these are never parsed or printed.
const oddMatchOf = (match: Pick<AnyMatch, 'name' | 'effect' | 'compile' | 'constrain'>): AnyMatch => match as AnyMatch;
const oddTargetOf = (target: Pick<AnyTarget, 'name' | 'compile'>): AnyTarget => target as AnyTarget;

/** Matches and targets that touch everything the engine promises: state, hot drops, rewriting, odd verdicts. */
export const oddExtensions: Extensions = {
  match: (name) => ODD_MATCHES[name],
  target: (name) => ODD_TARGETS[name],
};

const ODD_MATCHES: Record<string, AnyMatch> = {
  // What tcp, udp, multiport and conntrack are to the engine: exact constraints, beside a predicate that may drop.
  ports: oddMatchOf({
    name: 'ports',
    effect: 'pure',
    compile:
      ({ sourcePort, destinationPort }: Constraints) =>
      (pkt) => {
        // As placements have it: for protocols with ports only.
        if (pkt.fragmentOffset !== 0 || (pkt.protocol !== 6 && pkt.protocol !== 17)) return false;
        if (pkt.l4 + 4 > pkt.end) return pkt.hotDrop();
        return inside(sourcePort, u16(pkt.bytes, pkt.l4)) && inside(destinationPort, u16(pkt.bytes, pkt.l4 + 2));
      },
    constrain: (constraints: Constraints) => constraints,
  }),
  state: oddMatchOf({
    name: 'state',
    effect: 'pure',
    compile:
      ({ ctState }: Constraints) =>
      (pkt) =>
        inside(ctState, pkt.ctState),
    constrain: (constraints: Constraints) => constraints,
  }),
  everyNth: oddMatchOf({
    name: 'everyNth',
    effect: 'stateful',
    compile(nth, context) {
      const state = context.state(() => ({ seen: 0 }));
      return () => ++state.seen % nth === 0;
    },
  }),
  together: oddMatchOf({
    name: 'together',
    effect: 'stateful',
    compile(nth, context) {
      const state = context.shared('together', () => ({ seen: 0 }));
      return () => ++state.seen % nth !== 0;
    },
  }),
  marked: oddMatchOf({ name: 'marked', effect: 'pure', compile: (mark) => (pkt) => (pkt.mark & 3) === mark }),
  picky: oddMatchOf({
    name: 'picky',
    effect: 'pure',
    compile: (length) => (pkt) => (pkt.end - pkt.l3 < length ? pkt.hotDrop() : true),
  }),
};

const ODD_TARGETS: Record<string, AnyTarget> = {
  addMark: oddTargetOf({
    name: 'addMark',
    compile: (mark) => (pkt) => {
      pkt.mark += mark;
      return CONTINUE;
    },
  }),
  // Another last octet of the source address: later rules must see it.
  renumber: oddTargetOf({
    name: 'renumber',
    compile:
      (octet, { family }) =>
      (pkt) => {
        pkt.bytes[pkt.l3 + (family === 4 ? 15 : 23)] = octet;
        return CONTINUE;
      },
  }),
  shorten: oddTargetOf({
    name: 'shorten',
    compile: () => (pkt) => {
      if (pkt.end - pkt.l3 > 60) pkt.end--;
      return CONTINUE;
    },
  }),
  verdict: oddTargetOf({ name: 'verdict', compile: (verdict) => () => verdict }),
};

const inside = (ranges: readonly Range[] | undefined, value: number): boolean =>
  ranges?.some(([low, high]) => low <= value && value <= high) ?? true;

const portRanges: fc.Arbitrary<Range[]> = fc.constantFrom<Range[]>(
  [[1, 1]],
  [[0, 1]],
  [[1, 2]],
  [[0, 0xffff]],
  [
    [0, 0],
    [2, 0xffff],
  ],
  [
    [0, 0],
    [2, 2],
    [4, 9],
  ],
  [],
);
const ports = fc.record(
  { sourcePort: portRanges, destinationPort: portRanges },
  // One that says nothing of ports looks at no ports.
  { requiredKeys: ['destinationPort'] },
) as fc.Arbitrary<Constraints>;
const states: fc.Arbitrary<Constraints> = fc
  .subarray([0, CT_INVALID, CT_ESTABLISHED, CT_RELATED, CT_NEW])
  .map((bits) => ({ ctState: bits.map((bit): Range => [bit, bit]) }));

const oddMatch: fc.Arbitrary<MatchSpec> = fc.oneof(
  fc.record({ name: fc.constant('ports'), checked: ports }),
  fc.record({ name: fc.constant('state'), checked: states }),
  fc.record({ name: fc.constantFrom('everyNth', 'together'), checked: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ name: fc.constant('marked'), checked: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ name: fc.constant('picky'), checked: fc.constantFrom(1, 41, 60) }),
);

const oddTarget: fc.Arbitrary<TargetSpec> = fc
  .oneof(
    fc.record({ name: fc.constant('addMark'), checked: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ name: fc.constant('renumber'), checked: fc.constantFrom(2, 3, 9) }),
    fc.record({ name: fc.constant('shorten'), checked: fc.constant(null) }),
    fc.record({ name: fc.constant('verdict'), checked: fc.constantFrom(ACCEPT, DROP, RETURN, STOLEN, CONTINUE) }),
  )
  .map((target) => ({ kind: 'extension', ...target }));

/** How many user chains a random table has; a chain jumps only to later ones, so there are no loops. */
const USER_CHAINS = ['u0', 'u1', 'u2'];

function ruleSpec(family: Family, callable: readonly string[]): fc.Arbitrary<RuleSpec> {
  const targets: fc.Arbitrary<TargetSpec | undefined>[] = [
    fc.constant(undefined),
    fc.constantFrom('ACCEPT', 'DROP', 'RETURN', 'QUEUE').map((name) => ({ kind: 'verdict', name }) as TargetSpec),
    oddTarget,
  ];
  if (callable.length > 0) {
    const call = fc.record({ kind: fc.constantFrom('jump', 'goto'), chain: fc.constantFrom(...callable) });
    targets.push(call as fc.Arbitrary<TargetSpec>, call as fc.Arbitrary<TargetSpec>);
  }
  return fc.record({
    family: fc.constant(family),
    source: seldom(maskedAddress(family)),
    destination: seldom(maskedAddress(family)),
    inInterface: seldom(interfaceSpec),
    outInterface: seldom(interfaceSpec),
    protocol: seldom(fc.record({ number: fc.constantFrom(6, 17, 1, 58, 44), inverted: fc.boolean() })),
    fragment: family === 4 ? seldom(fc.record({ inverted: fc.boolean() })) : fc.constant(undefined),
    matches: fc.array(oddMatch, { maxLength: 2 }),
    target: fc.oneof(...targets),
    counters: seldom(fc.record({ packets: fc.nat(9), bytes: fc.nat(900) })),
    origin: fc.constant(undefined),
  });
}

/** `shortest` and `longest`: rules of a chain. */
export function tableSpec(family: Family, name: TableName, longest = 6, shortest = 0): fc.Arbitrary<TableSpec> {
  const chain = (chainName: string, callable: readonly string[]): fc.Arbitrary<[string, ChainSpec]> => {
    const builtin = (TABLES[name] as readonly string[]).includes(chainName) ? (chainName as HookName) : undefined;
    return fc
      .record({
        policy: fc.constantFrom('ACCEPT' as const, 'DROP' as const),
        rules: fc.array(ruleSpec(family, callable), { minLength: shortest, maxLength: longest, size: 'max' }),
      })
      .map(({ policy, rules }) => [
        chainName,
        { name: chainName, builtin, policy: builtin && policy, counters: { packets: 0, bytes: 0 }, rules },
      ]);
  };
  const chains = [
    ...HOOKS.filter((hook) => (TABLES[name] as readonly string[]).includes(hook)).map((hook) =>
      chain(hook, USER_CHAINS),
    ),
    ...USER_CHAINS.map((user, index) => chain(user, USER_CHAINS.slice(index + 1))),
  ];
  return fc.tuple(...chains).map((entries) => ({ family, name, chains: new Map(entries) }));
}

export interface Sent {
  readonly octets: Uint8Array;
  readonly inDevice: string;
  readonly outDevice: string;
  readonly mark: number;
  readonly ctState: number;
}

export function sent(family: Family): fc.Arbitrary<Sent> {
  const layer = fc.oneof(
    fc.record({ sport: fc.nat(3), dport: fc.nat(3) }).map((ports) => tcp({ ...ports, flags: 'S' })),
    fc.record({ sport: fc.nat(3), dport: fc.nat(3) }).map((ports) => udp(ports)),
    fc.constant(icmp({ type: 8 })),
    // A header that is cut short, in its ports and behind them.
    fc.constantFrom(2, 6, 12).map((length) => raw(6, new Uint8Array(length))),
    fc.constantFrom(3, 7).map((length) => raw(17, new Uint8Array(length))),
    // A header chain that runs out of the packet, in IPv6.
    fc.constantFrom(43, 60, 51).map((protocol) => raw(protocol, Uint8Array.of(17))),
    fc.constantFrom(59, 50, 99).map((protocol) => raw(protocol, new Uint8Array(12))),
  );
  const pieces = fc.record({ offset: fc.constantFrom(0, 0, 0, 64), more: fc.boolean() });
  return fc
    .record({
      src: fc.constantFrom(...ADDRESSES[family]),
      dst: fc.constantFrom(...ADDRESSES[family]),
      layer,
      piece: fc.option(pieces, { nil: undefined, freq: 3 }),
      inDevice: fc.constantFrom(...DEVICES),
      outDevice: fc.constantFrom(...DEVICES),
      mark: fc.nat(3),
      ctState: fc.constantFrom(0, CT_INVALID, CT_ESTABLISHED, CT_NEW),
    })
    .map(({ src, dst, layer, piece, ...rest }) => {
      const octets =
        family === 4
          ? ip4({ src, dst, mf: piece?.more, offset: piece?.offset }, layer)
          : ip6({ src, dst }, ...(piece ? [fragment({ offset: piece.offset, more: piece.more })] : []), layer);
      return { octets, ...rest };
    });
}

export function packetOf({ octets, inDevice, outDevice, mark, ctState }: Sent, hook: number): Packet {
  const pkt = Packet.of(octets);
  pkt.inDevice = inDevice;
  pkt.outDevice = outDevice;
  pkt.mark = mark;
  pkt.ctState = ctState;
  pkt.hook = hook;
  return pkt;
}
