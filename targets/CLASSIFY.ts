import { defineTarget } from '../engine/extension.ts';
import { CONTINUE } from '../engine/verdict.ts';
import type { ValueScope } from '../grammar/options.ts';
import { own } from '../grammar/values.ts';

const hex4 = (value: number): string => value.toString(16).padStart(4, '0');
const printClass = (priority: number): string => `${hex4(priority >>> 16)}:${hex4(priority & 0xffff)}`;

/** One number as scanf("%x") reads it into 32 bits: sign and 0x are fine, too many digits are all ones. */
function scanHex(sign: string, digits: string): number {
  const significant = digits.replace(/^0+/, '');
  if (significant.length > 16) return 0xffff_ffff;
  const value = Number.parseInt(significant.slice(-8) || '0', 16);
  return (sign === '-' ? -value : value) >>> 0;
}

/** Hex with or without 0x; each half is cut to 16 bits, and what follows the second is not looked at. libxt_CLASSIFY. */
const trafficClass = {
  words: 1 as const,
  metavar: 'major:minor',
  parse([word]: readonly string[], scope: ValueScope): number {
    const found = /^\s*([+-]?)(?:0x)?([0-9a-f]*):\s*([+-]?)(?:0x)?([0-9a-f]*)/i.exec(word);
    const bad = !found || !/^\s*[+-]?[0-9a-f]+(?:x[0-9a-f]*)?:\s*[+-]?[0-9a-f]/i.test(word);
    if (bad) return scope.fail(`Bad class value "${word}"`, 'two hex numbers, such as 1:a0');
    return (((scanHex(found[1], found[2]) & 0xffff) << 16) | (scanHex(found[3], found[4]) & 0xffff)) >>> 0;
  },
  print: printClass,
};

export const CLASSIFY = defineTarget({
  name: 'CLASSIFY',
  families: [4, 6],
  summary: 'Sets the priority of the packet, by which queueing disciplines choose a class.',
  kernel: 'net/netfilter/xt_CLASSIFY.c classify_tg()',
  options: {
    'set-class': own(trafficClass, { help: 'priority as MAJOR:MINOR, always hexadecimal', required: true }),
  },
  check: ({ 'set-class': { value } }) => ({ priority: value }),
  save: ({ priority }) => `--set-class ${printClass(priority)}`,
  list: ({ priority }) => `CLASSIFY set ${(priority >>> 16).toString(16)}:${(priority & 0xffff).toString(16)}`,
  placement: { hooks: ['FORWARD', 'OUTPUT', 'POSTROUTING'] },
  compile:
    ({ priority }) =>
    (pkt) => {
      pkt.priority = priority;
      return CONTINUE;
    },
});
