import { templateOf } from '../conntrack/template.ts';
import type { Connections } from '../conntrack/tracker.ts';
import { type Action, defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import type { Given, RuleScope, ValueScope } from '../grammar/options.ts';
import { addressMask, hex, own, u16, u32 } from '../grammar/values.ts';
import { u32 as wordAt } from '../packet/bytes.ts';
import { jhash3, reciprocalScale } from '../packet/jhash.ts';
import { type Family, IPPROTO_ICMP } from '../packet/numbers.ts';
import { Flow, type FlowReader, packetFlow4, packetFlow6 } from './shared/hash-tuple.ts';
import { words } from './shared/text.ts';

// --- Values -----------------------------------------------------------------------------------------------------------

const MEMBERS = ['src', 'dst', 'sport', 'dport', 'spi', 'proto', 'ct'] as const;
type Member = (typeof MEMBERS)[number];

const LIST = '"--hmark-tuple" requires a list of types with no spaces, e.g. src,dst,sport,dport,proto';

/** Members in any case; each begins at a comma, so that an empty one takes the rest of the word into its name. */
const tuple = {
  words: 1 as const,
  metavar: `${MEMBERS.join('|')}[,...]`,
  parse([word]: readonly string[], scope: ValueScope): readonly Member[] {
    const found: Member[] = [];
    for (let rest = word; ; ) {
      if (rest === '') return scope.fail(LIST);
      const comma = rest.indexOf(',', 1);
      const name = comma < 0 ? rest : rest.slice(0, comma);
      const member = MEMBERS.find((one) => one === name.toLowerCase());
      if (!member) return scope.fail(`Bad type "${name}"`, `one of: ${MEMBERS.join(', ')}`);
      found.push(member);
      if (comma < 0) return found;
      rest = rest.slice(comma + 1);
    }
  },
  print: (members: readonly Member[]): string => members.join(','),
};

const readMask = addressMask({ help: '' });

/** A number of bits, the largest when it is too large; or a mask. */
const prefix = {
  words: 1 as const,
  metavar: 'bits|mask',
  parse([word]: readonly string[], scope: ValueScope): number {
    const bits = scope.family === 4 ? 32 : 128;
    // More bits than there are count as all of them in IPv4, where the number is also an address.
    return readMask.parse([`${scope.family === 4 ? '0.0.0.0' : '::'}/${word}`], scope).length ?? bits;
  },
  print: (length: number): string => length.toString(),
};

// --- Checked form -----------------------------------------------------------------------------------------------------

/** Undefined: not given, and nothing of it goes into the hash. */
interface Checked {
  readonly ct: boolean;
  readonly source?: number;
  readonly destination?: number;
  readonly sportMask?: number;
  readonly dportMask?: number;
  readonly spiMask?: number;
  readonly sport?: number;
  readonly dport?: number;
  readonly spi?: number;
  readonly protocol?: number;
  readonly seed: number;
  readonly modulus: number;
  readonly offset?: number;
}

type Options = Readonly<Record<string, Given<number> | undefined>>;

/** What a member of --hmark-tuple stands for; it may follow that option, and overrides it, but not go before it. */
const MEANS: Readonly<Record<Exclude<Member, 'ct'>, string>> = {
  src: 'hmark-src-prefix',
  dst: 'hmark-dst-prefix',
  sport: 'hmark-sport-mask',
  dport: 'hmark-dport-mask',
  spi: 'hmark-spi-mask',
  proto: 'hmark-proto-mask',
};

function masks(members: Given<readonly Member[]> | undefined, options: Options, family: Family, scope: RuleScope) {
  const all = family === 4 ? 32 : 128;
  const whole = { src: all, dst: all, sport: 0xffff, dport: 0xffff, spi: 0xffff_ffff, proto: 0xffff };
  const read = (member: keyof typeof MEANS): number | undefined => {
    const given = options[MEANS[member]];
    if (!members?.value.includes(member)) return given?.value;
    if (given && given.span.start > members.span.start) {
      scope.fail(`HMARK: option "--${given.name}" can only be used once.`, given, `"${member}" says it already`);
    }
    return whole[member];
  };
  return {
    source: read('src'),
    destination: read('dst'),
    sportMask: read('sport'),
    dportMask: read('dport'),
    spiMask: read('spi'),
    protocol: read('proto'),
  };
}

const padded = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

const save = (c: Checked): string =>
  words(
    c.source !== undefined && `--hmark-src-prefix ${c.source}`,
    c.destination !== undefined && `--hmark-dst-prefix ${c.destination}`,
    c.sportMask !== undefined && `--hmark-sport-mask ${padded(c.sportMask, 4)}`,
    c.dportMask !== undefined && `--hmark-dport-mask ${padded(c.dportMask, 4)}`,
    c.spiMask !== undefined && `--hmark-spi-mask ${padded(c.spiMask, 8)}`,
    c.sport !== undefined && `--hmark-sport ${padded(c.sport, 4)}`,
    c.dport !== undefined && `--hmark-dport ${padded(c.dport, 4)}`,
    c.spi !== undefined && `--hmark-spi ${padded(c.spi, 8)}`,
    c.protocol !== undefined && `--hmark-proto-mask ${padded(c.protocol, 2)}`,
    `--hmark-rnd ${padded(c.seed, 8)}`,
    `--hmark-mod ${c.modulus}`,
    c.offset !== undefined && `--hmark-offset ${c.offset}`,
    c.ct && '--hmark-tuple ct',
  );

/** -L leaves all 128 bits of an IPv6 prefix blank, and ends with a blank. */
function list(c: Checked, family: Family): string {
  const bits = (length: number): string => (family === 6 && length === 128 ? '' : `${length}`);
  return [
    `HMARK mod ${c.modulus}`,
    ...(c.offset !== undefined ? [`+ ${hex(c.offset)}`] : []),
    ...(c.ct ? ['ct,'] : []),
    ...(c.source !== undefined ? [`src-prefix ${bits(c.source)}`] : []),
    ...(c.destination !== undefined ? [`dst-prefix ${bits(c.destination)}`] : []),
    ...(c.sportMask !== undefined ? [`sport-mask ${hex(c.sportMask)}`] : []),
    ...(c.dportMask !== undefined ? [`dport-mask ${hex(c.dportMask)}`] : []),
    ...(c.spiMask !== undefined ? [`spi-mask ${hex(c.spiMask)}`] : []),
    ...(c.sport !== undefined ? [`sport ${hex(c.sport)}`] : []),
    ...(c.dport !== undefined ? [`dport ${hex(c.dport)}`] : []),
    ...(c.spi !== undefined ? [`spi ${hex(c.spi)}`] : []),
    ...(c.protocol !== undefined ? [`proto-mask ${hex(c.protocol)}`] : []),
    `rnd ${hex(c.seed)} `,
  ].join(' ');
}

// --- The hash ---------------------------------------------------------------------------------------------------------

/** One word for the two ports: the larger in front, so that both directions have the same. A mask of SPI bits lies over both halves. */
function portWord(c: Checked): (ports: number) => number {
  const mask = c.spiMask ?? ((c.sportMask ?? 0) << 16) | (c.dportMask ?? 0);
  const set = c.spi ?? ((c.sport ?? 0) << 16) | (c.dport ?? 0);
  return (ports) => {
    const word = (ports & mask) | set;
    const first = word >>> 16;
    const second = word & 0xffff;
    return second > first ? (second << 16) | first : word;
  };
}

/** xt_HMARK.c hmark_hash() */
function hasher({ protocol = 0, seed, modulus, offset = 0 }: Checked): (flow: Flow) => number {
  return (flow) => {
    const low = Math.min(flow.source, flow.destination);
    const high = Math.max(flow.source, flow.destination);
    const hash = (jhash3(low, high, flow.ports, seed) ^ (flow.protocol & protocol)) >>> 0;
    return (reciprocalScale(hash, modulus) + offset) >>> 0;
  };
}

/** The words of an address under a mask, folded into one. Addresses stand in `bytes` at `at`. */
function fold(length: number | undefined, family: Family): (bytes: Uint8Array, at: number) => number {
  const masks = [0, 32, 64, 96].map((from) => {
    const ones = Math.min(Math.max((length ?? 0) - from, 0), 32);
    return ones === 0 ? 0 : -1 << (32 - ones);
  });
  const [m0, m1, m2, m3] = masks;
  if (family === 4) return (bytes, at) => (wordAt(bytes, at) & m0) >>> 0;
  return (bytes, at) =>
    ((wordAt(bytes, at) & m0) ^
      (wordAt(bytes, at + 4) & m1) ^
      (wordAt(bytes, at + 8) & m2) ^
      (wordAt(bytes, at + 12) & m3)) >>>
    0;
}

export const HMARK = defineTarget({
  name: 'HMARK',
  families: [4, 6],
  summary: 'Sets the mark of the packet to a hash of its addresses and ports, the same for both directions.',
  kernel: 'net/netfilter/xt_HMARK.c hmark_tg_v4(), hmark_tg_v6()',
  options: {
    'hmark-tuple': own(tuple, { help: 'what goes into the hash; "ct": of the connection, not of the packet' }),
    'hmark-src-prefix': own(prefix, { help: 'bits of the source address' }),
    'hmark-dst-prefix': own(prefix, { help: 'bits of the destination address' }),
    'hmark-sport-mask': u16({ help: 'bits of the source port' }),
    'hmark-dport-mask': u16({ help: 'bits of the destination port' }),
    'hmark-spi-mask': u32({ help: 'bits of the security parameter index of AH and ESP' }),
    'hmark-sport': u16({ help: 'OR the source port with VALUE' }),
    'hmark-dport': u16({ help: 'OR the destination port with VALUE' }),
    'hmark-spi': u32({ help: 'OR the security parameter index with VALUE' }),
    'hmark-proto-mask': u16({ help: 'bits of the protocol number' }),
    'hmark-rnd': u32({ help: 'seed of the hash; must be given' }),
    'hmark-mod': u32({ help: 'how many marks there are; must be given', min: 1 }),
    'hmark-offset': u32({ help: 'the first of them' }),
  },
  check(options, scope): Checked {
    const { 'hmark-tuple': members, ...numbers } = options;
    const all = masks(members, numbers, scope.family, scope);
    const [modulus, seed] = [options['hmark-mod'], options['hmark-rnd']];
    if (!modulus) return scope.fail('--hmark-mod is mandatory');
    if (!seed) return scope.fail('--hmark-rnd is mandatory');
    if (all.spiMask !== undefined && (all.sportMask !== undefined || all.dportMask !== undefined)) {
      scope.fail('you cannot use --hmark-spi-mask and --hmark-?port-mask,at the same time');
    }
    const checked: Checked = {
      ...all,
      ct: members?.value.includes('ct') ?? false,
      sport: options['hmark-sport']?.value,
      dport: options['hmark-dport']?.value,
      spi: options['hmark-spi']?.value,
      seed: seed.value,
      modulus: modulus.value,
      offset: options['hmark-offset']?.value,
    };
    const { seed: _seed, modulus: _modulus, offset: _offset, ct, ...parts } = checked;
    if (!ct && Object.values(parts).every((part) => part === undefined)) {
      scope.fail('you have to specify --hmark-tuple at least');
    }
    return checked;
  },
  save,
  list: (checked, { family }) => list(checked, family),
  placement: {
    refuses: ({ spi, sport, dport }) =>
      spi !== undefined && (sport !== undefined || dport !== undefined)
        ? "xt_HMARK: spi-set and port-set can't be combined"
        : undefined,
  },
  compile: (checked, { family, services }) => setHash(checked, family, services.tracker.connections),
});

function setHash(checked: Checked, family: Family, connections: Connections): Action {
  const hash = hasher(checked);
  const parts = {
    source: fold(checked.source, family),
    destination: fold(checked.destination, family),
    ports: portWord(checked),
  };
  const flow = new Flow();
  const read = checked.ct ? connectionFlow(connections, family) : family === 4 ? packetFlow4 : packetFlow6;
  return (pkt) => {
    flow.clear();
    if (read(pkt, flow, parts)) pkt.mark = hash(flow);
    return CONTINUE;
  };
}

/** Who asked, and who answered: the sources of both directions. hmark_ct_set_htuple() */
function connectionFlow(connections: Connections, family: Family): FlowReader {
  const first = family === 4 ? 12 : 0;
  const address = new Uint8Array(16);
  const sourceOf = (id: number, direction: 0 | 1): Uint8Array => {
    for (let index = first; index < 16; index++) address[index] = connections.sourceOctet(id, direction, index);
    return address;
  };
  return (pkt, flow, { source, destination, ports }) => {
    const { connection } = pkt;
    if (connection < 0) {
      // A template is a connection without addresses.
      if (!templateOf(pkt)) return false;
      flow.ports = ports(0);
      return true;
    }
    flow.source = source(sourceOf(connection, 0), first);
    flow.destination = destination(sourceOf(connection, 1), first);
    flow.protocol = connections.protocol(connection);
    if (flow.protocol !== IPPROTO_ICMP) {
      flow.ports = ports((connections.sourceKey(connection, 0) << 16) | connections.sourceKey(connection, 1));
    }
    return true;
  };
}
