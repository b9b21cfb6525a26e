// The five tables, their built-in chains in hook order, and the hooks' kernel numbers.
// Source: include/uapi/linux/netfilter.h, net/ipv4/netfilter/iptable_*.c (valid_hooks, priority).

export const HOOKS = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;
export type HookName = (typeof HOOKS)[number];

/** NF_INET_ numbers: index in HOOKS. */
export const PREROUTING = 0;
export const INPUT = 1;
export const FORWARD = 2;
export const OUTPUT = 3;
export const POSTROUTING = 4;

export const TABLES = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
  security: ['INPUT', 'FORWARD', 'OUTPUT'],
} as const satisfies Record<string, readonly HookName[]>;

export type TableName = keyof typeof TABLES;

export const isTableName = (name: string): name is TableName => Object.hasOwn(TABLES, name);

/** Whether `chain` is one of the built-in chains of `table`. */
export const isBuiltin = (table: TableName, chain: string): boolean =>
  (TABLES[table] as readonly string[]).includes(chain);
