// What the tracker counts.

/**
 * As `conntrack -S` counts. `found` and `insert` are 0 for ordinary packets in current kernels too: they count what NAT and
 * netlink do.
 */
export class Statistics {
  found = 0;
  invalid = 0;
  insert = 0;
  insertFailed = 0;
  drop = 0;
  earlyDrop = 0;
  error = 0;
  searchRestart = 0;
  clashResolve = 0;
  chainTooLong = 0;
  expectNew = 0;
  expectCreate = 0;
  expectDelete = 0;
}
