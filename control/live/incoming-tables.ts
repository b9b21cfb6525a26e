// Tables that come to the engine: a change arrives in pieces, each a request of its own; with the last one the tables are prepared in steps, between
// which packets pass, and swapped in at once. Pieces are sent without waiting for answers, so the engine takes in the first while the
// next are packed.

import type { Firewall } from '../../engine/firewall.ts';
import type { Steps } from '../../engine/install/steps.ts';
import type { TableSpec } from '../../grammar/rule-spec.ts';
import { ChangedTable } from './changed-table.ts';
import { type PackedChange, Unpacker } from './packed-change.ts';

/**
 * A piece. `begin`: the first one; `end`: the last one, answered when the tables are in force. Rejected when they are refused, and then nothing has changed.
 * `install`: a number of the sender's.
 */
export interface InstallRequest {
  op: 'change';
  install: number;
  begin: boolean;
  end: boolean;
  change: PackedChange;
}

interface Incoming {
  readonly install: number;
  readonly unpacker: Unpacker;
  /** By family and name. */
  readonly tables: Map<string, ChangedTable>;
}

export class IncomingTables {
  private readonly firewall: Firewall;
  /** In force, as they were sent: what a change begins from. */
  private readonly tables = new Map<string, TableSpec>();
  private incoming: Incoming | undefined;

  constructor(firewall: Firewall) {
    this.firewall = firewall;
  }

  change({ install, begin, end, change }: InstallRequest): Steps<void> | undefined {
    if (begin) this.incoming = { install, unpacker: new Unpacker(), tables: new Map() };
    const { incoming } = this;
    // Nobody begins in the middle: this engine may have taken over from another.
    if (incoming?.install !== install) throw new Error('the data plane was started again while it was given rules');
    const { unpacker, tables } = incoming;
    const key = `${change.family} ${change.name}`;
    let table = tables.get(key);
    if (!table) tables.set(key, (table = new ChangedTable(this.tables.get(key), change)));
    // Until this piece has been taken in: those behind it may be on their way, and are nothing without it.
    this.incoming = undefined;
    table.make(unpacker.unpack(change));
    if (end) return this.install(tables);
    this.incoming = incoming;
    return undefined;
  }

  private *install(tables: ReadonlyMap<string, ChangedTable>): Steps<void> {
    const specs = Array.from(tables.values(), ({ spec }) => spec);
    const installation = this.firewall.prepare(specs, true);
    while (!installation.proceed()) yield;
    yield;
    installation.commit();
    for (const [key, table] of tables) this.tables.set(key, table.settled());
  }
}
