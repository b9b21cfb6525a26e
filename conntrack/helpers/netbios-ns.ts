// NetBIOS names, RFC 1002 4.2: a question to all, answered by who has the name.

import { IPPROTO_UDP } from '../../packet/numbers.ts';
import { defineHelper } from '../helping/helper.ts';
import { expectAnswers } from './broadcast.ts';

const PORT = 137;
const TIMEOUT_MS = 3_000;

export const netbiosNs = defineHelper({
  name: 'netbios-ns',
  summary: "Answers to the router's own questions for NetBIOS names.",
  kernel: 'net/netfilter/nf_conntrack_netbios_ns.c netbios_ns_help()',
  families: [4],
  protocols: [IPPROTO_UDP],
  port: PORT,
  policies: [{ name: '', most: 1, timeoutMs: TIMEOUT_MS }],
  help(call) {
    expectAnswers(call, PORT, TIMEOUT_MS);
    return undefined;
  },
});
