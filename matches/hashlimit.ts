import { type CompileContext, defineMatch, type PlaceContext, type Predicate } from '../engine/extension.ts';
import type { GivenOptions, ListScope, RuleScope, ValueScope } from '../grammar/options.ts';
import { flag, own, text, u32 } from '../grammar/values.ts';
import type { Family } from '../packet/numbers.ts';
import { chunkCredits, packetCredits } from './shared/hashlimit-accounts.ts';
import {
  BYTE_EXPIRE,
  BYTE_EXPIRE_BURST,
  burstRefused,
  burstTimes,
  byteBurstText,
  bytesOf,
  bytesText,
  hashBurst,
  hashRate,
  MOST_BURST,
  packetRate,
} from './shared/hashlimit-rates.ts';
import { HashTable, MODES, type Mode, type TableSettings } from './shared/hashlimit-table.ts';
import { prefixOrHoles, wholeLength } from './shared/prefix.ts';
import { strtoll } from './shared/rate.ts';
import { words } from './shared/text.ts';

const DEFAULT_BURST = '5';
const GC_INTERVAL = 1_000;
/** HASHLIMIT_MAX_SIZE: more buckets or entries are cut to that when the rule is loaded. */
const MOST_SIZE = 1_048_576;
/** NAME_MAX, its end included. */
const NAME_LENGTH = 255;

interface Checked extends TableSettings {
  readonly above: boolean;
  readonly name: string;
}

const modes = {
  words: 1 as const,
  metavar: 'srcip,srcport,dstip,dstport',
  /** Commas too many do no harm. */
  parse([list]: readonly string[], scope: ValueScope): readonly Mode[] {
    const named = list.split(',').filter((name) => name !== '');
    if (named.some((name) => !MODES.some((mode) => mode === name))) {
      scope.fail(
        `${scope.extension}: Bad value for "--${scope.option}" option: "${list}"`,
        `a list of ${MODES.join(', ')}`,
      );
    }
    return MODES.filter((mode) => named.includes(mode));
  },
  print: (list: readonly Mode[]): string => list.join(','),
};

/** Seconds, as atoi() reads them into 32 bits. */
const interval = {
  words: 1 as const,
  metavar: 'seconds',
  parse([text]: readonly string[], scope: ValueScope): number {
    const seconds = Number(BigInt.asIntN(32, strtoll(text)));
    if (seconds > 0) return seconds;
    return scope.fail(`${scope.extension}: Bad value for "--${scope.option}" option: "${text}"`, 'seconds, from 1');
  },
  print: (seconds: number): string => seconds.toString(),
};

const options = {
  'hashlimit-upto': own(hashRate, {
    help: 'matches up to this rate',
    invert: true,
    alias: 'hashlimit',
    excludes: ['hashlimit-above'],
  }),
  'hashlimit-above': own(hashRate, { help: 'matches above this rate', invert: true, excludes: ['hashlimit-upto'] }),
  'hashlimit-srcmask': own(prefixOrHoles, { help: 'groups source addresses by this prefix length' }),
  'hashlimit-dstmask': own(prefixOrHoles, { help: 'groups destination addresses by this prefix length' }),
  'hashlimit-burst': own(hashBurst, { help: 'packets (5 without it) or octets that may come at once' }),
  'hashlimit-htable-size': u32({ help: 'buckets of the hash table' }),
  'hashlimit-htable-max': u32({ help: 'entries that the table may hold' }),
  'hashlimit-htable-gcinterval': u32({ help: 'milliseconds between two looks for expired entries' }),
  'hashlimit-htable-expire': u32({ help: 'milliseconds after which an unused entry expires' }),
  'hashlimit-mode': own(modes, { help: 'what tells flows apart; nothing: all packets are one' }),
  'hashlimit-name': text({ minLength: 1, cutAt: NAME_LENGTH - 1 })({ help: 'name of the table; must be given' }),
  'hashlimit-rate-match': flag({ help: 'tells of the rate without holding it back' }),
  'hashlimit-rate-interval': own(interval, { help: 'seconds over which --hashlimit-rate-match looks' }),
};

export const hashlimit = defineMatch({
  name: 'hashlimit',
  families: [4, 6],
  summary: 'Token bucket for each address, port or flow.',
  kernel: 'net/netfilter/xt_hashlimit.c hashlimit_mt()',
  placement: { refuses },
  effect: 'stateful',
  options,
  check,
  save: (c, { family }) =>
    print(c, '--hashlimit-', {
      rate: `--hashlimit-${c.above ? 'above' : 'upto'} ${c.bytes ? bytesText(c.average) : packetRate(c.average).text}`,
      modes: c.modes.length > 0 && `--hashlimit-mode ${c.modes.join(',')}`,
      name: `--hashlimit-name ${c.name}`,
      expire: c.bytes ? byteLife(c) : packetRate(c.average).unit,
      family,
    }),
  list,
  compile,
  saw: ({ name }) => `its account in ${name}`,
});

