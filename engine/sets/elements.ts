// All elements that one text means: `10.0.0.0/30,tcp:80-82` are many. They come one after the other, as the kernel takes them, so that a set that
// fills up keeps the first of them.

import type { Addresses, PartText, Ports, Verb } from './element-text.ts';
import type { Element } from './layout.ts';
import type { TextScope } from './number-text.ts';
import { SetError, type SetType } from './types.ts';

/** Types that hold 0.0.0.0/0. */
const ZERO_LENGTH = new Set(['hash:net,iface', 'hash:net,net', 'hash:net,port,net']);
const WRONG_CIDR = 'The value of the CIDR parameter of the IP address is invalid';

function refuseZeroLength(parts: readonly PartText[], { parts: kinds, name }: SetType): void {
  for (const [index, part] of parts.entries()) {
    if (part.kind !== 'addresses' || part.length > 0) continue;
    if (kinds[index] !== 'net' || !ZERO_LENGTH.has(name)) throw new SetError(WRONG_CIDR);
  }
}

interface Network {
  readonly words: Int32Array;
  readonly length: number;
}

/** A test looks for what is written; the others go through all that is meant. */
export function* elementsOf(
  parts: readonly PartText[],
  wildcard: boolean,
  verb: Verb,
  { type, family = 4, netmask }: TextScope,
): Generator<Element> {
  if (verb !== 'test') refuseZeroLength(parts, type);
  const bits = family === 4 ? 32 : 128;
  const none: Network = { words: new Int32Array(0), length: bits };
  const choices = parts.map((part, index): Choices => {
    if (part.kind === 'ports') return () => portsOf(part);
    if (part.kind !== 'addresses') return () => [none];
    if (verb === 'test') return () => [{ words: part.from, length: part.length }];
    return () =>
      type.parts[index] === 'net'
        ? networksOf(part)
        : addressesOf(part, type.parts.length === 1 ? netmask : undefined, type.storage === 'hash');
  });
  const device = parts.find((part) => part.kind === 'device');
  const mac = parts.find((part) => part.kind === 'mac');
  const mark = parts.find((part) => part.kind === 'mark');
  for (const chosen of product(choices)) {
    const networks = chosen.map((one) => (typeof one === 'number' ? none : one));
    yield {
      addresses: networks.map(({ words }) => words),
      lengths: networks.map(({ length }) => length),
      port: chosen.find((one) => typeof one === 'number') ?? 0,
      iface: device?.name ?? '',
      physdev: device?.physdev ?? false,
      wildcard,
      mac: mac?.words,
      mark: mark?.value ?? 0,
    };
  }
}

type Choices = () => Iterable<Network | number>;

/** Every way to choose one of each, the last changing fastest. */
function* product(
  choices: readonly Choices[],
  before: readonly (Network | number)[] = [],
): Generator<readonly (Network | number)[]> {
  if (choices.length === before.length) yield before;
  else for (const one of choices[before.length]()) yield* product(choices, [...before, one]);
}

function* portsOf({ protocol, from, to }: Ports): Generator<number> {
  for (let port = from; port <= to; port++) yield (port << 8) | protocol;
}

/** All addresses of a range or an IPv4 network, or one of each network of length `netmask`; a hash begins at the start of the first one. */
function* addressesOf({ from, to, length, network }: Addresses, netmask = 32, fromStart = false): Generator<Network> {
  if (!to && !network) {
    yield { words: from, length };
    return;
  }
  const step = 2 ** (32 - netmask);
  const [written, last] = bounds(from, to, length);
  const first = fromStart ? Math.floor(written / step) * step : written;
  for (let address = first; address <= last; address += step) yield { words: Int32Array.of(address), length: 32 };
}

/** A range may be written either way round. */
function sortedEnds(from: Int32Array, to: Int32Array): [number, number] {
  const [one, other] = [from[0] >>> 0, to[0] >>> 0];
  return one <= other ? [one, other] : [other, one];
}

function bounds(from: Int32Array, to: Int32Array | undefined, length: number): [number, number] {
  if (to) return sortedEnds(from, to);
  const size = 2 ** (32 - length);
  const first = Math.floor((from[0] >>> 0) / size) * size;
  return [first, first + size - 1];
}

/** The fewest networks that cover a range exactly. */
function* networksOf({ from, to, length }: Addresses): Generator<Network> {
  if (!to) {
    yield { words: from, length };
    return;
  }
  const [start, last] = sortedEnds(from, to);
  let first = start;
  if (first === 0 && last === 0xffff_ffff) throw new SetError('Invalid range, covers the whole address space');
  while (first <= last) {
    let size = 1;
    while (first % (2 * size) === 0 && first + 2 * size - 1 <= last) size *= 2;
    yield { words: Int32Array.of(first), length: 32 - Math.log2(size) };
    first += size;
  }
}
