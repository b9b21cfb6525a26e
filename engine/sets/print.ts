// Sets as `ipset list` and `ipset save` print them. Members come in the order of their rows: that in which they were added, gaps filled.
// Differs: the kernel's order is that of its hash, another one on every boot; of a list or a bitmap it is the same as ours.

import type { Names } from '../../grammar/names.ts';
import { printElement } from './element-print.ts';
import { familyName } from './element-text.ts';
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

/** A line for each member. */
export const memberLines = (slot: SetSlot, printing: Printing): string[] =>
  membersOf(slot, printing).map(([element, options]) => element + options);

/** Each member, and its options with a blank in front. */
export function membersOf({ body }: SetSlot, { names, now, sorted }: Printing): [element: string, options: string][] {
  if (body instanceof ListSet) {
    return body.members(now).map(({ slot, row }) => [slot.name, body.extensions.print(row, '', now)]);
  }
  const scope = { type: body.type, family: body.header.family, names };
  const members = [...body.members(now)];
  if (sorted) members.sort((a, b) => compareWords(keyOf(a.element.addresses), keyOf(b.element.addresses)));
  return members.map(({ row, element }) => {
    const flags = element.wildcard ? ' wildcard' : '';
    return [printElement(element, scope), body.extensions.print(row, flags, now)];
  });
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

const keyOf = (addresses: readonly Int32Array[]): number[] =>
  addresses.flatMap((words) => [...words].map((word) => word >>> 0));

function compareWords(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((word, index) => word !== b[index]);
  return at < 0 ? 0 : a[at] - b[at];
}

export function saveSet(slot: SetSlot, printing: Printing): string {
  const { type, header } = slot.body;
  const head = `create ${slot.name} ${type.name} ${printHeader(type, header)}\n`;
  if (printing.terse) return head;
  return (
    head +
    memberLines(slot, printing)
      .map((line) => `add ${slot.name} ${line}\n`)
      .join('')
  );
}

export function listSet(slot: SetSlot, printing: Printing): string {
  const { body } = slot;
  const lines = [
    `Name: ${slot.name}`,
    `Type: ${body.type.name}`,
    `Revision: ${body.type.revision}`,
    `Header: ${printHeader(body.type, body.header)}`,
    `Size in memory: ${body.size}`,
    `References: ${printing.sets.references(slot)}`,
    `Number of entries: ${body.entries(printing.now)}`,
  ];
  if (!printing.terse) lines.push('Members:', ...memberLines(slot, printing));
  return lines.map((line) => `${line}\n`).join('');
}