function check(given: GivenOptions<typeof options>, scope: RuleScope): Checked {
  const { 'hashlimit-upto': upTo, 'hashlimit-above': above, 'hashlimit-name': name } = given;
  const used = latest(upTo, above) ?? scope.fail('You have to specify --hashlimit');
  const { bytes, average, unit } = used.value;
  const rateMatch = given['hashlimit-rate-match'] !== undefined;
  const written = given['hashlimit-burst'];
  const burst = BigInt(written?.value ?? DEFAULT_BURST);
  if (bytes && written) {
    const least = bytesOf(average);
    // Of a rate below 16 octets the real tool dies here, dividing by zero.
    if (burst < least || least === 0) scope.fail(`burst cannot be smaller than ${Math.max(least, 16)}b`, written);
  } else if (!bytes && burst > MOST_BURST) burstRefused(scope);
  if (!name) return scope.fail('hashlimit: option "--hashlimit-name" must be specified');
  const whole = wholeLength(scope.family);
  const defaultLife = bytes && written ? BYTE_EXPIRE_BURST : unit;
  return {
    above: above !== undefined ? !above.inverted : used.inverted,
    bytes,
    // Packets in an interval of one unit, instead of packets in a second.
    average: rateMatch && !bytes ? Math.floor(average / unit) : average,
    burst: bytes ? (written ? burstTimes(burst, average) : 0) : Number(burst),
    modes: given['hashlimit-mode']?.value ?? [],
    name: name.value,
    size: Math.min(given['hashlimit-htable-size']?.value ?? 0, MOST_SIZE),
    max: Math.min(given['hashlimit-htable-max']?.value ?? 0, MOST_SIZE),
    gcInterval: given['hashlimit-htable-gcinterval']?.value ?? GC_INTERVAL,
    expire: given['hashlimit-htable-expire']?.value ?? defaultLife * 1_000,
    sourceMask: given['hashlimit-srcmask']?.value ?? whole,
    destinationMask: given['hashlimit-dstmask']?.value ?? whole,
    rateMatch,
    interval: given['hashlimit-rate-interval']?.value ?? (rateMatch ? (bytes ? 1 : unit) : 0),
  };
}

/** With both, which is refused in the end, the one that was read last decides what is complained of first. */
const latest = <T extends { readonly span: { readonly start: number } }>(one?: T, other?: T): T | undefined =>
  one && other ? (one.span.start > other.span.start ? one : other) : (one ?? other);

// --- Text ------------------------------------------------------------------------------------------------------------

const byteLife = ({ burst }: Checked): number => (burst === 0 ? BYTE_EXPIRE : BYTE_EXPIRE_BURST);

interface Parts {
  readonly rate: string;
  readonly modes: string | false;
  readonly name?: string;
  /** Seconds after which an entry would expire without the option. */
  readonly expire: number;
  readonly family: Family;
}

/** Save text and list text differ in the prefix of words, and in little else. */
const print = (c: Checked, prefix: string, { rate, modes, name, expire, family }: Parts): string =>
  words(
    rate,
    c.bytes ? c.burst !== 0 && `${prefix}burst ${byteBurstText(c.average, c.burst)}` : `${prefix}burst ${c.burst}`,
    modes,
    name,
    c.size !== 0 && `${prefix}htable-size ${c.size}`,
    c.max !== 0 && `${prefix}htable-max ${c.max}`,
    c.gcInterval !== GC_INTERVAL && `${prefix}htable-gcinterval ${c.gcInterval}`,
    c.expire !== expire * 1_000 && `${prefix}htable-expire ${c.expire}`,
    c.sourceMask !== wholeLength(family) && `${prefix}srcmask ${c.sourceMask}`,
    c.destinationMask !== wholeLength(family) && `${prefix}dstmask ${c.destinationMask}`,
    c.rateMatch && `${prefix}rate-match`,
    c.rateMatch && c.interval !== 1 && `${prefix}rate-interval ${c.interval}`,
  );

function list(c: Checked, { family }: ListScope): string {
  // Whoever asks for an interval and no --hashlimit-rate-match sees a rate that is not the rule's.
  const rate = packetRate(c.average, c.interval || 1);
  return print(c, '', {
    rate: `limit: ${c.above ? 'above' : 'up to'} ${c.bytes ? bytesText(c.average) : rate.text}`,
    modes: c.modes.length > 0 && `mode ${c.modes.join('-')}`,
    expire: c.bytes ? byteLife(c) : rate.unit,
    family,
  });
}

// --- Kernel ----------------------------------------------------------------------------------------------------------

/** hashlimit_mt_check_common() */
function refuses(c: Checked, { family }: PlaceContext): string | undefined {
  if (c.name === '.' || c.name === '..' || c.name.includes('/')) return 'the name must do for a file';
  if (c.gcInterval === 0 || c.expire === 0) return 'no time to live';
  if (Math.max(c.sourceMask, c.destinationMask) > wholeLength(family)) return 'no prefix length';
  if (c.rateMatch) return c.average === 0 || c.average > 0xffff_ffff ? 'invalid rate' : undefined;
  if (c.bytes) return chunkCredits(c.average) === 0 ? `overflow, rate too high: ${c.average}` : undefined;
  const cost = packetCredits(BigInt(c.average));
  return c.burst === 0 || packetCredits(BigInt(c.average) * BigInt(c.burst)) < cost
    ? `overflow, try lower: ${c.average}/${c.burst}`
    : undefined;
}

function compile(c: Checked, { family, services, shared }: CompileContext): Predicate {
  const { above, bytes } = c;
  const table = shared(`hashlimit ${c.name}`, () => {
    const { timers, random } = services;
    return new HashTable(c.name, family, c, { now: timers.now, secret: random() });
  });
  return (pkt) => {
    const account = table.account(pkt);
    return account !== undefined && account.book(pkt.end - pkt.l3, bytes) !== above;
  };
}
