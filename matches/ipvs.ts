import { defineMatch } from '../engine/extension.ts';
import type { VirtualConnection } from '../engine/services.ts';
import type { Given, ListScope, ValueScope } from '../grammar/options.ts';
import { type AddressMask, addressMask, addressMaskBounds, flag, own, port, protocol } from '../grammar/values.ts';
import { parseAddress } from '../packet/address.ts';
import { words } from './shared/text.ts';

/** A word in any case. */
const oneOfWords = <const W extends string>(...known: readonly W[]) => ({
  words: 1 as const,
  metavar: known.join('|'),
  parse: ([word]: readonly string[], scope: ValueScope): W =>
    known.find((one) => one === word.toUpperCase()) ??
    scope.fail(`ipvs: Bad value for "--${scope.option}" option: "${word}"`, `one of ${known.join(', ')}`),
  print: (word: W): string => word,
});

const direction = oneOfWords('ORIGINAL', 'REPLY');
const method = oneOfWords('GATE', 'IPIP', 'MASQ');
const mask = addressMask({ help: '' });

interface Asked<T> {
  readonly value: T;
  readonly inverted: boolean;
}

interface Checked {
  /** --ipvs alone. */
  readonly alone?: { readonly inverted: boolean };
  readonly protocol?: Asked<number>;
  readonly address?: Asked<AddressMask>;
  readonly port?: Asked<number>;
  readonly direction?: 'ORIGINAL' | 'REPLY';
  readonly method?: Asked<'GATE' | 'IPIP' | 'MASQ'>;
  readonly control?: Asked<number>;
}

const asked = <T>(given: Given<T> | undefined): Asked<T> | undefined =>
  given && { value: given.value, inverted: given.inverted };

const wanted = <T>(
  name: string,
  one: Asked<T> | undefined,
  dashes: string,
  text = `${one?.value}`,
): string | undefined => one && `${one.inverted ? '! ' : ''}${dashes}${name} ${text}`;

/** As the tool prints it; addresses by name where `named`. */
const print = (c: Checked, dashes: string, addressText: string): string =>
  words(
    c.alone && `${c.alone.inverted ? '! ' : ''}${dashes}ipvs`,
    wanted('vproto', c.protocol, dashes),
    wanted('vaddr', c.address, dashes, addressText),
    wanted('vport', c.port, dashes),
    c.direction && `${dashes}vdir ${c.direction}`,
    wanted('vmethod', c.method, dashes),
    wanted('vportctl', c.control, dashes),
  );

function named(address: AddressMask | undefined, { family, names, numeric }: ListScope): string {
  if (!address) return '';
  if (numeric) return mask.print(address);
  const octets = parseAddress(address.address, family)!;
  if ((family === 4 ? octets.subarray(12) : octets).every((octet) => octet === 0)) return 'anywhere';
  const name = names.hostName(octets, family) ?? address.address;
  return mask.print(address).replace(address.address, name);
}

export const ipvs = defineMatch({
  name: 'ipvs',
  families: [4, 6],
  summary: 'Belongs to a connection that IPVS balances, and which.',
  supplied: 'Inline: connections to the virtual services that the configuration tells of; none when it tells of none.',
  kernel: 'net/netfilter/xt_ipvs.c ipvs_mt()',
  effect: 'pure',
  options: {
    ipvs: flag({ help: 'it belongs to one', invert: true }),
    vproto: protocol({ help: 'protocol of the virtual service', invert: true }),
    vaddr: addressMask({ help: 'address of the virtual service', invert: true }),
    vport: port({ help: 'port of the virtual service', invert: true }),
    vdir: own(direction, { help: 'direction within the connection' }),
    vmethod: own(method, { help: 'how it is forwarded', invert: true }),
    vportctl: port({ help: 'port of the service that controls the connection, 21 for FTP data', invert: true }),
  },
  check(given, scope): Checked {
    const { ipvs: belongs, vproto, vaddr, vport, vdir, vmethod, vportctl } = given;
    const others = [vproto, vaddr, vport, vdir, vmethod, vportctl].filter((one) => one !== undefined);
    if (!belongs && others.length === 0) scope.fail('IPVS: At least one option is required');
    if (belongs?.inverted && others.length > 0) {
      scope.fail('! --ipvs cannot be together with other options', belongs);
    }
    return {
      ...(others.length === 0 && belongs && { alone: { inverted: belongs.inverted } }),
      protocol: asked(vproto),
      address: asked(vaddr),
      port: asked(vport),
      direction: vdir?.value,
      method: asked(vmethod),
      control: asked(vportctl),
    };
  },
  save: (c) => print(c, '--', c.address ? mask.print(c.address.value) : ''),
  list: (c, scope) => print(c, '', named(c.address?.value, scope)),
  compile(c, { family, services }) {
    const { alone } = c;
    if (alone) return (pkt) => (services.ipvs?.(pkt) !== undefined) !== alone.inverted;
    const inside = c.address && addressTest(c.address.value, family);
    const tests: ((found: VirtualConnection) => boolean)[] = [];
    const add = <T>(one: Asked<T> | undefined, test: (found: VirtualConnection, value: T) => boolean): void => {
      if (one) tests.push((found) => test(found, one.value) !== one.inverted);
    };
    add(c.protocol, (found, value) => found.protocol === value);
    add(c.port, (found, value) => found.port === value);
    add(c.control, (found, value) => found.control === value);
    add(c.method, (found, value) => found.method === value);
    add(c.address, (found) => inside!(found.address));
    return (pkt) => {
      const found = services.ipvs?.(pkt);
      if (!found) return false;
      // Without a tracked connection there is no direction.
      if (c.direction && (pkt.connection < 0 || pkt.direction !== (c.direction === 'REPLY' ? 1 : 0))) return false;
      return tests.every((test) => test(found));
    };
  },
  saw(_checked, pkt, services) {
    const found = services.ipvs?.(pkt);
    return found ? `vport ${found.port} vmethod ${found.method}` : 'not of IPVS';
  },
});

function addressTest(address: AddressMask, family: 4 | 6): (address: Uint8Array) => boolean {
  const [low, high] = addressMaskBounds(address, family);
  return (one) => one.every((octet, at) => low[at] <= octet && octet <= high[at]);
}
