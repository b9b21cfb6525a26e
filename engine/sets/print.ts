// Sets as `ipset list` and `ipset save` print them. Members come in the order of their rows: that in which they were added, gaps filled.
// Differs: the kernel's order is that of its hash, another one on every boot; of a list or a bitmap it is the same as ours.

import type { Names } from '../../grammar/names.ts';
import { printElement } from './element-print.ts';
import { familyName } from './element-text.ts';
import type { Element } from './layout.ts';
import { ListSet } from './list-set.ts';
import type { SetSlot, Sets } from './sets.ts';
import type { CreateOption, SetHeader, SetType } from './types.ts';

export interface Printing {
  readonly sets: Sets;
  readonly names: Names;
  readonly now: number;
  readonly sorted: boolean;
  readonly terse: boolean;
}

/** The options of create, as `save` prints them behind the type. */
export const printHeader = (type: SetType, header: SetHeader): string => headerOptions(type, header).join(' ');

/** Each with its value, if it has one, behind a blank. */
export const headerOptions = (type: SetType, header: SetHeader): string[] =>
  type.create.map((option) => printOption(option, type, header)).filter((text) => text !== undefined);

function printOption(option: CreateOption, type: SetType, header: SetHeader): string | undefined {
  switch (option) {
    case 'family':
      return `family ${familyName(header.family)}`;
    case 'hashsize':
      return `hashsize ${header.hashSize}`;
    case 'maxelem':
      return `maxelem ${header.maxElements}`;
    case 'bucketsize':
      return `bucketsize ${header.bucketSize}`;
    case 'initval':
      return `initval 0x${hex(header.initval)}`;
    case 'markmask':
      return header.markMask === undefined ? undefined : `markmask 0x${hex(header.markMask)}`;
    case 'netmask':
      return header.netmask === undefined ? undefined : `netmask ${header.netmask}`;
    case 'bitmask':
      return header.bitmask === undefined ? undefined : `bitmask ${header.bitmask}`;
    case 'range':
      return `range ${header.range!.map((end) => (type.parts[0] === 'ip' ? dotted(end) : end)).join('-')}`;
    case 'size':
      return `size ${header.size}`;
    case 'timeout':
      return header.timeout === undefined ? undefined : `timeout ${header.timeout}`;
    case 'forceadd':
      return header.forceAdd ? 'forceadd' : undefined;
    default:
      return header[option] ? option : undefined;
  }
}

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');

/** Each member, and its options with a blank in front: made as they are asked for. */
export function* membersOf(
  { body }: SetSlot,
  { names, now, sorted }: Printing,
): Generator<[element: string, options: string]> {
  if (body instanceof ListSet) {
    for (const { slot, row } of body.members(now)) yield [slot.name, body.extensions.print(row, '', now)];
    return;
  }
  const scope = { type: body.type, family: body.header.family, names };
  const members = body.members(now);
  for (const { row, element } of sorted ? inOrder(members) : members) {
    const flags = element.wildcard ? ' wildcard' : '';
    yield [printElement(element, scope), body.extensions.print(row, flags, now)];
  }
}

/** Options of a member that have no value. */
const FLAGS = new Set(['nomatch', 'wildcard']);

/** The words behind a member, apart: names, most with a value, which may be in quotes. */
export function optionsOf(text: string): string[] {
  const words = text.match(/"[^"]*"|[^ "]+/g) ?? [];
  const options: string[] = [];
  for (let at = 0; at < words.length; at++) {
    options.push(FLAGS.has(words[at]) ? words[at] : `${words[at]} ${words[++at]}`);
  }
  return options;
}

function inOrder<One extends { readonly element: Element }>(members: Iterable<One>): One[] {
  const keyed = Array.from(members, (one) => ({ one, key: keyOf(one.element.addresses) }));
  return keyed.sort((a, b) => compareWords(a.key, b.key)).map(({ one }) => one);
}

const keyOf = (addresses: readonly Int32Array[]): number[] =>
  addresses.flatMap((words) => [...words].map((word) => word >>> 0));

function compareWords(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((word, index) => word !== b[index]);
  return at < 0 ? 0 : a[at] - b[at];
}

/** In pieces, a line each. */
export function* saveSets(slots: readonly SetSlot[], printing: Printing): Generator<string> {
  for (const slot of slots) {
    const { type, header } = slot.body;
    yield `create ${slot.name} ${type.name} ${printHeader(type, header)}\n`;
    if (printing.terse) continue;
    for (const [element, options] of membersOf(slot, printing)) yield `add ${slot.name} ${element}${options}\n`;
  }
}

export function* listSets(slots: readonly SetSlot[], printing: Printing): Generator<string> {
  for (const [index, slot] of slots.entries()) {
    const { body } = slot;
    if (index > 0) yield '\n';
    yield `Name: ${slot.name}\n`;
    yield `Type: ${body.type.name}\n`;
    yield `Revision: ${body.type.revision}\n`;
    yield `Header: ${printHeader(body.type, body.header)}\n`;
    yield `Size in memory: ${body.size}\n`;
    yield `References: ${printing.sets.references(slot)}\n`;
    yield `Number of entries: ${body.entries(printing.now)}\n`;
    if (printing.terse) continue;
    yield 'Members:\n';
    for (const [element, options] of membersOf(slot, printing)) yield `${element}${options}\n`;
  }
}
