// Loading in process: a save file through parse, check, compile, classifier and swap, beside iptables-legacy-restore and `nft -f` of the same
// rules; one edit of a table of that size, beside ip6tables-legacy -A; memory a rule; the longest step, for which packets would wait. What a
// daemon makes of it, with files and traffic, is in reload.ts.
//
//   node test/bench/run.mjs load [--shapes acl,kube] [--counts 5000,100000] [--runs 5]
//
// "cold" is the first load of a fresh process, nothing of it compiled; "warm" the median of later ones. Steps are the thread's processor time, of
// which the kernel tells no less than a tick (4 ms) here. "tool" is our own ip6tables-restore on stored rules without a daemon, as a whole process
// with the start of Node and what is synced to the disk, over rules of the same number. The real tools are whole processes in a network namespace of their own; an empty
// one is taken off.

import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { helpers } from '../../conntrack/helpers/index.ts';
import { restore } from '../../engine/edit/restore.ts';
import { apply, Ruleset } from '../../engine/edit/ruleset.ts';
import { Firewall } from '../../engine/firewall.ts';
import { Registry } from '../../engine/registry.ts';
import { parseCommand } from '../../grammar/parse-rule.ts';
import { matches } from '../../matches/index.ts';
import { targets } from '../../targets/index.ts';
import { keep, median, spread } from './results.ts';
import { type Shape, saveText } from './rulesets.ts';
import { translated } from './translated.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shapes: { type: 'string', default: 'acl,fw,kube,blocklist' },
    counts: { type: 'string', default: '5000,10000,50000,100000' },
    runs: { type: 'string', default: '5' },
  },
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface Loaded {
  total: number;
  /** The longest step of check, compile and classifier, or the swap: packets pass between them. */
  step: number;
}

const schedule = openSync('/proc/thread-self/schedstat', 'r');
const digits = Buffer.alloc(64);

/** Milliseconds of the processor that this thread took. */
const threadMs = (): number =>
  Number(digits.toString('latin1', 0, readSync(schedule, digits, 0, 64, 0)).split(' ')[0]) / 1e6;

/** A firewall that rules are loaded into again and again, as a daemon has it. */
class Loader {
  private readonly registry = new Registry({ matches, targets, helpers });
  private readonly firewall = new Firewall({
    mode: { kind: 'bridge', ports: ['tunA', 'tunB'] },
    registry: this.registry,
    random: () => 1,
    transmit: () => {},
  });
  private step = 0;
  private readonly ruleset = new Ruleset(6, {
    lookup: this.registry,
    counters: this.firewall.counterStore(6),
    install: (table) => {
      const installation = this.firewall.prepare([table]);
      this.step = 0;
      while (!this.timed(() => installation.proceed()));
      this.timed(() => installation.commit());
    },
  });

  private timed<T>(act: () => T): T {
    const before = threadMs();
    const result = act();
    this.step = Math.max(this.step, threadMs() - before);
    return result;
  }

  load(text: string): Loaded {
    const start = performance.now();
    const { diagnostics } = restore(text, this.ruleset, { program: 'ip6tables-restore' });
    if (diagnostics.length > 0) throw new Error(diagnostics[0].first);
    return { total: performance.now() - start, step: this.step };
  }

  /** Milliseconds of one command. */
  edit(line: string, table: string): number {
    const start = performance.now();
    const draft = this.ruleset.open(table)!;
    apply(parseCommand(line, { family: 6, lookup: this.registry, table }), draft, this.ruleset.printing);
    this.ruleset.commit(draft);
    return performance.now() - start;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'sekisho-load-'));

/** Milliseconds of a program in a namespace of its own; undefined where it cannot be run. */
function elapsed(script: string, ...files: string[]): number | undefined {
  const start = performance.now();
  const { status } = spawnSync('unshare', ['-n', 'sh', '-c', script, 'sh', ...files], { stdio: 'ignore' });
  return status === 0 ? performance.now() - start : undefined;
}

const medianOf = (runs: number, measure: () => number | undefined): number | undefined => {
  const all = Array.from({ length: runs }, measure).filter((one) => one !== undefined);
  return all.length > 0 ? median(all) : undefined;
};

const PROGRAM = join(process.env.SEKISHO_ROOT ?? '.', 'dist/bin/sekisho.cjs');

/** Milliseconds of our tool; undefined where it is not built. */
function toolMs(save: string): number | undefined {
  if (!existsSync(PROGRAM)) return undefined;
  const env = { ...process.env, SEKISHO_STATE_DIR: `${save}.state` };
  const start = performance.now();
  const { status } = spawnSync(process.execPath, [PROGRAM, 'ip6tables-restore', save], { env, stdio: 'ignore' });
  return status === 0 ? performance.now() - start : undefined;
}

