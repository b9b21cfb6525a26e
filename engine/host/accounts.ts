// Accounts: counters with a name of their own, fed by rules (-m nfacct) and read by name, with a quota where one was set. What the
// kernel has in net/netfilter/nfnetlink_acct.c.
//
// Differs: an account that a rule names and nobody made is made by the rule, without a quota; the kernel refuses the rule. Rules are
// often there before whoever reads the accounts.

export interface AccountSpec {
  readonly name: string;
  /** Reached, an event tells of it, and from then on rules that name the account match. */
  readonly quota?: Quota;
}

export interface Quota {
  readonly of: 'packets' | 'bytes';
  readonly limit: number;
}

export interface Account extends AccountSpec {
  packets: number;
  bytes: number;
  /** The quota was reached, and told of. */
  over: boolean;
}

/** Octets of a name; the rest is cut off. NFACCT_NAME_MAX */
export const LONGEST_NAME = 31;

export class Accounts {
  private readonly byName = new Map<string, Account>();
  /** Whether rules name the account: then it stays. */
  inUse: (name: string) => boolean = () => false;

  get(name: string): Account | undefined {
    return this.byName.get(name);
  }

  /** In the order in which they were made. */
  list(): readonly Account[] {
    return [...this.byName.values()];
  }

  /** The account of that name, made if need be. */
  open(name: string): Account {
    return this.byName.get(name) ?? this.make({ name });
  }

  /** Makes an account, all zero; one that is there is given the quota and counts on. */
  add({ name, quota }: AccountSpec): Account {
    const there = this.byName.get(name);
    if (!there) return this.make({ name, quota });
    return Object.assign(there, { quota, over: false });
  }

  private make({ name, quota }: AccountSpec): Account {
    const account: Account = { name, quota, packets: 0, bytes: 0, over: false };
    this.byName.set(name, account);
    return account;
  }

  /** False: a rule names it, and it stays. */
  remove(name: string): boolean {
    if (this.inUse(name)) return false;
    return this.byName.delete(name);
  }

  /** The account as it was; its counters then begin anew. */
  reset(account: Account): Account {
    const was = { ...account };
    Object.assign(account, { packets: 0, bytes: 0, over: false });
    return was;
  }
}

/** Counts a packet. What became of the quota: none is set, not reached, or passed; 'reached' once. nfnl_acct_overquota() */
export function count(
  account: Account,
  octets: number,
): { readonly over: boolean; readonly reached: boolean } | undefined {
  account.packets++;
  account.bytes += octets;
  const { quota } = account;
  if (!quota) return undefined;
  const now = account[quota.of];
  if (now < quota.limit) return UNDER;
  const reached = !account.over;
  account.over = true;
  return OUTCOMES[now > quota.limit ? 1 : 0][reached ? 1 : 0];
}

const UNDER = { over: false, reached: false } as const;
/** By whether it is passed, and whether that is news. */
const OUTCOMES = [
  [UNDER, { over: false, reached: true }],
  [
    { over: true, reached: false },
    { over: true, reached: true },
  ],
] as const;
