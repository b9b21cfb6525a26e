import { defineMatch } from '../engine/extension.ts';
import { address, flag, text, u32 } from '../grammar/values.ts';
import { parseAddress } from '../packet/address.ts';
import { u32 as word } from '../packet/bytes.ts';
import { HOP_LIMIT_AT } from '../packet/ipv6.ts';
import type { Family } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import { HZ, jiffies } from './shared/jiffies.ts';
import { addressOffset, type End } from './shared/packet-addresses.ts';
import { RecentList, type Seen } from './shared/recent-list.ts';
import { words } from './shared/text.ts';

// Lists of addresses with the times at which they were seen. A list has a name, and every rule of both families that names it shares
// it; the mask is that of the rule that made it.

/** Where no rule asks for more; module parameter ip_pkt_list_tot is 0. */
const DEFAULT_STAMPS = 32;
/** XT_RECENT_MAX_NSTAMPS */
const MOST_STAMPS = 65_536;
/** XT_RECENT_NAME_LEN, its end included. */
const NAME_LENGTH = 200;
const TTL_AT = 8;

const OPERATIONS = ['set', 'rcheck', 'update', 'remove'] as const;
type Operation = (typeof OPERATIONS)[number];
const LISTED: Record<Operation, string> = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' };

interface Checked {
  readonly operation: Operation;
  readonly inverted: boolean;
  /** 0: not asked for, as with hitCount. */
  readonly seconds: number;
  readonly hitCount: number;
  readonly reap: boolean;
  readonly rttl: boolean;
  readonly name: string;
  /** Undefined: all ones. */
  readonly mask?: string;
  readonly end: End;
}

const allOnes = (family: Family): string =>
  family === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

function refuses(checked: Checked): string | undefined {
  const { operation, seconds, hitCount, name } = checked;
  const passive = operation === 'set' || operation === 'remove';
  if (passive && (seconds || hitCount || checked.reap)) return `--${operation} goes with no other condition`;
  if (hitCount >= MOST_STAMPS) return `hitcount (${hitCount}) is larger than allowed maximum (${MOST_STAMPS - 1})`;
  if (name === '' || name === '.' || name === '..' || name.includes('/')) return 'the name must do for a file';
  return undefined;
}

/** The tool prints a signed number. */
const signed = (value: number): string => (value | 0).toString();

