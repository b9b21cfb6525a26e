// How a connection comes into being, at the first packet of its flow: room for it, what the sysctls, the rules (a template) and an expectation
// want it to have from the start. It is unconfirmed then; confirmation.ts puts it into the table.
// Source: net/netfilter/nf_conntrack_core.c init_conntrack()

import type { Accounting } from './accounting.ts';
import type { ConnectionColumns } from './connections.ts';
import type { ConnectionEvents } from './events.ts';
import type { Expectation } from './helping/expectation.ts';
import type { Expectations } from './helping/expectations.ts';
import type { HelpedTracker } from './helping/helper-call.ts';
import type { Helping } from './helping/helping.ts';
import type { Knobs } from './knobs.ts';
import type { L4 } from './l4/l4.ts';
import type { Statistics } from './statistics.ts';
import { IPS_EXPECTED, IPS_HELPER } from './status.ts';
import type { Sweeper } from './sweeper.ts';
import type { ProxiedConnections } from './synproxy.ts';
import type { Sysctls } from './sysctl.ts';
import type { ConnectionTable } from './table/table.ts';
import type { Tuple } from './table/tuple.ts';
import type { Template } from './template.ts';
import type { TimeoutPolicies } from './timeout-policies.ts';

/** What it needs of the tracker. */
export interface BirthParts extends HelpedTracker {
  readonly table: ConnectionTable;
  readonly connections: ConnectionColumns;
  readonly sysctls: Sysctls;
  readonly knobs: Knobs;
  readonly l4s: readonly L4[];
  readonly accounting: Accounting;
  readonly statistics: Statistics;
  readonly events: ConnectionEvents;
  readonly expectations: Expectations;
  readonly helping: Helping;
  readonly policies: TimeoutPolicies;
  readonly proxied: ProxiedConnections;
}

export class Births {
  private readonly parts: BirthParts;
  private readonly sweeper: Sweeper;

  constructor(parts: BirthParts, sweeper: Sweeper) {
    this.parts = parts;
    this.sweeper = sweeper;
  }

  /** An unconfirmed connection of a tuple that has just been looked for, or -1 when there is no room. */
  create(tuple: Tuple, template: Template | undefined, now: number): number {
    const { table, sysctls, expectations } = this.parts;
    // If its zones differ, it was looked for in the reply's at last.
    const hash = tuple.zoneOriginal === tuple.zoneReply ? table.lastHash : undefined;
    const { max } = sysctls.limits;
    if (max !== 0 && table.count >= max && !this.sweeper.makeRoom(table.hashes.of(tuple, tuple.zoneOriginal))) {
      this.sweeper.relieve();
      return -1;
    }
    table.limit = max === 0 ? Number.POSITIVE_INFINITY : max;
    const id = this.open(tuple, now, template, hash);
    const expectation = expectations.take(tuple, tuple.zoneOriginal || tuple.zoneReply);
    if (template) this.applyTemplate(id, template, expectation === undefined);
    if (expectation) this.welcome(id, expectation);
    return id;
  }

  /** One with the areas that the sysctls and rules ask for. `hash`: of the tuple, where it is known. */
  open(tuple: Tuple, now: number, template?: Template, hash?: number): number {
    const { table, knobs, sysctls, events, accounting, connections } = this.parts;
    const id = table.open(tuple, hash);
    events.open(id, sysctls.limits.events, template?.events ?? 0, template?.expectEvents ?? 0);
    accounting.open(id, knobs.acct !== 0, knobs.timestamp !== 0, now);
    connections.labelling.open(id);
    return id;
  }

  /** A new connection that was expected: it has the marks of its master, and perhaps a helper and a translation already. */
  private welcome(id: number, expectation: Expectation): void {
    const { table, connections, helping, statistics } = this.parts;
    const master = expectation.master.id;
    table.addStatus(id, IPS_EXPECTED);
    table.setMark(id, table.mark(master));
    if (connections.secmark(master) !== 0) connections.setSecmark(id, connections.secmark(master));
    helping.adopt(id, expectation);
    statistics.expectNew++;
    expectation.born?.run(this.parts, id, expectation);
  }

  private applyTemplate(id: number, template: Template, helps: boolean): void {
    const { table, proxied, policies, l4s, expectations, helping } = this.parts;
    if (template.proxied) proxied.open(id);
    if (template.timeout !== undefined) policies.assign(id, template.timeout, l4s[table.protocol(id)]);
    if (template.events !== undefined || template.expectEvents !== undefined)
      expectations.eventMasks.set(id, template.expectEvents ?? 0);
    if (template.helper !== undefined && helps && helping.assignByName(id, template.helper))
      table.addStatus(id, IPS_HELPER);
  }
}
