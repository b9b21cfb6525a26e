// A table on its own, without a firewall around it.

import { Counts } from '../../engine/install/counters.ts';
import { plan } from '../../engine/install/plan.ts';
import { type Extensions, SharedState } from '../../engine/install/rule.ts';
import { commit, type Table } from '../../engine/install/table.ts';
import type { TableSpec } from '../../grammar/rule-spec.ts';

/** Compiles `spec` in place of `earlier`, which goes on working up to the commit: `between`. The extensions get no services. */
export function build(spec: TableSpec, extensions: Extensions, earlier?: Table, between = (): void => {}): Table {
  const context = earlier?.context ?? {
    table: spec.name,
    extensions,
    services: undefined as never,
    shared: new SharedState(),
    counts: new Counts(),
  };
  const planned = plan(spec, context, earlier);
  between();
  return commit(planned);
}
