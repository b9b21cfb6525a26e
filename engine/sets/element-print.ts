// Elements back to text: as a set lists them, and as a command repeats what it was given.

import type { Names } from '../../grammar/names.ts';
import { formatAddress } from '../../packet/address.ts';
import { type Family, IPPROTO_ICMP, IPPROTO_ICMPV6 } from '../../packet/numbers.ts';
import type { PartText } from './element-text.ts';
import { icmpName } from './icmp-names.ts';
import type { Element } from './layout.ts';
import type { TextScope } from './number-text.ts';
import { protocolName } from './protocol-names.ts';

export function addressText(words: Int32Array, family: Family): string {
  const address = new Uint8Array(16);
  const view = new DataView(address.buffer);
  words.forEach((word, index) => {
    view.setInt32((family === 4 ? 12 : 0) + 4 * index, word);
  });
  return formatAddress(address, family);
}

const macText = ([high, low]: readonly [number, number]): string =>
  [high >>> 8, high & 0xff, low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff]
    .map((octet) => octet.toString(16).padStart(2, '0').toUpperCase())
    .join(':');

/** A member as `list` prints it. */
export function printElement(element: Element, { family = 4, names, type }: TextScope): string {
  const bits = family === 4 ? 32 : 128;
  return type.parts
    .filter((part) => part !== 'mac' || element.mac)
    .map((part, index) => {
      switch (part) {
        case 'ip':
        case 'net': {
          const length = element.lengths[index];
          const text = addressText(element.addresses[index], family);
          return length === bits ? text : `${text}/${length}`;
        }
        case 'port':
          return portText(element.port >>> 8, element.port & 0xff, type.storage === 'bitmap', names);
        case 'mac':
          return macText(element.mac!);
        case 'mark':
          return `0x${(element.mark >>> 0).toString(16).padStart(8, '0')}`;
        default:
          return (element.physdev ? 'physdev:' : '') + element.iface;
      }
    })
    .join(',');
}

function portText(port: number, protocol: number, bare: boolean, names: Names): string {
  if (bare) return port.toString();
  const icmp = protocol === IPPROTO_ICMP || protocol === IPPROTO_ICMPV6;
  return `${protocolName(protocol, names)}:${icmp ? icmpName(port, protocol === IPPROTO_ICMP ? 4 : 6) : port}`;
}

/** What `test` repeats: the text as it was understood. */
export const printParts = (parts: readonly PartText[], scope: TextScope): string =>
  parts.map((part, index) => printPart(part, index, scope)).join(',');

function printPart(part: PartText, index: number, { family = 4, names, type }: TextScope): string {
  switch (part.kind) {
    case 'addresses': {
      const from = addressText(part.from, family);
      if (part.to && index === 0) return `${from}-${addressText(part.to, family)}`;
      return part.network ? `${from}/${part.length}` : from;
    }
    case 'ports':
      return portText(part.from, part.protocol, type.storage === 'bitmap', names);
    case 'mac':
      return macText(part.words);
    case 'mark':
      return `0x${part.value.toString(16).padStart(8, '0')}`;
    case 'device':
      return (part.physdev ? 'physdev:' : '') + part.name;
  }
}
