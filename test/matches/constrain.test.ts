// What a match declares with `constrain` is exactly what its predicate does, on whole packets with complete headers: for every built-in
// match that declares something, random options and random packets that its frame's protocol allows.

import { describe, expect, test } from 'vitest';
import type { AddressRange, AnyMatch, Constraints, NumericField, Range } from '../../engine/extension.ts';
import { Registry } from '../../engine/registry.ts';
import { RuleError } from '../../grammar/error.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { MatchSpec } from '../../grammar/rule-spec.ts';
import { type Address, addressAt } from '../../packet/address.ts';
import { dccp, icmp, icmp6, ip4, ip6, type Layer, sctp, tcp, udp, udplite } from '../../packet/build.ts';
import type { Family } from '../../packet/numbers.ts';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED, Packet } from '../../packet/packet.ts';
import { bareServices } from '../../testing/bare-services.ts';
import { Dice } from '../kernel/dice.ts';
import type { Sheet } from './sheet.ts';
import { allSheets } from './sheets.ts';

const seed = Number(process.env.SEKISHO_SEED ?? 20_261_123);
const RULES = 40;
const PACKETS = 20;
/** So few different numbers that ranges are hit at their ends. */
const EDGES = [0, 1, 4, 5, 6, 22, 53, 80, 443, 0x7fff, 0xfffe, 0xffff];

interface Asked {
  readonly spec: MatchSpec;
  readonly protocol: number | undefined;
}

function ask(sheet: Sheet, dice: Dice, family: Family, lookup: Registry): Asked | undefined {
  const row = sheet.generate!(dice, family);
  const cut = row.indexOf(';');
  const frame = cut < 0 ? (sheet.rows.frame ?? '') : row.slice(0, cut).trim();
  try {
    const text = `-A c ${frame} -m ${sheet.match.name} ${cut < 0 ? row : row.slice(cut + 1)}`;
    const command = parseCommand(text, { family, lookup });
    if (command.kind !== 'append') throw new Error(command.kind);
    const [rule] = command.rules;
    return { spec: rule.matches[0], protocol: rule.protocol?.number };
  } catch (error) {
    if (error instanceof RuleError) return undefined;
    throw error;
  }
}

const LAYERS: Record<number, (dice: Dice) => Layer> = {
  1: (dice) => icmp({ type: dice.int(0, 255), code: dice.int(0, 5) }),
  6: (dice) => tcp({ sport: port(dice), dport: port(dice), flags: dice.int(0, 255) }),
  17: (dice) => udp({ sport: port(dice), dport: port(dice), data: dice.int(0, 600) }),
  33: (dice) => dccp({ sport: port(dice), dport: port(dice) }),
  58: (dice) => icmp6({ type: dice.int(0, 255), code: dice.int(0, 5) }),
  132: (dice) => sctp({ sport: port(dice), dport: port(dice) }),
  136: (dice) => udplite({ sport: port(dice), dport: port(dice) }),
};

const port = (dice: Dice): number => (dice.chance(0.5) ? dice.pick(EDGES) : dice.int(0, 0xffff));

function packetFor(protocol: number | undefined, dice: Dice, family: Family): Packet {
  const number = protocol !== undefined && protocol in LAYERS ? protocol : 17;
  const layer = LAYERS[number](dice);
  const last = dice.pick(['0', '1', 'ff', '255'.slice(0, 2)]);
  const octets =
    family === 4
      ? ip4(
          {
            src: `10.${dice.int(0, 255)}.0.${dice.int(0, 255)}`,
            dst: '192.0.2.1',
            ttl: dice.int(0, 255),
            tos: dice.int(0, 255),
          },
          layer,
        )
      : ip6(
          { src: `2001:db8::${last}`, dst: 'fe80::1', hopLimit: dice.int(0, 255), trafficClass: dice.int(0, 255) },
          layer,
        );
  const pkt = Packet.of(octets);
  pkt.ctState = dice.pick([0, CT_INVALID, CT_ESTABLISHED, CT_RELATED, CT_NEW, CT_UNTRACKED]);
  pkt.mark = dice.pick([0, 1, 8, 0xff, 0x100, 0x8000_0000, 0xffff_ffff, dice.u32()]);
  return pkt;
}

