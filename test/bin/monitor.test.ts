import { describe, expect, test } from 'vitest';
import { eventLine, filterOf } from '../../bin/monitor.ts';

describe('sekisho monitor', () => {
  test('words become a filter for the daemon', () => {
    expect(filterOf([], {})).toEqual({});
    expect(
      filterOf(['log', 'trace'], {
        ipv6: true,
        protocol: 'tcp',
        address: '2001:db8::/32',
        port: '22',
        level: '4',
        match: 'SYN',
        type: ['new'],
      }),
    ).toEqual({
      kinds: ['log', 'trace'],
      types: ['new'],
      level: 4,
      family: 6,
      protocol: 'tcp',
      address: '2001:db8::/32',
      port: 22,
      text: 'SYN',
    });
    expect(filterOf([], { ipv4: true, ipv6: true })).toEqual({});
  });

  test.each([
    [['logs'], {}, '"kinds" is a list of log, trace'],
    [[], { port: 'ssh' }, '"port" is a number'],
    [[], { address: 'here' }, '"here" is no address'],
    [[], { type: ['old'] }, '"types" is a list of new, update, destroy'],
  ])('%j %j is refused', (kinds, options, message) => {
    expect(() => filterOf(kinds, options)).toThrow(message);
  });

  test('an event is a line', () => {
    expect(eventLine({ kind: 'log', level: 4, text: 'IN=a OUT=b ', at: 1 })).toBe('00:00:00.001 log <4> IN=a OUT=b');
    expect(eventLine({ kind: 'note', text: 'rules loaded again', at: 0 })).toBe('00:00:00.000 note rules loaded again');
  });
});
