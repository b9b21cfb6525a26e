// Names as this host knows them: /etc/services, /etc/protocols, /etc/passwd, /etc/group, /etc/hosts, and the resolver for the
// rest. Files are read when the first name of their kind is asked for: most rules hold numbers only.

import { readFileSync } from 'node:fs';
import type { Names } from '../grammar/names.ts';
import { scanNumber } from '../grammar/scan.ts';
import { type Address, formatAddress, parseAddress } from '../packet/address.ts';
import type { Family } from '../packet/numbers.ts';

/** A resolver that does not answer must not hold a restore for long. */
const RESOLVE_TIMEOUT_MS = 5_000;

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.replace(/#.*/, '').trim())
      .filter((line) => line !== '');
  } catch {
    return [];
  }
}

/** First mention wins in both directions, as with getservbyname() and getservbyport(). */
class TwoWay {
  readonly numbers = new Map<string, number>();
  readonly names = new Map<number, string>();

  add(number: number, name: string, aliases: readonly string[] = []): void {
    if (!this.names.has(number)) this.names.set(number, name);
    for (const spelling of [name, ...aliases]) {
      if (!this.numbers.has(spelling)) this.numbers.set(spelling, number);
    }
  }
}

function readProtocols(): TwoWay {
  const table = new TwoWay();
  for (const line of lines('/etc/protocols')) {
    const [name, number, ...aliases] = line.split(/\s+/);
    table.add(Number(number), name, aliases);
  }
  return table;
}

/** Services of each protocol apart, and under '' those of any. */
function readServices(): Map<string, TwoWay> {
  const tables = new Map<string, TwoWay>([['', new TwoWay()]]);
  for (const line of lines('/etc/services')) {
    const [name, where, ...aliases] = line.split(/\s+/);
    const [port, protocol] = (where ?? '').split('/');
    if (protocol === undefined) continue;
    let table = tables.get(protocol);
    if (table === undefined) tables.set(protocol, (table = new TwoWay()));
    table.add(Number(port), name, aliases);
    tables.get('')?.add(Number(port), name, aliases);
  }
  return tables;
}

function readAccounts(path: string): TwoWay {
  const table = new TwoWay();
  for (const line of lines(path)) {
    const [name, , number] = line.split(':');
    table.add(Number(number), name);
  }
  return table;
}

const LABELS = '/etc/xtables/connlabel.conf';

/**
 * `BIT NAME` in a line; the number in any base. Names are of letters, digits, dashes and blanks; each name and each bit counts where it
 * stands first. libnetfilter_conntrack's labels.c, by asking it.
 */
export function parseLabels(text: string): Map<string, number> {
  const labels = new Map<string, number>();
  const bits = new Set<number>();
  for (const line of text.split('\n')) {
    const number = scanNumber(line);
    if (!number || number.value > 0xffff) continue;
    const [bit, name] = [Number(number.value), line.slice(number.end).trim()];
    if (!/^[A-Za-z0-9 -]+$/.test(name) || labels.has(name) || bits.has(bit)) continue;
    labels.set(name, bit);
    bits.add(bit);
  }
  return labels;
}

/** Undefined: there is no such file. */
function readLabels(): Map<string, number> | undefined {
  try {
    return parseLabels(readFileSync(LABELS, 'utf8'));
  } catch {
    return undefined;
  }
}

function readHosts(): Map<string, string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of lines('/etc/hosts')) {
    const [address, ...spellings] = line.split(/\s+/);
    for (const name of spellings) hosts.set(name, [...(hosts.get(name) ?? []), address]);
  }
  return hosts;
}

/** The system's resolver, asked synchronously: rules are parsed in one go, and a name in a rule is rare. */
function getent(database: string, key: string): string[] {
  try {
    // Loaded here: most calls have no names.
    const text = process.getBuiltinModule('node:child_process').execFileSync('getent', [database, key], {
      encoding: 'utf8',
      timeout: RESOLVE_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text.split('\n').filter((line) => line !== '');
  } catch {
    return [];
  }
}

function lazy<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** A host name fit to be handed to the resolver: nothing that could be read as an option or a path. */
const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*)$/;

export function hostNames(): Names {
  const protocols = lazy(readProtocols);
  const services = lazy(readServices);
  const users = lazy(() => readAccounts('/etc/passwd'));
  const groups = lazy(() => readAccounts('/etc/group'));
  const hosts = lazy(readHosts);
  const labels = lazy(readLabels);
  const addresses = (texts: readonly string[], family: Family): Address[] =>
    texts.map((text) => parseAddress(text, family)).filter((address) => address !== undefined);
  return {
    get labels() {
      return labels();
    },
    service: (name, protocol) =>
      services()
        .get(protocol ?? '')
        ?.numbers.get(name),
    serviceName: (port, protocol) =>
      services()
        .get(protocol ?? '')
        ?.names.get(port),
    protocol: (name) => protocols().numbers.get(name),
    protocolName: (number) => protocols().names.get(number),
    user: (name) => users().numbers.get(name),
    userName: (uid) => users().names.get(uid),
    group: (name) => groups().numbers.get(name),
    groupName: (gid) => groups().names.get(gid),
    host(name, family) {
      const known = addresses(hosts().get(name) ?? [], family);
      if (known.length > 0 || !HOST_NAME.test(name)) return known;
      const found = getent(family === 4 ? 'ahostsv4' : 'ahostsv6', name).map((line) => line.split(/\s+/)[0]);
      return addresses([...new Set(found)], family);
    },
    hostName(address, family) {
      const text = formatAddress(address, family);
      for (const [name, texts] of hosts()) if (texts.includes(text)) return name;
      return getent('hosts', text)[0]?.split(/\s+/)[1];
    },
  };
}
