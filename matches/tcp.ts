import { defineMatch, type Predicate } from '../engine/extension.ts';
import type { ValueScope } from '../grammar/options.ts';
import { wholeNumber } from '../grammar/scan.ts';
import { flag, type NumberRange, own } from '../grammar/values.ts';
import { IPPROTO_TCP } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import * as tcpHeader from '../packet/tcp.ts';
import { ANY_PORT, listPorts, onlyOne, STRICT_PORTS, savePorts } from './shared/ports.ts';
import { octetsEqual, within } from './shared/ranges.ts';
import { bang, option, upperHex, words } from './shared/text.ts';

const { ACK, FIN, PSH, RST, SYN, URG } = tcpHeader;
const FLAGS: readonly (readonly [name: string, bit: number])[] = [
  ['FIN', FIN],
  ['SYN', SYN],
  ['RST', RST],
  ['PSH', PSH],
  ['ACK', ACK],
  ['URG', URG],
];
const FLAG_WORDS = new Map<string, number>([...FLAGS, ['ALL', 0x3f], ['NONE', 0]]);

interface TcpFlags {
  readonly mask: number;
  readonly set: number;
}

/** A list of flag names as one octet. strtok(): empty items vanish. */
const flagBits = (list: string, scope: ValueScope): number =>
  list
    .split(',')
    .filter((name) => name !== '')
    .reduce((bits, name) => bits | (FLAG_WORDS.get(name.toUpperCase()) ?? unknownFlag(name, scope)), 0);

const unknownFlag = (name: string, scope: ValueScope): never =>
  scope.fail(`Unknown TCP flag \`${name}'`, `flags are ${[...FLAG_WORDS.keys()].join(', ')}`);

const flagNames = (bits: number): string =>
  bits === 0
    ? 'NONE'
    : FLAGS.filter(([, bit]) => bits & bit)
        .map(([name]) => name)
        .join(',');

const tcpFlags = {
  words: 2 as const,
  metavar: 'mask comp',
  parse([mask, set]: readonly string[], scope: ValueScope): TcpFlags {
    return { mask: flagBits(mask, scope), set: flagBits(set, scope) };
  },
  print: ({ mask, set }: TcpFlags): string => `${flagNames(mask)} ${flagNames(set)}`,
};

const optionKind = {
  words: 1 as const,
  metavar: 'number',
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    wholeNumber(word, 1, 255) ?? scope.fail(`Bad TCP option "${word}"`, 'a kind from 1 to 255'),
  print: (kind: number): string => kind.toString(),
};

const FLAGS_ONCE = "Only one of `--syn' or `--tcp-flags'  allowed";

interface Checked {
  readonly source: NumberRange;
  readonly sourceInverted: boolean;
  readonly destination: NumberRange;
  readonly destinationInverted: boolean;
  readonly mask: number;
  readonly set: number;
  readonly flagsInverted: boolean;
  /** 0: not asked. */
  readonly option: number;
  readonly optionInverted: boolean;
}

const hasFlags = ({ mask, flagsInverted }: Checked): boolean => mask !== 0 || flagsInverted;

