// The programs that steps of a scenario call, in memory: ipset and nfacct on the firewall's own, the iptables programs on its rules, conntrack on its
// connections. What they print is the kernel's programs' business and compared elsewhere; exit codes are the same.

import { ConntrackService } from '../../conntrack/service.ts';
import { runConntrack } from '../../conntrack/tool/run.ts';
import type { ConnectionTracker } from '../../conntrack/tracker.ts';
import { apply } from '../../engine/edit/apply.ts';
import { restore } from '../../engine/edit/restore.ts';
import type { Ruleset } from '../../engine/edit/ruleset.ts';
import { RuleError } from '../../grammar/error.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import type { StepResult } from './scenario-format.ts';

/** Exit code of a table that is none. */
const NO_TABLE = 3;

/** A command line of `iptables` or `ip6tables`. */
export function runIptables(argv: readonly string[], ruleset: Ruleset): StepResult {
  try {
    const { family, printing } = ruleset;
    const isChain = (table: string, name: string): boolean => ruleset.isChain(table, name);
    const command = parseCommand(argv, { family, ...printing, isChain });
    const draft = ruleset.open(command.table);
    if (!draft) return { rc: NO_TABLE, stdout: '', stderr: `no table ${command.table}` };
    const stdout = apply(command, draft, printing);
    ruleset.commit(draft);
    return { rc: 0, stdout, stderr: '' };
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    return { rc: error.code, stdout: '', stderr: error.message };
  }
}

/** `iptables-restore` and `ip6tables-restore` with -c and -n. */
export function runRestore(program: string, argv: readonly string[], stdin: string, ruleset: Ruleset): StepResult {
  const unknown = argv.find((word) => word !== '-c' && word !== '-n');
  if (unknown !== undefined) throw new Error(`${program} ${unknown}: steps of a scenario have -c and -n`);
  const options = { program, counters: argv.includes('-c'), noflush: argv.includes('-n') };
  const { exitCode, stdout, diagnostics } = restore(stdin, ruleset, options);
  return { rc: exitCode, stdout, stderr: diagnostics[0]?.first ?? '' };
}

/** Its answers come one after the other, so it ends later. */
export async function runConntrackTool(
  argv: readonly string[],
  tracker: ConnectionTracker,
  now: number,
): Promise<StepResult> {
  const service = new ConntrackService(tracker);
  const said = { stdout: '', stderr: '' };
  const rc = await runConntrack(argv, {
    ask: async (request) => service.answer(request, { now, epoch: 0 }),
    async *events() {},
    out(text) {
      said.stdout += text;
    },
    err(text) {
      said.stderr += text;
    },
    names: { protocol: () => undefined, labels: () => undefined },
    clock: () => ({ year: 1970, month: 1, day: 1, weekday: 4, hour: 0, minute: 0, second: 0 }),
    now: () => now,
    file: () => undefined,
    by: 'portid=1 progname=conntrack',
  });
  return { rc, ...said };
}
