import type { Template } from '../conntrack/template.ts';
import { defineTarget, type PlaceContext } from '../engine/extension.ts';
import type { Given, ValueScope } from '../grammar/options.ts';
import { wholeNumber } from '../grammar/scan.ts';
import { flag, own, text } from '../grammar/values.ts';
import { setTemplate, UNTRACKED } from './shared/template.ts';
import { words } from './shared/text.ts';

// --- Values -----------------------------------------------------------------------------------------------------------

/** Bit numbers of enum ip_conntrack_events, in the order in which they print; natseqinfo is its old name for seqadj. */
const EVENTS: Readonly<Record<string, number>> = {
  new: 0,
  related: 1,
  destroy: 2,
  reply: 3,
  assured: 4,
  protoinfo: 5,
  helper: 6,
  mark: 7,
  natseqinfo: 8,
  secmark: 9,
};
const EXPECT_EVENTS: Readonly<Record<string, number>> = { new: 0 };

const eventNames = (table: Readonly<Record<string, number>>, mask: number): string =>
  Object.keys(table)
    .filter((name) => mask & (1 << table[name]))
    .join(',');

const events = (table: Readonly<Record<string, number>>) => ({
  words: 1 as const,
  metavar: 'event[,event...]',
  parse([word]: readonly string[], scope: ValueScope): number {
    let mask = 0;
    for (const name of word.split(',')) {
      if (!Object.hasOwn(table, name)) {
        return scope.fail(`Unknown event type "${name}"`, `events are ${Object.keys(table).join(', ')}`);
      }
      mask |= 1 << table[name];
    }
    return mask;
  },
  print: (mask: number): string => eventNames(table, mask),
});

const zone = {
  words: 1 as const,
  metavar: 'id|mark',
  parse([word]: readonly string[], scope: ValueScope): number | 'mark' {
    if (word.toLowerCase() === 'mark') return 'mark';
    return wholeNumber(word, 0, 0xffff) ?? scope.fail(`Cannot parse ${word} as a zone ID`, '0 to 65535, or "mark"');
  },
  print: (value: number | 'mark'): string => value.toString(),
};

// --- Checked form -----------------------------------------------------------------------------------------------------

interface Checked {
  readonly notrack: boolean;
  /** '' for none, as in the kernel's record. */
  readonly helper: string;
  readonly timeout: string;
  readonly events: number;
  readonly expectEvents: number;
  readonly zone: number | 'mark';
  /** Both options together mean both directions: there is one id, the last one given. */
  readonly zoneOriginal: boolean;
  readonly zoneReply: boolean;
}

/** One id, one "from the mark" flag that nothing takes back, and two direction flags: each zone option writes into the same record. */
function zones(given: readonly (Given<number | 'mark'> | undefined)[]): number | 'mark' {
  const inOrder = given.filter((one) => one !== undefined).sort((a, b) => a.span.start - b.span.start);
  return inOrder.some(({ value }) => value === 'mark') ? 'mark' : (inOrder.at(-1)?.value ?? 0);
}

function zoneText(c: Checked, dashes: string): string | false {
  const direction = c.zoneOriginal === c.zoneReply ? '' : c.zoneOriginal ? '-orig' : '-reply';
  return c.zone !== 0 && `${dashes}zone${direction} ${c.zone}`;
}

const print = (c: Checked, dashes: string): string =>
  words(
    c.notrack && `${dashes}notrack`,
    c.helper !== '' && `${dashes}helper ${c.helper}`,
    c.timeout !== '' && `${dashes}timeout ${c.timeout}`,
    c.events !== 0 && `${dashes}ctevents ${eventNames(EVENTS, c.events)}`,
    c.expectEvents !== 0 && `${dashes}expevents ${eventNames(EXPECT_EVENTS, c.expectEvents)}`,
    zoneText(c, dashes),
  );

// --- What the kernel refuses ------------------------------------------------------------------------------------------

/** xt_CT.c xt_ct_set_helper(), xt_ct_set_timeout(): both need a positive -p, and what they name must exist. */
function refuses(c: Checked, { protocol, hasHelper, timeoutPolicy }: PlaceContext): string | undefined {
  if (c.notrack || (c.helper === '' && c.timeout === '')) return undefined;
  if (!protocol || protocol.inverted) return 'xt_CT: You must specify a L4 protocol and not use inversions on it';
  if (c.helper !== '' && !hasHelper(c.helper, protocol.number)) {
    return `xt_CT: No such helper "${c.helper}"`;
  }
  if (c.timeout === '') return undefined;
  const fits = timeoutPolicy(c.timeout, protocol.number);
  if (fits === undefined) return `xt_CT: No such timeout policy "${c.timeout}"`;
  return fits ? undefined : `xt_CT: Timeout policy "${c.timeout}" is one for another protocol`;
}

export const CT = defineTarget({
  name: 'CT',
  families: [4, 6],
  summary:
    'Says how the connection of the packet is to be tracked: not at all, in which zone, with which helper, timeouts and events.',
  kernel: 'net/netfilter/xt_CT.c xt_ct_target()',
  options: {
    notrack: flag({ help: 'do not track' }),
    helper: text({ cutAt: 15 })({ help: 'helper that reads the connection' }),
    timeout: text({ cutAt: 31 })({ help: 'timeout policy' }),
    ctevents: own(events(EVENTS), { help: 'report only these events of the connection' }),
    expevents: own(events(EXPECT_EVENTS), { help: 'report only these events of its expectations' }),
    'zone-orig': own(zone, { help: 'zone of the original direction' }),
    'zone-reply': own(zone, { help: 'zone of the reply direction' }),
    zone: own(zone, { help: 'zone of both directions' }),
  },
  check: (options): Checked => ({
    notrack: options.notrack !== undefined,
    helper: options.helper?.value ?? '',
    timeout: options.timeout?.value ?? '',
    events: options.ctevents?.value ?? 0,
    expectEvents: options.expevents?.value ?? 0,
    zone: zones([options.zone, options['zone-orig'], options['zone-reply']]),
    zoneOriginal: options['zone-orig'] !== undefined,
    zoneReply: options['zone-reply'] !== undefined,
  }),
  save: (checked) => print(checked, '--'),
  list: (checked) => words('CT', print(checked, '')),
  placement: { tables: ['raw'], refuses },
  needsTracking: ({ notrack }) => !notrack,
  helpers: ({ notrack, helper }) => (notrack || helper === '' ? [] : [helper]),
  compile: (checked) => setTemplate(checked.notrack ? UNTRACKED : template(checked)),
});

/** One per rule, shared by all its packets. */
function template(c: Checked): Template {
  const both = c.zoneOriginal === c.zoneReply;
  const id = c.zone === 'mark' ? 0 : c.zone;
  const directions = (both || c.zoneOriginal ? 1 : 0) | (both || c.zoneReply ? 2 : 0);
  return {
    untracked: false,
    mark: 0,
    zoneOriginal: directions & 1 ? id : 0,
    zoneReply: directions & 2 ? id : 0,
    markZones: c.zone === 'mark' ? directions : 0,
    helper: c.helper || undefined,
    timeout: c.timeout || undefined,
    events: c.events || undefined,
    expectEvents: c.expectEvents || undefined,
  };
}
