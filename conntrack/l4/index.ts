// The tracked protocols. Current kernels (6.16 and later) no longer track DCCP: here as there it is generic, unless a sysctl of ours
// brings it back.

import { dccp } from './dccp.ts';
import { generic } from './generic.ts';
import { gre } from './gre.ts';
import { icmp } from './icmp.ts';
import { icmpv6 } from './icmpv6.ts';
import type { L4 } from './l4.ts';
import { sctp } from './sctp.ts';
import { tcp } from './tcp.ts';
import { udp } from './udp.ts';
import { udplite } from './udplite.ts';

export const protocols: readonly L4[] = [icmp, tcp, udp, gre, icmpv6, sctp, udplite, generic];

/** With a tracker of their own only where that is asked for. */
export const optional: readonly L4[] = [dccp];

/** By protocol number, as current kernels have them. */
export const byProtocol: readonly L4[] = Array.from(
  { length: 256 },
  (_, number) => protocols.find(({ protocol }) => protocol === number) ?? generic,
);
