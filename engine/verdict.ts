// What a rule, a chain, a hook says of a packet. include/uapi/linux/netfilter.h, include/linux/netfilter/x_tables.h

export const DROP = 0;
export const ACCEPT = 1;
/** The target took the packet: nobody else touches it, and it is not counted as dropped. */
export const STOLEN = 2;
export const QUEUE = 3;
/** NFQUEUE --queue-bypass with nobody at the queue: passed on as if accepted, but the nat table has decided nothing. */
export const QUEUE_BYPASS = 4;
/** Non-terminating targets: go on with the next rule. */
export const CONTINUE = -1;
/** Back to the rule after the jump; in a built-in chain: its policy. */
export const RETURN = -2;

export type Verdict =
  | typeof DROP
  | typeof ACCEPT
  | typeof STOLEN
  | typeof QUEUE
  | typeof QUEUE_BYPASS
  | typeof CONTINUE
  | typeof RETURN;
