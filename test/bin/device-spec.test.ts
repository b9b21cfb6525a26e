import { describe, expect, test } from 'vitest';
import { parseDevice } from '../../bin/device-spec.ts';
import { ruleFiles } from '../../bin/rule-files.ts';

const PLAIN = { netns: undefined, hosts: [], hostRoutes: [], addresses: [], routes: [], mtu: undefined };

describe('a device on the command line', () => {
  test.each([
    ['inside', { ...PLAIN, name: 'inside' }],
    ['in0,netns=lan,mtu=1400', { ...PLAIN, name: 'in0', netns: 'lan', mtu: 1400 }],
    ['in0,netns=/proc/7/ns/net', { ...PLAIN, name: 'in0', netns: '/proc/7/ns/net' }],
    ['in0,host=10.0.0.2/24,host=fd00::2/64', { ...PLAIN, name: 'in0', hosts: ['10.0.0.2/24', 'fd00::2/64'] }],
    [
      'in0,address=fd00:a::1/64,route=fd00:1::/32,route=::/0',
      { ...PLAIN, name: 'in0', addresses: ['fd00:a::1/64'], routes: ['fd00:1::/32', '::/0'] },
    ],
  ])('%s', (text, device) => {
    expect(parseDevice(text)).toEqual(device);
  });

  test.each([
    ['', '"" is no device name'],
    ['a-name-of-16-chars', '1 to 15 characters'],
    ['a/b', 'no blanks or slashes'],
    ['.', '"." is no device name'],
    ['..', '".." is no device name'],
    ['in0,mtu=67', 'mtu "67" is not within 68-65535'],
    ['in0,mtu=', 'mtu "" is not within'],
    ['in0,mtu=1e3x', 'is not within'],
    ['in0,nets=lan', '"nets" is no setting of a device: netns, host, host-route, address, route or mtu'],
    ['in0,netns=', 'netns= wants a name of "ip netns", a path, pid:NUMBER or new:NAME'],
    ['in0,host=10.0.0.2/33', '10.0.0.2/33'],
    ['in0,route=nowhere/8', 'nowhere'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => parseDevice(text)).toThrow(message);
  });
});

test('rule files: the name says the family, or both read it', () => {
  expect(ruleFiles({ rules: ['a.v4', 'b.v6', 'c'], rules4: ['d.v6'], rules6: ['e'] })).toEqual([
    { family: 4, path: 'a.v4' },
    { family: 6, path: 'b.v6' },
    { family: 4, path: 'c' },
    { family: 6, path: 'c' },
    { family: 4, path: 'd.v6' },
    { family: 6, path: 'e' },
  ]);
});
