// Values of the tool's options, read as the C library and the tool read them.

import { type Address, addressAt, parseAddress6 } from '../../packet/address.ts';

/** The tool says so, with its exit code: 2 for words that are wrong, 1 for what could not be done. */
export class Complaint extends Error {
  readonly code: number;
  constructor(message: string, code = 2) {
    super(message);
    this.code = code;
  }
}

/** strtoul(3) of base 0 into 32 bits: what is no number is 0. */
export function number0(text: string): number {
  const found = /^\s*([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)/i.exec(text);
  if (!found) return 0;
  const [, sign, digits] = found;
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const most = 2n ** 64n - 1n;
  return Number(BigInt.asUintN(32, value > most ? most : sign === '-' ? -value : value));
}

/** atoi(3), in 32 bits. */
export const number10 = (text: string): number => {
  const found = /^\s*([+-]?\d+)/.exec(text);
  return found ? Number(BigInt.asUintN(32, BigInt(found[1].replace('+', '')))) : 0;
};

/** inet_aton(3): one to four parts, decimal, octal or hexadecimal, of which the last takes what is left. */
function inetAton(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length > 4 || !parts.every((part) => /^(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)$/i.test(part))) return undefined;
  const values = parts.map((part) => Number(/^0\d/.test(part) ? `0o${part}` : part));
  const last = values.pop() as number;
  if (values.some((value) => value > 255) || last >= 2 ** (8 * (4 - values.length))) return undefined;
  const rest = Array.from(
    { length: 4 - values.length },
    (_, at) => Math.floor(last / 2 ** (8 * (3 - values.length - at))) & 0xff,
  );
  return addressAt(Uint8Array.of(...values, ...rest), 0, 4);
}

export function parseIp(text: string): { family: 4 | 6; address: Address } | undefined {
  const four = inetAton(text);
  if (four) return { family: 4, address: four };
  const six = parseAddress6(text);
  return six && { family: 6, address: six };
}

export function prefixLength(text: string, family: 4 | 6): number {
  const length = text === '' ? 0 : /^\s*\+?\d+$/.test(text) ? Number(text) : -1;
  if (length < 0 || length > (family === 4 ? 32 : 128)) throw new Complaint('Invalid netmask');
  return length;
}

export function splitPort(text: string): { address: string; port?: number } {
  let rest = text;
  let address: string | undefined;
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0) throw new Complaint("No closing ']' around IPv6 address");
    address = text.slice(1, end);
    if (address === '') throw new Complaint('No IPv6 address specified');
    rest = text.slice(end + 1);
  }
  const colon = rest.indexOf(':');
  // More colons than one are those of an IPv6 address.
  if (colon < 0 || (address === undefined && rest.indexOf(':', colon + 1) >= 0)) return { address: address ?? rest };
  const port = rest.slice(colon + 1);
  if (port === '') throw new Complaint("No port specified after `:'");
  if (!/^\d+$/.test(port) || Number(port) > 65_535) throw new Complaint(`Invalid port \`${port}'`);
  return { address: address ?? rest.slice(0, colon), port: Number(port) };
}

/** Lines of a bit and a name; `#` begins a comment. */
export function parseLabelMap(text: string): ReadonlyMap<string, number> {
  const map = new Map<string, number>();
  for (const line of text.split('\n')) {
    const found = /^\s*(\d+)\s+(\S+)/.exec(line);
    if (found && Number(found[1]) < 128 && !map.has(found[2])) map.set(found[2], Number(found[1]));
  }
  return map;
}
