import { defineMatch } from '../engine/extension.ts';
import type { WallClock } from '../engine/services.ts';
import type { Given, ValueScope } from '../grammar/options.ts';
import { scanNumber } from '../grammar/scan.ts';
import { flag, own } from '../grammar/values.ts';
import { civilOf, daysOf, weekdayOf } from './shared/civil.ts';
import { words } from './shared/text.ts';

const DAY = 86_400;
const LAST_SECOND = DAY - 1;
/** What cannot be told from "no end". */
const NO_END = 0x7fff_ffff;
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
/** Bits 1 to 7 and 1 to 31. */
const ALL_WEEKDAYS = 0xfe;
const ALL_MONTHDAYS = 0xffff_fffe;

const two = (value: number): string => value.toString().padStart(2, '0');

/** The digits at the start of `text` (decimal, none is 0), and what follows. */
function digits(text: string): { readonly value: number; readonly rest: string } {
  const scanned = scanNumber(text, 0, 10);
  if (!scanned)
    return { value: /^\s*-\d/.test(text) ? Number.POSITIVE_INFINITY : 0, rest: /^\s*-\d/.test(text) ? '' : text };
  return { value: Number(scanned.value), rest: text.slice(scanned.end) };
}

const oldName = {
  words: 0 as const,
  parse(_words: readonly string[], scope: ValueScope): true {
    scope.warn(
      'WARNING: --localtz is being replaced by --kerneltz, since "local" is ambiguous. Note the kernel timezone has caveats - see manpage for details.',
    );
    return true;
  },
  print: (): string => '',
};

const clockTime = {
  words: 1 as const,
  metavar: 'hh:mm[:ss]',
  parse([word]: readonly string[], scope: ValueScope): number {
    const bad = (from: string): never =>
      scope.fail(`invalid time "${from}" specified, should be hh:mm[:ss] format and within the boundaries`);
    const hours = digits(word);
    if (hours.value > 23 || hours.rest[0] !== ':') bad(word);
    const behind = hours.rest.slice(1);
    const minutes = digits(behind);
    if (minutes.value > 59 || (minutes.rest !== '' && minutes.rest[0] !== ':')) bad(behind);
    const last = minutes.rest.slice(1);
    const seconds = digits(last);
    if (seconds.value > 59 || seconds.rest !== '') bad(last);
    return hours.value * 3_600 + minutes.value * 60 + seconds.value;
  },
  print: (second: number): string =>
    `${two(Math.floor(second / 3_600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`,
};

/** Year, month, day, hour, minute, second: what may follow each, and its bounds. A month or day 0 is the one before the first. */
const DATE_PARTS: readonly (readonly [min: number, max: number, separator: string])[] = [
  [1970, 2038, '-'],
  [0, 12, '-'],
  [0, 31, 'T'],
  [0, 23, ':'],
  [0, 59, ':'],
  [0, 59, ''],
];

