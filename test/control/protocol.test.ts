import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRequest } from '../../control/socket/parse-request.ts';

const OPS = ['tool', 'ipset', 'status', 'metrics', 'overview', 'watch', 'conntrack', 'proc', 'reload', 'stop'];

describe('a request', () => {
  test('of each kind is taken, and what it does not know is left out', () => {
    expect(parseRequest('{"op":"status","more":1}')).toEqual({ op: 'status' });
    expect(parseRequest('{"op":"tool","program":"ip6tables","argv":["-S"]}')).toEqual({
      op: 'tool',
      program: 'ip6tables',
      argv: ['-S'],
      stdin: undefined,
    });
    expect(parseRequest('{"op":"metrics","json":true}')).toEqual({ op: 'metrics', json: true });
  });

  test.each([
    ['', 'not a JSON text'],
    ['{"op":"status"', 'not a JSON text'],
    ['null', 'a request is a JSON object'],
    ['"status"', 'a request is a JSON object'],
    ['[]', 'unknown "op"'],
    ['{}', 'unknown "op"'],
    ['{"op":"__proto__"}', 'unknown "op"'],
    ['{"op":["status"]}', 'unknown "op"'],
    ['{"op":"tool"}', '"program" is one of'],
    ['{"op":"tool","program":"sh","argv":["-c","true"]}', '"program" is one of'],
    ['{"op":"tool","program":"iptables"}', '"argv" is a list of strings'],
    ['{"op":"tool","program":"iptables","argv":"-S"}', '"argv" is a list of strings'],
    ['{"op":"tool","program":"iptables","argv":[1]}', '"argv" is a list of strings'],
    ['{"op":"tool","program":"iptables-restore","argv":[],"stdin":{}}', '"stdin" is a string'],
    ['{"op":"proc","path":1}', '"path" is a string'],
    ['{"op":"proc","writes":["/"]}', '"writes" is a list of strings, beside a "path"'],
    ['{"op":"proc","path":"xt_recent/a","writes":"/"}', '"writes" is a list of strings'],
  ])('%s is refused: %s', (line, message) => {
    expect(() => parseRequest(line)).toThrow(message);
  });

  test.each([
    ['lists in lists', '['.repeat(1_000_000)],
    ['many small lists', `{"op":"status","x":[${'[],'.repeat(1_000_000)}[]]}`],
    ['many words', JSON.stringify({ op: 'tool', program: 'iptables', argv: Array(300_000).fill('-S') })],
  ])('of too many values is refused before it is read: %s', (_name, line) => {
    expect(() => parseRequest(line)).toThrow('at most 262144 values');
  });

  test('may have a text with as many commas, brackets and quotes as it likes', () => {
    const stdin = '[{,}]"\\"\\\\'.repeat(100_000);
    const request = { op: 'tool', program: 'iptables-restore', argv: [], stdin };
    expect(parseRequest(JSON.stringify(request))).toMatchObject({ stdin });
  });

  test('of any shape is taken or refused with a sentence, and what is taken is of the right shape', () => {
    const request = fc.record(
      {
        op: fc.oneof(fc.constantFrom(...OPS), fc.jsonValue()),
        wish: fc.oneof(
          fc.record({ lines: fc.jsonValue(), sort: fc.jsonValue(), filter: fc.jsonValue() }),
          fc.jsonValue(),
        ),
        filter: fc.oneof(fc.record({ kinds: fc.jsonValue(), address: fc.jsonValue() }), fc.jsonValue()),
        request: fc.jsonValue(),
        path: fc.jsonValue(),
        writes: fc.jsonValue(),
        program: fc.oneof(fc.constant('iptables'), fc.jsonValue()),
        argv: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
        stdin: fc.oneof(fc.string(), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const text = fc.oneof(request, fc.jsonValue()).map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (line) => {
        try {
          const taken = parseRequest(line);
          if (taken.op === 'tool') for (const word of taken.argv) expect(word).toBeTypeOf('string');
        } catch (error) {
          expect(Object.getPrototypeOf(error)).toBe(Error.prototype);
        }
      }),
    );
  });
});
