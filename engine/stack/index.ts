// The router and the small host around the hooks; see types.ts for the order in which the pipeline asks them.
//
//   const stack = createStack({ topology: DEFAULT_TOPOLOGY, random, defragmenter, send });
//
// In bridge mode there is no stack: emitting in pieces is conntrack/defrag/cut.ts, and icmp-error.ts serves REJECT in both modes.

export { type ErrorContext, type IcmpError, icmpError } from './icmp-error.ts';
export { createRoutes, DEFAULT_TOPOLOGY } from './routes.ts';
export { createStack } from './stack.ts';
export type { Destination, Emitted, RouteTable, Stack, StackOptions, Topology, Transmit } from './types.ts';