const FIELDS: Record<NumericField, (pkt: Packet) => number> = {
  protocol: (pkt) => pkt.protocol,
  sourcePort: (pkt) => (pkt.bytes[pkt.l4] << 8) | pkt.bytes[pkt.l4 + 1],
  destinationPort: (pkt) => (pkt.bytes[pkt.l4 + 2] << 8) | pkt.bytes[pkt.l4 + 3],
  icmpTypeCode: (pkt) => (pkt.bytes[pkt.l4] << 8) | pkt.bytes[pkt.l4 + 1],
  tcpFlags: (pkt) => pkt.bytes[pkt.l4 + 13],
  ctState: (pkt) => pkt.ctState,
  hopLimit: (pkt) => pkt.bytes[pkt.l3 + (pkt.family === 4 ? 8 : 7)],
  length: (pkt) => pkt.length,
  mark: (pkt) => pkt.mark,
  dscp: (pkt) => (pkt.family === 4 ? pkt.bytes[1] >> 2 : ((pkt.bytes[0] & 15) << 2) | (pkt.bytes[1] >> 6)),
};

const holds = (ranges: readonly Range[], value: number): boolean =>
  ranges.some(([low, high]) => low <= value && value <= high);

const key = (address: Address): string =>
  address.reduce((text, octet) => text + octet.toString(16).padStart(2, '0'), '');
const holdsAddress = (ranges: readonly AddressRange[], address: Address): boolean =>
  ranges.some(([low, high]) => key(low) <= key(address) && key(address) <= key(high));

function allows(constraints: Constraints, pkt: Packet): boolean {
  const { source, destination, ...numeric } = constraints;
  const family = pkt.family as Family;
  const at = family === 4 ? 12 : 8;
  if (source && !holdsAddress(source, addressAt(pkt.bytes, at, family))) return false;
  if (destination && !holdsAddress(destination, addressAt(pkt.bytes, at + (family === 4 ? 4 : 16), family)))
    return false;
  return Object.entries(numeric).every(([field, ranges]) => holds(ranges!, FIELDS[field as NumericField](pkt)));
}

function agree(match: AnyMatch, { spec, protocol }: Asked, dice: Dice, family: Family): number {
  const constraints = match.constrain?.(spec.checked, family);
  if (!constraints) return 0;
  const services = bareServices();
  const predicate = match.compile(spec.checked, {
    family,
    table: 'mangle',
    services,
    state: (make) => make(),
    shared: (_name, make) => make(),
  });
  for (let count = 0; count < PACKETS; count++) {
    const pkt = packetFor(protocol, dice, family);
    const real = predicate(pkt);
    const said = allows(constraints, pkt);
    expect(
      said,
      `${match.name} ${JSON.stringify(spec.checked)} on ${key(pkt.bytes)}: ${JSON.stringify(constraints)}`,
    ).toBe(real);
  }
  return PACKETS;
}

const sheets = (await allSheets()).filter((sheet) => sheet.match.constrain && sheet.generate);

describe(`seed ${seed}`, () => {
  for (const sheet of sheets) {
    for (const family of sheet.match.families) {
      test(`-m ${sheet.match.name} IPv${family}: constraints are the predicate`, () => {
        const dice = new Dice(seed + family);
        const lookup = new Registry({ matches: [sheet.match] });
        let compared = 0;
        for (let count = 0; count < RULES; count++) {
          const asked = ask(sheet, dice, family, lookup);
          if (asked) compared += agree(sheet.match, asked, dice, family);
        }
        expect(compared).toBeGreaterThan(0);
      });
    }
  }
});
