// Tables that come to the engine: a change arrives in pieces, is prepared in slices, and is swapped in at once. Each of these is a request of
// its own, answered before the next is sent, so packets pass between them and no slice is longer than packets can wait.

import type { Firewall } from '../engine/firewall.ts';
import type { Installation } from '../engine/installation.ts';
import type { TableSpec } from '../grammar/rule-spec.ts';
import { type PackedChange, Unpacker } from './packed-change.ts';
import { ChangedTable } from './table-change.ts';

export type InstallRequest =
  /** A piece; `begin`: the first one; `end`: the last one, answered as `prepare`. `install`: a number of the sender's. */
  | { op: 'change'; install: number; begin: boolean; end: boolean; change: PackedChange }
  /** After the last piece: true when all is ready, else this is to be asked again. Rejects when the tables are refused, which ends it. */
  | { op: 'prepare'; install: number }
  /** Puts the tables in place. */
  | { op: 'swap'; install: number };

/** Milliseconds of work between two looks at the devices. */
const SLICE_MS = 1;

interface Incoming {
  readonly install: number;
  readonly unpacker: Unpacker;
  /** By family and name. */
  readonly tables: Map<string, ChangedTable>;
  installation?: Installation;
}

export class IncomingTables {
  private readonly firewall: Firewall;
  /** In force, as they were sent: what a change begins from. */
  private readonly tables = new Map<string, TableSpec>();
  private incoming: Incoming | undefined;

  constructor(firewall: Firewall) {
    this.firewall = firewall;
  }

  change({ install, begin, end, change }: InstallRequest & { op: 'change' }): boolean {
    if (begin) {
      this.incoming?.installation?.abandon();
      this.incoming = { install, unpacker: new Unpacker(), tables: new Map() };
    }
    const { unpacker, tables } = this.at(install);
    const key = `${change.family} ${change.name}`;
    let table = tables.get(key);
    if (!table) tables.set(key, (table = new ChangedTable(this.tables.get(key), change)));
    table.make(unpacker.unpack(change));
    return end && this.prepare(install);
  }

  prepare(install: number): boolean {
    const incoming = this.at(install);
    incoming.installation ??= this.firewall.prepare(
      [...incoming.tables.values()].map(({ spec }) => spec),
      true,
    );
    const until = performance.now() + SLICE_MS;
    do {
      if (incoming.installation.proceed()) return true;
    } while (performance.now() < until);
    return false;
  }

  swap({ install }: InstallRequest & { op: 'swap' }): void {
    const { installation, tables } = this.at(install);
    installation?.commit();
    for (const [key, table] of tables) this.tables.set(key, table.settled());
    this.incoming = undefined;
  }

  /** Nobody begins in the middle: this engine may have taken over from another. */
  private at(install: number): Incoming {
    const { incoming } = this;
    if (incoming?.install === install) return incoming;
    throw new Error('the data plane was started again while it was given rules');
  }
}