/** What a script takes beyond `before`. */
function beyond(runs: number, before: string, script: string, ...files: string[]): number | undefined {
  const base = medianOf(runs, () => elapsed(before, ...files));
  const all = medianOf(runs, () => elapsed(`${before}; ${script}`, ...files));
  return base !== undefined && all !== undefined ? all - base : undefined;
}

/** A file of the same rules for nft. Its translator knows no DNAT of ip6tables' nat table in some versions: then there is none. */
function nftFile(file: string, text: string): string | undefined {
  try {
    writeFileSync(file, translated(text));
    return file;
  } catch {
    return undefined;
  }
}

const EDITS = 10;

function measure(shape: Shape, count: number) {
  const text = saveText(shape, 6, count);
  const rules = text.match(/^-A/gm)!.length;
  const save = join(folder, `${shape}-${count}.save`);
  writeFileSync(save, text);
  const runs = count > 20_000 ? 3 : Number(values.runs);
  const cold = spawnSync(process.execPath, [process.argv[1], 'once', save], { encoding: 'utf8' });
  const first = JSON.parse(cold.stdout) as Loaded & { octets: number };
  const loader = new Loader();
  for (let run = 0; run < 3; run++) loader.load(text);
  const warm = Array.from({ length: runs }, () => loader.load(text));
  const [table, chain] = shape === 'kube' ? ['nat', 'KUBE-SERVICES'] : ['filter', 'FORWARD'];
  const edits = Array.from({ length: 30 }, (_, index) => loader.edit(editLine(chain, index), table));
  toolMs(save);
  const nft = nftFile(`${save}.nft`, text);
  const appends = Array.from(
    { length: EDITS },
    (_, index) => `ip6tables-legacy -t ${table} -A ${chain} -s 2001:db8::${index} -j ACCEPT`,
  );
  const restoring = 'ip6tables-legacy-restore < "$1"';
  const legacyEdit = beyond(2, restoring, appends.join(' && '), save);
  return {
    shape,
    rules,
    cold: first.total,
    warm: median(warm.map(({ total }) => total)),
    spread: spread(warm.map(({ total }) => total)),
    step: median(warm.map(({ step }) => step)),
    octetsPerRule: first.octets / rules,
    tool: medianOf(runs, () => toolMs(save)),
    legacy: beyond(runs, ':', restoring, save),
    nft: nft ? beyond(runs, ':', 'nft -f "$1"', nft) : undefined,
    edit: median(edits),
    legacyEdit: legacyEdit === undefined ? undefined : legacyEdit / EDITS,
  };
}

function editLine(chain: string, index: number): string {
  const address = `2001:db8::${(index + 1).toString(16)}`;
  return [
    `-A ${chain} -s ${address} -j ACCEPT`,
    `-I ${chain} 100 -d ${address} -p tcp -m tcp --dport 80 -j ACCEPT`,
    `-D ${chain} 100`,
  ][index % 3];
}

async function once(save: string): Promise<void> {
  const { readFileSync } = await import('node:fs');
  const text = readFileSync(save, 'utf8');
  const loader = new Loader();
  collect();
  const before = process.memoryUsage();
  const loaded = loader.load(text);
  collect();
  const after = process.memoryUsage();
  const octets = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers;
  process.stdout.write(JSON.stringify({ ...loaded, octets }));
  // What is measured must still be there.
  loader.edit('-N kept', 'filter');
}

const cell = (value: number | undefined, width: number, digits = 1): string =>
  (value?.toFixed(digits) ?? '-').padStart(width);

if (positionals[0] === 'once') await once(positionals[1]);
else {
  const rows = [];
  console.log(
    'shape      rules  cold ms  warm ms  spread  longest step  octets/rule  tool ms  legacy ms   nft ms  edit ms  legacy -A',
  );
  try {
    for (const shape of values.shapes.split(',') as Shape[]) {
      for (const count of values.counts.split(',').map(Number)) {
        const row = measure(shape, count);
        rows.push(row);
        console.log(
          `${shape.padEnd(9)}${cell(row.rules, 7, 0)}${cell(row.cold, 9)}${cell(row.warm, 9)}${cell(row.spread, 8, 2)}${cell(row.step, 14)}${cell(row.octetsPerRule, 13, 0)}` +
            `${cell(row.tool, 9)}${cell(row.legacy, 11)}${cell(row.nft, 9)}${cell(row.edit, 9, 2)}${cell(row.legacyEdit, 11)}`,
        );
      }
    }
  } finally {
    closeSync(schedule);
    rmSync(folder, { recursive: true, force: true });
  }
  keep('load', rows);
}