export const recent = defineMatch({
  name: 'recent',
  families: [4, 6],
  summary: 'Named lists of addresses, and when they were seen.',
  kernel: 'net/netfilter/xt_recent.c recent_mt()',
  placement: { refuses },
  effect: 'stateful',
  options: {
    set: flag({
      help: 'add the address to the list, or note that it was seen',
      invert: true,
      excludes: ['rcheck', 'update', 'remove'],
    }),
    rcheck: flag({ help: 'the address is in the list', invert: true, excludes: ['set', 'update', 'remove'] }),
    update: flag({
      help: 'as --rcheck, and note that it was seen',
      invert: true,
      excludes: ['set', 'rcheck', 'remove'],
    }),
    remove: flag({
      help: 'the address is in the list, and is taken out',
      invert: true,
      excludes: ['set', 'rcheck', 'update'],
    }),
    seconds: u32({ help: 'seen within so many seconds', min: 1 }),
    reap: flag({ help: 'throw out what was not seen within --seconds', also: ['seconds'] }),
    hitcount: u32({ help: 'seen at least so often' }),
    rttl: flag({ help: 'seen with the same TTL', excludes: ['set', 'remove'] }),
    name: text({ cutAt: NAME_LENGTH - 1 })({ help: 'name of the list, DEFAULT without it' }),
    rsource: flag({ help: 'lists source addresses (the default)' }),
    rdest: flag({ help: 'lists destination addresses' }),
    mask: address({ help: 'mask for the addresses' }),
  },
  check(given, scope): Checked {
    const used =
      OPERATIONS.find((name) => given[name] !== undefined) ??
      scope.fail("recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'");
    // With both sides the last one counts.
    const { rsource, rdest, mask } = given;
    const toDestination = rdest !== undefined && (rsource === undefined || rdest.span.start > rsource.span.start);
    return {
      operation: used,
      inverted: given[used]!.inverted,
      seconds: given.seconds?.value ?? 0,
      hitCount: given.hitcount?.value ?? 0,
      reap: given.reap !== undefined,
      rttl: given.rttl !== undefined,
      name: given.name?.value ?? 'DEFAULT',
      ...(mask && { mask: mask.value }),
      end: toDestination ? 'destination' : 'source',
    };
  },
  save: (c, { family }) =>
    words(
      `${c.inverted ? '! ' : ''}--${c.operation}`,
      c.seconds !== 0 && `--seconds ${signed(c.seconds)}`,
      c.reap && '--reap',
      c.hitCount !== 0 && `--hitcount ${signed(c.hitCount)}`,
      c.rttl && '--rttl',
      // The tool does not quote it.
      `--name ${c.name}`,
      `--mask ${c.mask ?? allOnes(family)}`,
      c.end === 'source' ? '--rsource' : '--rdest',
    ),
  list: (c, { family }) =>
    words(
      c.inverted && '!',
      `recent: ${LISTED[c.operation]}`,
      c.seconds !== 0 && `seconds: ${signed(c.seconds)}`,
      c.reap && 'reap',
      c.hitCount !== 0 && `hit_count: ${signed(c.hitCount)}`,
      c.rttl && 'TTL-Match',
      `name: ${c.name} side: ${c.end === 'source' ? 'source' : 'dest'}`,
      `mask: ${c.mask ?? allOnes(family)}`,
    ),
  compile(c, { family, services, shared }) {
    const make = (): RecentList => new RecentList(c.name, maskOf(c, family), services.random());
    const list = shared(`recent ${c.name}`, make, 'both');
    list.keepStamps(roundUp(c.hitCount || DEFAULT_STAMPS) - 1);
    const offset = addressOffset(c.end, family);
    // The kernel multiplies 32-bit numbers.
    const ticks = Math.imul(c.seconds, HZ) >>> 0;
    const { operation, inverted } = c;
    return (pkt) => {
      const ttl = ttlOf(pkt, family);
      const seen = list.find(pkt, family, offset, c.rttl ? ttl : 0);
      const now = jiffies(pkt.now);
      if (seen === undefined) {
        if (operation !== 'set') return inverted;
        list.add(ttl, now);
        return !inverted;
      }
      if (operation === 'remove') {
        list.remove(seen);
        return !inverted;
      }
      const matched = operation === 'set' || isRecent(seen.value, c, now - ticks) ? !inverted : inverted;
      const updates = operation === 'set' || (operation === 'update' && matched);
      if (c.reap) list.reap(now - ticks, updates ? seen : undefined);
      if (updates) list.update(seen, ttl, now);
      return matched;
    };
  },
  saw: ({ name, end }) => `what list ${name} knows of its ${end}`,
});

/** As the tool fills it in: four words of ones, or what inet_pton() made of the option and zeros behind it. */
function maskOf({ mask }: Checked, family: Family): Int32Array {
  if (mask === undefined) return new Int32Array(4).fill(-1);
  const written = parseAddress(mask, family)!;
  if (family === 4) return Int32Array.of(word(written, 12), 0, 0, 0);
  return Int32Array.from([0, 4, 8, 12], (at) => word(written, at));
}

/** TTL or hop limit as it was before we forwarded the packet. */
function ttlOf(pkt: Packet, family: Family): number {
  const ttl = pkt.bytes[pkt.l3 + (family === 4 ? TTL_AT : HOP_LIMIT_AT)];
  return pkt.outDevice !== '' && pkt.inDevice !== '' ? (ttl + 1) & 0xff : ttl;
}

const roundUp = (value: number): number => 2 ** Math.ceil(Math.log2(value));

function isRecent({ stamps }: Seen, { seconds, hitCount }: Checked, since: number): boolean {
  let hits = 0;
  for (let index = 0; index < stamps.length; index++) {
    if (seconds !== 0 && stamps[index] < since) continue;
    hits++;
    if (hits >= hitCount) return true;
  }
  return false;
}
