// SNMP, versions 1 and 2c. Two helpers: `snmp` for questions, which may go to all hosts of a link; `snmp_trap` for what agents tell by
// themselves. Both translate the addresses that the messages carry, where the connection's are translated: those that equal the agent's.

import { u16, u32 } from '../../packet/bytes.ts';
import { rewriteTransportU16 } from '../../packet/checksum.ts';
import { IPPROTO_UDP } from '../../packet/numbers.ts';
import { defineHelper } from '../helping/helper.ts';
import type { HelperCall } from '../helping/helper-call.ts';
import { expectAnswers } from './broadcast.ts';
import { addressesIn } from './snmp-message.ts';

const SNMP = 161;
const SNMP_TRAP = 162;
const TIMEOUT_MS = 30_000;

/** What an agent says is rewritten: answers, and traps. nf_nat_snmp_basic_main.c help(), snmp_translate() */
function translate(call: HelperCall): string | undefined {
  const { pkt, direction, bytes, from, to, tuples } = call;
  if (u16(bytes, pkt.l4) === SNMP && direction === 0) return undefined;
  if (u16(bytes, pkt.l4 + 2) === SNMP_TRAP && direction === 1) return undefined;
  if (!call.translated) return undefined;
  if (u16(bytes, pkt.l4 + 4) !== to - pkt.l4) return 'SNMP message of another length';
  call.readWhole();
  const [original, reply] = tuples;
  const before = original.words[0];
  const after = reply.words[4];
  if (before === after) return undefined;
  const places = addressesIn(bytes, from, to);
  if (places === undefined) return 'no SNMP message';
  for (const at of places) if ((u32(bytes, at) | 0) === before) write(call, at, after);
  return undefined;
}

function write({ pkt }: HelperCall, at: number, word: number): void {
  rewriteTransportU16(pkt, at, word >>> 16);
  rewriteTransportU16(pkt, at + 2, word & 0xffff);
}

export const snmp = defineHelper({
  name: 'snmp',
  summary:
    "Answers to the router's own broadcast SNMP questions; addresses in SNMP messages where they are translated.",
  kernel: 'net/netfilter/nf_conntrack_snmp.c snmp_conntrack_help(), net/ipv4/netfilter/nf_nat_snmp_basic_main.c help()',
  families: [4],
  protocols: [IPPROTO_UDP],
  port: SNMP,
  policies: [{ name: '', most: 1, timeoutMs: TIMEOUT_MS }],
  help(call) {
    expectAnswers(call, SNMP, TIMEOUT_MS);
    return translate(call);
  },
});

export const snmpTrap = defineHelper({
  name: 'snmp_trap',
  summary: 'Addresses in SNMP traps where they are translated.',
  kernel: 'net/ipv4/netfilter/nf_nat_snmp_basic_main.c help()',
  families: [4],
  protocols: [IPPROTO_UDP],
  port: SNMP_TRAP,
  policies: [{ name: '', most: 0, timeoutMs: 180_000 }],
  help: translate,
});
