// Words that mean the same on the command line and in a configuration file. Each check throws a Refused.

import type { Family } from '../../packet/numbers.ts';
import { parsePrefix } from '../../tun/netlink.ts';
import type { RuleFile } from '../stored/rule-store.ts';

/** A sentence, and what would be right. */
export class Refused extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

export function checkDeviceName(name: string): string {
  if (/^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..') return name;
  throw new Refused(`"${name}" is no device name`, '1 to 15 characters, no blanks or slashes');
}

export function checkPrefix(word: string): string {
  try {
    parsePrefix(word);
    return word;
  } catch (error) {
    throw new Refused((error as Error).message, 'write 10.0.1.1/24 or fd00:a::1/64');
  }
}

export function checkRoute(word: string): string {
  const [prefix, via] = word.split(/\s+via\s+/);
  const { family } = parsePrefix(checkPrefix(prefix === 'default' ? '0.0.0.0/0' : prefix));
  if (via !== undefined && parsePrefix(checkPrefix(via)).family !== family)
    throw new Refused(`"${word}" mixes the families`);
  if (prefix === 'default') throw new Refused('"default" is of no family', 'write 0.0.0.0/0 or ::/0');
  return word;
}

/** Somewhere to listen: `127.0.0.1:9464`, `[::1]:9464`. */
export function checkListen(word: string): { address: string; port: number } {
  const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(word) ?? [];
  const port = Number(portText);
  if (portText === undefined || port > 65_535)
    throw new Refused(`"${word}" is no address with a port`, 'write 127.0.0.1:9464 or [::1]:9464');
  const address = bracketed ?? plain;
  parsePrefix(checkPrefix(address));
  return { address, port };
}

export const isLoopback = (address: string): boolean => address === '::1' || /^127\./.test(address);

/** A name that ends in .v4 or .v6 says the family; any other file is read for both, as both restore programs would read it. */
export function ruleFilesOf(path: string): RuleFile[] {
  const [, family] = /\.v([46])$/.exec(path) ?? [];
  const families = family === undefined ? ([4, 6] as const) : [Number(family) as Family];
  return families.map((each) => ({ family: each, path }));
}