const date = {
  words: 1 as const,
  metavar: 'YYYY[-MM[-DD[Thh[:mm[:ss]]]]]',
  parse([word]: readonly string[], scope: ValueScope): number {
    const bad = (): never =>
      scope.fail(`Invalid date "${word}" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`, 'from 1970 to 2038');
    const found = [0, 1, 1, 0, 0, 0];
    let rest = word;
    for (const [index, [min, max, separator]] of DATE_PARTS.entries()) {
      const part = digits(rest);
      if (part.value < min || part.value > max) return bad();
      found[index] = part.value;
      if (part.rest === '') break;
      if (separator === '' || part.rest[0] !== separator) return bad();
      rest = part.rest.slice(1);
      // Nothing behind the separator counts as 0.
      if (rest === '' && index + 1 < found.length) {
        found[index + 1] = 0;
        break;
      }
    }
    const [year, month, day, hour, minute, second] = found;
    const seconds = daysOf(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
    // Differs: the tool ends with exit code 1 here, as if the kernel had refused.
    if (seconds < 0) scope.fail('mktime returned an error', 'a date before 1970');
    return seconds;
  },
  print: (seconds: number): string => dateText(seconds, 'T'),
};

function dateText(seconds: number, separator: string): string {
  const { year, month, day } = civilOf(Math.floor(seconds / DAY));
  return `${year}-${two(month)}-${two(day)}${separator}${clockTime.print(seconds % DAY)}`;
}

/** Items between commas; an empty one at the very end is none. */
function items(word: string): string[] {
  const all = word.split(',');
  if (all.at(-1) === '') all.pop();
  return all;
}

const weekdays = {
  words: 1 as const,
  metavar: 'day[,day...]',
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    items(word).reduce((bits, item) => bits | weekdayBit(item.slice(0, 3), scope), 0),
  print: (bits: number): string => WEEKDAYS.filter((_name, index) => bits & (2 << index)).join(','),
};

/** A number, 1 being Monday (above 7 it is lost), or a name of which the first two letters count. */
function weekdayBit(item: string, scope: ValueScope): number {
  const number = digits(item);
  if (number.rest === '') {
    if (number.value === 0) scope.fail('No, the week does NOT begin with Sunday.', '1 is Monday, 7 is Sunday');
    return number.value > 7 ? 0 : 1 << number.value;
  }
  const named = WEEKDAYS.findIndex((name) => name.slice(0, 2) === item.slice(0, 2));
  return named < 0 ? scope.fail(`${item} is not a valid day specifier`, `days are ${WEEKDAYS.join(', ')}`) : 2 << named;
}

const monthdays = {
  words: 1 as const,
  metavar: 'day[,day...]',
  parse: ([word]: readonly string[], scope: ValueScope): number =>
    items(word).reduce((bits, item) => bits | monthdayBit(item.slice(0, 2), scope), 0) >>> 0,
  print: (bits: number): string => daysIn(bits).join(','),
};

function monthdayBit(item: string, scope: ValueScope): number {
  const number = digits(item);
  if (number.rest !== '' || number.value > 31) {
    scope.fail(`${item} is not a valid day for --monthdays`, '1 to 31');
  }
  return 1 << number.value;
}

const daysIn = (bits: number): number[] =>
  Array.from({ length: 31 }, (_, index) => index + 1).filter((day) => bits & (1 << day));

/** 1st, 2nd, 3rd, and so 11st, 12nd and 13rd too: the tool looks at the last digit only. */
const ordinal = (day: number): string => `${day}${['th', 'st', 'nd', 'rd'][day % 10] ?? 'th'}`;

interface Checked {
  /** Seconds since midnight; both ends belong to it. */
  readonly start: number;
  readonly stop: number;
  readonly weekdays: number;
  readonly monthdays: number;
  /** Seconds since 1970. */
  readonly from: number;
  readonly until: number;
  readonly kernelZone: boolean;
  readonly contiguous: boolean;
}

const later = (a: Given<unknown>, b: Given<unknown>): Given<unknown> => (a.span.start > b.span.start ? a : b);
const wholeDay = ({ start, stop }: Checked): boolean => start === 0 && stop === LAST_SECOND;
const chosen = (given: { value: number; inverted: boolean } | undefined, all: number): number =>
  given ? (given.inverted ? given.value ^ all : given.value) >>> 0 : all;
/** Day 0 is no day, but its bit makes a difference to what prints. */
const isAll = (bits: number, all: number): boolean => bits === all;

export const time = defineMatch({
  name: 'time',
  families: [4, 6],
  summary: 'Time of day, weekday, day of the month, date.',
  supplied:
    'Inline: the clock of the machine, in UTC. In tests and scenarios the virtual clock, from the date that is given or from 1970 on.',
  kernel: 'net/netfilter/xt_time.c time_mt()',
  // It asks a clock, and keeps nothing.
  effect: 'pure',
  options: {
    contiguous: flag({ help: 'a time past midnight belongs to the day that it began on' }),
    datestart: own(date, { help: 'first moment' }),
    datestop: own(date, { help: 'last moment' }),
    localtz: own(oldName, { help: 'the old name of --kerneltz' }),
    monthdays: own(monthdays, { help: 'days of the month', invert: true }),
    timestart: own(clockTime, { help: 'time of day from which' }),
    timestop: own(clockTime, { help: 'time of day until which' }),
    utc: flag({ help: 'times are UTC, as they are without it' }),
    weekdays: own(weekdays, { help: 'days of the week', invert: true }),
    kerneltz: flag({ help: 'times are of the time zone that the kernel keeps' }),
  },
  check(given, scope): Checked {
    const start = given.timestart?.value ?? 0;
    const stop = given.timestop?.value ?? LAST_SECOND;
    if (given.contiguous && start < stop) {
      scope.fail('time: --contiguous only makes sense when stoptime is smaller than starttime', given.contiguous);
    }
    // Stated here, not in the table: the tool looks at the times first.
    const { utc, localtz, kerneltz } = given;
    if (utc && localtz)
      scope.fail('time: option "--localtz" cannot be used together with "--utc".', later(utc, localtz));
    if (utc && kerneltz)
      scope.fail('time: option "--utc" cannot be used together with "--kerneltz".', later(utc, kerneltz));
    return {
      start,
      stop,
      weekdays: chosen(given.weekdays, ALL_WEEKDAYS),
      monthdays: chosen(given.monthdays, ALL_MONTHDAYS),
      from: given.datestart?.value ?? 0,
      until: given.datestop?.value ?? NO_END,
      kernelZone: given.kerneltz !== undefined || given.localtz !== undefined,
      contiguous: given.contiguous !== undefined,
    };
  },
  save: (c) =>
    words(
      !wholeDay(c) && `--timestart ${clockTime.print(c.start)} --timestop ${clockTime.print(c.stop)}`,
      // An empty list leaves a blank behind its option.
      !isAll(c.monthdays, ALL_MONTHDAYS) && `--monthdays ${monthdays.print(c.monthdays)}`,
      !isAll(c.weekdays, ALL_WEEKDAYS) && `--weekdays ${weekdays.print(c.weekdays)}`,
      c.from !== 0 && `--datestart ${date.print(c.from)}`,
      c.until !== 0 && `--datestop ${date.print(c.until)}`,
      c.kernelZone && '--kerneltz',
      c.contiguous && '--contiguous',
    ),
  list: (c) =>
    words(
      'TIME',
      !wholeDay(c) && `from ${clockTime.print(c.start)} to ${clockTime.print(c.stop)}`,
      !isAll(c.weekdays, ALL_WEEKDAYS) && `on ${weekdays.print(c.weekdays)}`,
      !isAll(c.monthdays, ALL_MONTHDAYS) && `on ${daysIn(c.monthdays).map(ordinal).join(',')}`,
      c.from !== 0 && `starting from ${dateText(c.from, ' ')}`,
      c.until !== NO_END && words('until date', c.until !== 0 && dateText(c.until, ' ')),
      !c.kernelZone && 'UTC',
      c.contiguous && 'contiguous',
    ),
  compile(c, { services }) {
    const clock = services.wallClock ?? VIRTUAL;
    const shift = c.kernelZone ? 60 * clock.minutesWest : 0;
    return (pkt) => holdsAt(c, Math.floor(clock.seconds(pkt.now)) - shift);
  },
  saw(_checked, pkt, services) {
    const seconds = Math.floor((services.wallClock ?? VIRTUAL).seconds(pkt.now));
    return `${WEEKDAYS[weekdayOf(Math.floor(seconds / DAY)) - 1]} ${dateText(seconds, ' ')} UTC`;
  },
});

const VIRTUAL: WallClock = { seconds: (now) => now / 1000, minutesWest: 0 };

function holdsAt(c: Checked, seconds: number): boolean {
  if (seconds < c.from || seconds > c.until) return false;
  let days = Math.floor(seconds / DAY);
  const second = seconds - days * DAY;
  if (c.start < c.stop) {
    if (second < c.start || second > c.stop) return false;
  } else {
    if (second < c.start && second > c.stop) return false;
    // "Monday from 23:00 to 01:00" ends on Tuesday.
    if (c.contiguous && second <= c.stop) days--;
  }
  if (!(c.weekdays & (1 << weekdayOf(days)))) return false;
  return c.monthdays === ALL_MONTHDAYS || (c.monthdays & (1 << civilOf(days).day)) !== 0;
}
