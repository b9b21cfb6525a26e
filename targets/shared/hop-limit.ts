// TTL and HL are one target under two names.

import { type Action, defineTarget } from '../../engine/extension.ts';
import { CONTINUE } from '../../engine/verdict.ts';
import { u8 } from '../../grammar/values.ts';
import * as ipv4 from '../../packet/ipv4.ts';
import * as ipv6 from '../../packet/ipv6.ts';
import type { Family } from '../../packet/numbers.ts';

type Operation = 'set' | 'inc' | 'dec';

const VERB: Record<Operation, string> = { set: 'set to', inc: 'increment by', dec: 'decrement by' };

const CHANGE: Record<Operation, (value: number) => (old: number) => number> = {
  set: (value) => () => value,
  inc: (value) => (old) => Math.min(old + value, 255),
  dec: (value) => (old) => Math.max(old - value, 0),
};

export function hopLimitTarget(name: 'TTL' | 'HL', family: Family, field: string, kernel: string) {
  const prefix = name.toLowerCase();
  const others = (...operations: Operation[]): string[] => operations.map((operation) => `${prefix}-${operation}`);
  return defineTarget({
    name,
    families: [family],
    summary: `Sets, raises or lowers the ${field}.`,
    kernel,
    options: {
      [`${prefix}-set`]: u8({ help: `set the ${field} to VALUE`, excludes: others('inc', 'dec') }),
      [`${prefix}-dec`]: u8({ help: `lower it by VALUE, to 0 at least`, min: 1, excludes: others('set', 'inc') }),
      [`${prefix}-inc`]: u8({ help: `raise it by VALUE, to 255 at most`, min: 1, excludes: others('set', 'dec') }),
    },
    check(options, scope) {
      const used = Object.values(options).find((given) => given !== undefined);
      if (!used) return scope.fail(`${name}: You must specify an action`);
      return { operation: used.name.slice(prefix.length + 1) as Operation, value: used.value };
    },
    save: ({ operation, value }) => `--${prefix}-${operation} ${value}`,
    list: ({ operation, value }) => `${name} ${VERB[operation]} ${value}`,
    placement: { tables: ['mangle'] },
    compile({ operation, value }): Action {
      const change = CHANGE[operation](value);
      return family === 4
        ? (pkt) => {
            ipv4.setTtl(pkt.bytes, pkt.l3, change(ipv4.ttl(pkt.bytes, pkt.l3)));
            return CONTINUE;
          }
        : (pkt) => {
            pkt.bytes[pkt.l3 + ipv6.HOP_LIMIT_AT] = change(pkt.bytes[pkt.l3 + ipv6.HOP_LIMIT_AT]);
            return CONTINUE;
          };
    },
  });
}
