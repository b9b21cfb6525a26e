import { describe, expect, it } from 'vitest';
import { RuleError } from '../../grammar/error.ts';
import type { AnySyntax } from '../../grammar/lookup.ts';
import { noNames } from '../../grammar/names.ts';
import type { ValueScope } from '../../grammar/options.ts';
import * as values from '../../grammar/values.ts';
import type { Family } from '../../packet/numbers.ts';

const names = { ...noNames, service: (name: string) => ({ domain: 53, https: 443 })[name] };

const scopeOf = (family: Family, extension: string, option: string): ValueScope => {
  const fail = (message: string, hint?: string): never => {
    throw new RuleError(message, undefined, hint);
  };
  return {
    family,
    extension,
    option,
    spelling: option,
    inverted: false,
    names,
    protocol: undefined,
    fail,
    before: () => [],
    warn() {},
    outOfRange: (min, max, hint) =>
      fail(`${extension}: bad value for option "--${option}", or out of range (${min}-${max}).`, hint),
  };
};

const help = 'for tests';

// [kind, extension, option, IP family, word, what it prints or what is said of it]; every row was asked of ip(6)tables 1.8.9.
type Row = [kind: AnySyntax['options'][string], words: string, family: Family, word: string, answer: string];

const rows: Row[] = [
  [values.u8({ help }), 'hl hl-gt', 6, '0x10', '16'],
  [values.u8({ help }), 'hl hl-gt', 6, '010', '8'],
  [values.u8({ help }), 'hl hl-gt', 6, ' 7', '7'],
  [values.u8({ help }), 'hl hl-gt', 6, '256', 'hl: bad value for option "--hl-gt", or out of range (0-255).'],
  [values.u8({ help }), 'hl hl-gt', 6, '-1', 'hl: bad value for option "--hl-gt", or out of range (0-255).'],
  [values.u8({ help }), 'hl hl-gt', 6, '9x', 'hl: bad value for option "--hl-gt", or out of range (0-255).'],
  [values.u8({ help }), 'hl hl-gt', 6, '', 'hl: bad value for option "--hl-gt", or out of range (0-255).'],
  [
    values.u32({ help, max: 10_000 }),
    'limit limit-burst',
    6,
    '10001',
    'limit: bad value for option "--limit-burst", or out of range (0-10000).',
  ],
  [values.u64({ help }), 'quota quota', 6, '18446744073709551615', '18446744073709551615'],
  [
    values.u64({ help }),
    'quota quota',
    6,
    '18446744073709551616',
    'quota: bad value for option "--quota", or out of range (0-18446744073709551615).',
  ],
  [values.u16Range({ help }), 'length length', 6, ':5', '0:5'],
  [values.u16Range({ help }), 'length length', 6, '5:', '5:65535'],
  [values.u16Range({ help }), 'length length', 6, ':', '0:65535'],
  [values.u16Range({ help }), 'length length', 6, '5: 7', '5:7'],
  [values.u16Range({ help }), 'length length', 6, '5:5', '5'],
  [
    values.u16Range({ help }),
    'length length',
    6,
    '1:70000',
    'length: bad value for option "--length" near "70000", or out of range (0-65535).',
  ],
  [
    values.u16Range({ help }),
    'length length',
    6,
    '1:2:3',
    'length: Too many components for option "--length" (max: 2)',
  ],
  [
    values.u16Range({ help }),
    'length length',
    6,
    '1x',
    'length: Argument to "--length" has unexpected characters near "x".',
  ],
  [
    values.u16Range({ help }),
    'length length',
    6,
    '5-7',
    'length: Argument to "--length" has unexpected characters near "-7".',
  ],
  [values.portRange({ help }), 'udp destination-port', 6, 'domain', '53'],
  [values.portRange({ help }), 'udp destination-port', 6, '010', '10'],
  [values.portRange({ help }), 'udp destination-port', 6, '', '0'],
  [values.portRange({ help }), 'udp destination-port', 6, '70000', '4464'],
  [values.portRange({ help }), 'udp destination-port', 6, '99999999999', '59391'],
  [values.portRange({ help }), 'udp destination-port', 6, '5:4', '5:4'],
  [values.portRange({ help }), 'udp destination-port', 6, '0x60', 'Port "0x60" does not resolve to anything.'],
  [values.portRange({ help }), 'udp destination-port', 6, '-5', 'Port "-5" does not resolve to anything.'],
  [
    values.portRange({ help }),
    'udp destination-port',
    6,
    '1:2:3',
    'udp: Too many components for option "--destination-port" (max: 2)',
  ],
  [values.strictPortRange({ help }), 'tcp destination-port', 6, '010', '8'],
  [values.strictPortRange({ help }), 'tcp destination-port', 6, 'https:', '443:65535'],
  [values.strictPortRange({ help }), 'tcp destination-port', 6, '70000', "invalid port/service `70000' specified"],
  [values.strictPortRange({ help }), 'tcp destination-port', 6, '1:x', "invalid port/service `x' specified"],
  [values.strictPortRange({ help }), 'tcp destination-port', 6, '5:1', 'invalid portrange (min > max)'],
  [values.mark({ help }), 'mark mark', 6, '1/2', '0x1/0x2'],
  [values.mark({ help }), 'mark mark', 6, '0xffffffff/0xffffffff', '0xffffffff'],
  [values.mark({ help }), 'mark mark', 6, 'x', 'mark: bad integer value for option "--mark", or out of range.'],
  [values.mark({ help }), 'mark mark', 6, '1/x', 'mark: bad integer value for option "--mark", or out of range.'],
  [values.mark({ help }), 'mark mark', 6, '1/2x', 'mark: trailing garbage after value for option "--mark".'],
  [
    values.mark({ help }),
    'mark mark',
    6,
    '0x1ffffffff',
    'mark: bad integer value for option "--mark", or out of range.',
  ],
  [values.text()({ help }), 'comment comment', 6, '', '""'],
  [values.text()({ help }), 'comment comment', 6, 'a-b_c', 'a-b_c'],
  [values.text()({ help }), 'comment comment', 6, `it's "x" \\`, `"it\\'s \\"x\\" \\\\"`],
  [
    values.text({ minLength: 1, cutAt: 29 })({ help }),
    'LOG log-prefix',
    6,
    '',
    'Argument must have a minimum length of 1 characters',
  ],
  [
    values.text({ minLength: 1, cutAt: 29 })({ help }),
    'LOG log-prefix',
    4,
    '0123456789'.repeat(4),
    '01234567890123456789012345678',
  ],
  [values.logLevel({ help }), 'LOG log-level', 6, 'panic', '0'],
  [values.logLevel({ help }), 'LOG log-level', 6, '0x5', '5'],
  [values.logLevel({ help }), 'LOG log-level', 6, '8', 'log level "8" unknown'],
  [values.logLevel({ help }), 'LOG log-level', 6, 'ERROR', 'log level "ERROR" unknown'],
  [values.logLevel({ help }), 'LOG log-level', 6, 'err', 'log level "err" unknown'],
  [values.protocol({ help }), 'conntrack ctproto', 6, 'TCP', '6'],
  [values.protocol({ help }), 'conntrack ctproto', 6, '300', 'unknown protocol "300" specified'],
  [values.mac({ help }), 'mac mac-source', 6, '1:2:3:4:5:6', '01:02:03:04:05:06'],
  [values.mac({ help }), 'mac mac-source', 6, 'aa:bb:cc:DD:ee:ff', 'aa:bb:cc:dd:ee:ff'],
  [values.mac({ help }), 'mac mac-source', 4, ':::::', '00:00:00:00:00:00'],
  [values.mac({ help }), 'mac mac-source', 4, '1:2', 'Invalid MAC address specified.'],
  [values.mac({ help }), 'mac mac-source', 4, '1:2:3:4:5:678', 'Invalid MAC address specified.'],
  [values.mac({ help }), 'mac mac-source', 4, '0x1:2:3:4:5:6', 'Invalid MAC address specified.'],
  [values.addressMask({ help }), 'conntrack ctorigsrc', 4, '10/8', '0.0.0.10/8'],
  [values.addressMask({ help }), 'conntrack ctorigsrc', 4, '010.1.1.1', '8.1.1.1'],
  [values.addressMask({ help }), 'conntrack ctorigsrc', 4, '1.2.3.4/255.255.0.0', '1.2.3.4/16'],
  [values.addressMask({ help }), 'conntrack ctorigsrc', 4, '1.2.3.4/255.0.255.0', '1.2.3.4'],
  [values.addressMask({ help }), 'conntrack ctorigsrc', 4, '1.2.3.4/40', '1.2.3.4'],
  [values.addressMask({ help }), 'conntrack ctorigsrc', 4, '1.2.3.4/0', '1.2.3.4/0'],
  [values.addressMask({ help }), 'conntrack ctorigsrc', 4, '/5', 'getaddrinfo: Name or service not known'],
  [values.addressMask({ help }), 'conntrack ctorigsrc', 6, '1::/ffff::', '1::/16'],
  [values.addressMask({ help }), 'conntrack ctorigsrc', 6, '1::5/64', '1::5/64'],
  [
    values.addressMask({ help }),
    'conntrack ctorigsrc',
    6,
    '1::/200',
    'conntrack: bad value for option "--ctorigsrc", neither a valid network mask nor valid CIDR (0-128).',
  ],
  [
    values.addressMask({ help }),
    'conntrack ctorigsrc',
    4,
    '1.2.3.4/',
    'conntrack: bad value for option "--ctorigsrc", neither a valid network mask nor valid CIDR (0-32).',
  ],
  [values.addressRange({ help }), 'iprange src-range', 4, '10-20', '10.0.0.0-20.0.0.0'],
  [values.addressRange({ help }), 'iprange src-range', 4, '0x10.1.1.1', '16.1.1.1-16.1.1.1'],
  [
    values.addressRange({ help }),
    'iprange src-range',
    4,
    '1.2.3.4-',
    'iprange: Bad value for "--src-range" option: ""',
  ],
  [values.addressRange({ help }), 'iprange src-range', 6, '3::-2::', '3::-2::'],
  [
    values.addressRange({ help }),
    'iprange src-range',
    6,
    '3::x',
    'iprange: Bad value for "--src-range" option: "3::x"',
  ],
];

describe('value kinds read, print and refuse as libxtables does', () => {
  it.each(rows.map(([kind, words, family, word, answer]) => ({ kind, words, family, word, answer })))(
    '--$words IPv$family "$word" -> $answer',
    ({ kind, words, family, word, answer }) => {
      const [extension, option] = words.split(' ');
      let said: string;
      try {
        said = kind.print(kind.parse([word], scopeOf(family, extension, option)), family);
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        said = error.message;
      }
      expect(said).toBe(answer);
    },
  );

  it('keeps the settings beside the kind, and knows in the type what is required', () => {
    const option = values.u8({ help: 'equal to VALUE', invert: true, alias: 'hl', required: true });
    const required: true | undefined = option.required;
    expect([required, option.invert, option.alias, option.words]).toEqual([true, true, 'hl', 1]);
  });
});