export const tcp = defineMatch({
  name: 'tcp',
  families: [4, 6],
  summary: 'Ports, flags and options of a TCP header.',
  kernel: 'net/netfilter/xt_tcpudp.c tcp_mt()',
  placement: { protocols: [IPPROTO_TCP] },
  effect: 'pure',
  options: {
    ...STRICT_PORTS,
    syn: flag({ help: 'SYN without ACK, RST, FIN', invert: true, twice: FLAGS_ONCE }),
    'tcp-flags': own(tcpFlags, {
      help: 'of the flags in MASK exactly those in COMP are set',
      invert: true,
      twice: FLAGS_ONCE,
    }),
    'tcp-option': own(optionKind, {
      help: 'an option of this kind is there',
      invert: true,
      twice: onlyOne('tcp-option'),
    }),
  },
  check(given, scope): Checked {
    const flags = given.syn ?? given['tcp-flags'];
    if (given.syn && given['tcp-flags']) scope.fail(FLAGS_ONCE, given['tcp-flags']);
    const asked = given.syn ? { mask: FIN | SYN | RST | ACK, set: SYN } : given['tcp-flags']?.value;
    return {
      source: given['source-port']?.value ?? ANY_PORT,
      sourceInverted: given['source-port']?.inverted ?? false,
      destination: given['destination-port']?.value ?? ANY_PORT,
      destinationInverted: given['destination-port']?.inverted ?? false,
      mask: asked?.mask ?? 0,
      set: asked?.set ?? 0,
      flagsInverted: flags?.inverted ?? false,
      option: given['tcp-option']?.value ?? 0,
      optionInverted: given['tcp-option']?.inverted ?? false,
    };
  },
  save: (c) =>
    words(
      savePorts('sport', c.source, c.sourceInverted),
      savePorts('dport', c.destination, c.destinationInverted),
      c.option !== 0 && option('tcp-option', c.option, c.optionInverted),
      hasFlags(c) && option('tcp-flags', tcpFlags.print(c), c.flagsInverted),
    ),
  list: (c, scope) =>
    words(
      'tcp',
      listPorts('spt', c.source, c.sourceInverted, scope, 'tcp'),
      listPorts('dpt', c.destination, c.destinationInverted, scope, 'tcp'),
      c.option !== 0 && `option=${bang(c.optionInverted)}${c.option}`,
      hasFlags(c) &&
        `flags:${bang(c.flagsInverted)}${
          scope.numeric ? `0x${upperHex(c.mask)}/0x${upperHex(c.set)}` : tcpFlags.print(c).replace(' ', '/')
        }`,
    ),
  compile(c, { family }) {
    const ports = portsMatch(c, family === 4);
    const flags = hasFlags(c) ? flagsMatch(c) : undefined;
    const kind = c.option === 0 ? undefined : optionMatch(c);
    if (flags && kind) return (pkt) => ports(pkt) && flags(pkt) && kind(pkt);
    if (flags) return (pkt) => ports(pkt) && flags(pkt);
    if (kind) return (pkt) => ports(pkt) && kind(pkt);
    return ports;
  },
  constrain(c) {
    if (c.option !== 0) return undefined;
    return {
      sourcePort: within(c.source, c.sourceInverted, 0xffff),
      destinationPort: within(c.destination, c.destinationInverted, 0xffff),
      ...(hasFlags(c) ? { tcpFlags: octetsEqual(c.mask, c.set, c.flagsInverted) } : {}),
    };
  },
  saw(_checked, pkt) {
    if (pkt.fragmentOffset !== 0) return 'later fragment';
    if (!tcpHeader.fits(pkt.bytes, pkt.l4, pkt.end)) return 'header cut short';
    const { bytes, l4 } = pkt;
    const ports = `sport ${tcpHeader.sourcePort(bytes, l4)} dport ${tcpHeader.destinationPort(bytes, l4)}`;
    return `${ports} flags ${flagNames(tcpHeader.flags(bytes, l4) & 0x3f)}`;
  },
});

/** A port range that holds nothing when its ends are the wrong way round, as in port_match(). Where any will do, none is read. */
function portsMatch(c: Checked, is4: boolean): Predicate {
  if (isAny(c.source, c.sourceInverted) && isAny(c.destination, c.destinationInverted)) return headerMatch(is4);
  const [sourceLow, sourceHigh] = c.source;
  const [low, high] = c.destination;
  const { sourceInverted, destinationInverted } = c;
  return (pkt) => {
    if (pkt.fragmentOffset !== 0) return laterFragment(pkt, is4);
    const { bytes, l4 } = pkt;
    if (!tcpHeader.fits(bytes, l4, pkt.end)) return pkt.hotDrop('TCP header cut short');
    const source = tcpHeader.sourcePort(bytes, l4);
    if ((sourceLow <= source && source <= sourceHigh) === sourceInverted) return false;
    const destination = tcpHeader.destinationPort(bytes, l4);
    return (low <= destination && destination <= high) !== destinationInverted;
  };
}

const isAny = ([low, high]: NumberRange, inverted: boolean): boolean => low === 0 && high === 0xffff && !inverted;

const headerMatch =
  (is4: boolean): Predicate =>
  (pkt) => {
    if (pkt.fragmentOffset !== 0) return laterFragment(pkt, is4);
    return tcpHeader.fits(pkt.bytes, pkt.l4, pkt.end) || pkt.hotDrop('TCP header cut short');
  };

/**
 * An IPv4 fragment at offset 8 would overwrite the flags of the first one (RFC 3128, "Overlapping Fragment Attack Variant"), so it
 * is dropped at once. The kernel does not do that in IPv6: there its offset counts octets, and 1 never occurs.
 */
const laterFragment = (pkt: Packet, is4: boolean): false =>
  is4 && pkt.fragmentOffset === 8 ? pkt.hotDrop('TCP fragment at offset 8') : false;

const flagsMatch = ({ mask, set, flagsInverted }: Checked): Predicate =>
  flagsInverted
    ? (pkt) => (tcpHeader.flags(pkt.bytes, pkt.l4) & mask) !== set
    : (pkt) => (tcpHeader.flags(pkt.bytes, pkt.l4) & mask) === set;

/** tcp_find_option(): a broken header length or options that are cut short drop the packet. */
function optionMatch({ option: kind, optionInverted }: Checked): Predicate {
  return (pkt) => {
    const { bytes, l4, end } = pkt;
    if (!tcpHeader.whole(bytes, l4, end)) return pkt.hotDrop('TCP options cut short');
    return tcpHeader.option(bytes, l4, end, kind) >= 0 !== optionInverted;
  };
}
