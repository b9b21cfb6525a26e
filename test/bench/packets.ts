// Packets for a list of rules: those that a rule was made for, and those that no rule wants.

import type { RuleSpec } from '../../grammar/rule-spec.ts';
import { formatAddress } from '../../packet/address.ts';
import { icmp, ip, raw, tcp, udp } from '../../packet/build.ts';
import type { Family } from '../../packet/numbers.ts';
import { Packet } from '../../packet/packet.ts';
import { type Dice, prefix } from './rulesets.ts';

interface PortsChecked {
  readonly source?: readonly [number, number];
  readonly destination?: readonly [number, number];
}

/** A packet that the conditions of `rule` fit. */
export function packetFor(rule: RuleSpec, dice: Dice): Packet {
  const { family, source, destination, protocol, matches } = rule;
  const ports = matches.find(({ name }) => name === 'tcp' || name === 'udp')?.checked as PortsChecked | undefined;
  const ends = { src: within(source, family, dice), dst: within(destination, family, dice) };
  const pkt = build(family, ends, protocol?.number ?? 6, portOf(ports?.source, dice), portOf(ports?.destination, dice));
  pkt.inDevice = rule.inInterface && !rule.inInterface.inverted ? rule.inInterface.name : 'tunA';
  pkt.outDevice = rule.outInterface && !rule.outInterface.inverted ? rule.outInterface.name : 'tunB';
  return pkt;
}

/** Puts the packets into one buffer, one behind the other, as devices hand over what they read at once. */
export function inOneBuffer(packets: readonly Packet[]): void {
  const all = new Uint8Array(packets.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const pkt of packets) {
    const by = at - pkt.l3;
    all.set(pkt.view(), at);
    pkt.bytes = all;
    pkt.l3 += by;
    pkt.l4 += by;
    pkt.end += by;
    at = pkt.end;
  }
}

/** A packet from nowhere to nowhere in particular; the networks are those of the rules. */
export function strayPacket(family: Family, dice: Dice, networks: number): Packet {
  const any = (): string => prefix(family, family === 4 ? 32 : 128, dice, networks).split('/')[0];
  const pkt = build(
    family,
    { src: any(), dst: any() },
    dice.next(2) ? 6 : 17,
    1 + dice.next(1000),
    47_000 + dice.next(999),
  );
  pkt.inDevice = 'tunA';
  pkt.outDevice = 'tunB';
  return pkt;
}

function build(
  family: Family,
  ends: { src: string; dst: string },
  protocol: number,
  sport: number,
  dport: number,
): Packet {
  const layer =
    protocol === 6
      ? tcp({ sport, dport, flags: 'S' })
      : protocol === 17
        ? udp({ sport, dport })
        : protocol === 1 || protocol === 58
          ? icmp({ type: family === 4 ? 8 : 128 })
          : raw(protocol, new Uint8Array(8));
  return Packet.of(ip(family, ends, layer));
}

const portOf = (range: readonly [number, number] | undefined, dice: Dice): number =>
  range ? range[0] + dice.next(range[1] - range[0] + 1) : 1024 + dice.next(60_000);

function within(wanted: RuleSpec['source'], family: Family, dice: Dice): string {
  const octets = new Uint8Array(16);
  if (family === 4) octets.fill(0xff, 10, 12);
  for (let at = family === 4 ? 12 : 0; at < 16; at++) {
    const mask = wanted ? wanted.mask[at] : 0;
    octets[at] = ((wanted ? wanted.address[at] : 0) & mask) | (dice.next(256) & ~mask & 0xff);
  }
  return formatAddress(octets, family);
}
