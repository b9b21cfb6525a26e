// Counters out of `iptables-save -c` text, in its order: built-in chains with their policies, and rules.

import type { Counted } from './scenario/scenario-format.ts';

const CHAIN = /^:(\S+) (\S+) \[(\d+):(\d+)\]/;
const RULE = /^\[(\d+):(\d+)\] -A (\S+) ?(.*)/;

export function parseSaveCounters(text: string): Counted[] {
  const counted: Counted[] = [];
  let table = '';
  for (const line of text.split('\n')) {
    const chain = CHAIN.exec(line);
    const rule = RULE.exec(line);
    if (line.startsWith('*')) table = line.slice(1);
    else if (chain && chain[2] !== '-') {
      counted.push({ table, chain: chain[1], policy: chain[2], pkts: Number(chain[3]), bytes: Number(chain[4]) });
    } else if (rule) {
      counted.push({ table, chain: rule[3], rule: rule[4], pkts: Number(rule[1]), bytes: Number(rule[2]) });
    }
  }
  return counted;
}
