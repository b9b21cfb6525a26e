// SEKISHO_BACKEND=kernel: everything that a test does to its firewall is done to a real kernel as well, in a namespace of its own, and what
// comes out is compared packet by packet; counters and connections whenever a test looks at them, and at its end. Ours goes first: it is
// what the test asks about. Where the kernel does something else, the test fails with both walks.

import { splitWords } from '../../grammar/words.ts';
import { fromHex, toHex } from '../../packet/bytes.ts';
import { describeBytes } from '../../packet/describe.ts';
import type { TestFirewall } from '../firewall.ts';
import type { Outcome } from '../outcome.ts';
import { parseSaveCounters } from '../save-counters.ts';
import type { Counted } from '../scenario/scenario-format.ts';
import { setsText } from '../set-source.ts';
import type { FirewallSetup, SendOptions } from '../setup.ts';
import { compareCounters, compareCt, compareLog, compareOut, InputFields } from './compare.ts';
import { type KernelPacket, KernelRouter } from './kernel-router.ts';
import { checkMachine } from './programs.ts';
import { hurried } from './time.ts';
import { KernelDifference, NotOnKernel } from './unavailable.ts';

/** 'kernel' where the environment says so. Throws for a name that is none. */
export function backendWanted(): 'memory' | 'kernel' {
  const wanted = process.env.SEKISHO_BACKEND ?? '';
  if (wanted === '' || wanted === 'memory') return 'memory';
  if (wanted === 'kernel') return 'kernel';
  throw new Error(`SEKISHO_BACKEND=${wanted}: memory or kernel`);
}

type Op =
  | { readonly kind: 'packet'; readonly device: string; readonly octets: Uint8Array }
  | { readonly kind: 'age'; readonly sleepMs: number; readonly seconds: number }
  | { readonly kind: 'sysctl'; readonly name: string; readonly value: string | number }
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  | { readonly kind: 'restore'; readonly family: 4 | 6; readonly text: string };

export class KernelMirror {
  private readonly fw: TestFirewall;
  private router: KernelRouter;
  private history: Op[] = [];
  private readonly logs: boolean;
  /** Something was not the same: until the next reset everything behind it may differ, too. */
  private differs = false;

  constructor(fw: TestFirewall) {
    this.fw = fw;
    checkSetup(fw.setup);
    checkMachine();
    const texts = [4, 6].map((family) => fw.saved(family as 4 | 6)).join('');
    this.logs = / -j (LOG|TRACE)\b/.test(texts);
    this.router = this.start();
  }

  private start(): KernelRouter {
    const { fw } = this;
    if (fw.mode.kind === 'bridge') throw new NotOnKernel('the kernel backend is a router: it has no bridge');
    const router = new KernelRouter(fw.mode.topology);
    this.history = [];
    this.differs = false;
    const sets = setsText(fw.setup.sets);
    const ops: Op[] = [
      ...(sets === '' ? [] : [{ kind: 'command' as const, argv: ['ipset', 'restore'] }]),
      ...([4, 6] as const).map((family): Op => ({ kind: 'restore', family, text: fw.saved(family) })),
      ...Object.entries(fw.setup.sysctls ?? {}).map(([name, value]): Op => ({ kind: 'sysctl', name, value })),
    ];
    for (const op of ops) this.apply(router, op);
    this.history = ops;
    return router;
  }

  private apply(router: KernelRouter, op: Op): KernelPacket[] {
    switch (op.kind) {
      case 'packet':
        return op.device === '' ? router.sendLocal(op.octets) : router.inject(op.device, op.octets);
      case 'age':
        router.sleep(op.sleepMs);
        router.age(op.seconds);
        return router.drain();
      case 'sysctl':
        router.setSysctl(op.name, op.value);
        return [];
      case 'restore':
        router.restore(op.family, op.text);
        return [];
      case 'command': {
        const input = op.argv[1] === 'restore' ? setsText(this.fw.setup.sets) : '';
        const { status, stderr } = router.command(op.argv, input);
        if (status !== 0) throw new KernelDifference(`the kernel refuses ${op.argv.join(' ')}: ${stderr.trim()}`);
        return [];
      }
    }
  }

  private did(op: Op): KernelPacket[] {
    this.history.push(op);
    return this.apply(this.router, op);
  }

  // --- What a test does -------------------------------------------------------------------------------------------------

  /** Throws KernelDifference. */
  sent(outcome: Outcome, { mark, owner, mac, linkHeader }: SendOptions): void {
    if (mark !== undefined) throw new NotOnKernel('a mark cannot be put on a packet from outside the kernel');
    if (owner !== undefined) throw new NotOnKernel('packets of the router are root’s on the kernel');
    if (mac !== undefined || linkHeader !== undefined) throw new NotOnKernel('TUN devices have no MAC addresses');
    if (this.differs) return;
    const { device, octets, trace } = outcome.observed;
    if (this.logs) this.router.listen();
    const kernel = this.did({ kind: 'packet', device, octets });
    const printed = this.router.logged().filter(({ msg }) => !msg.startsWith('TRACE: '));
    // Others wait for the log of the machine.
    this.router.unlisten();
    const names = this.fw.devices;
    const ours = trace.steps.flatMap((step) =>
      step.kind === 'sent' && names.includes(step.device) ? [{ out: step.device, hex: toHex(step.octets) }] : [],
    );
    const seen = InputFields.of(toHex(octets));
    const differences = names.flatMap((name) => compareOut(name, kernel, ours, seen));
    if (this.logs) {
      const log = trace.steps.flatMap((step) =>
        step.kind === 'log' ? [{ level: step.record.level, msg: step.record.text }] : [],
      );
      differences.push(...compareLog({ log: printed }, { log: log.filter(({ msg }) => msg !== '') }, seen));
    }
    if (differences.length === 0) return;
    this.differs = true;
    throw new KernelDifference(this.explain(outcome, differences, kernel));
  }

  /** Throws NotOnKernel for time that cannot be hurried. */
  advanced(ms: number): void {
    const rules = [4, 6].flatMap((family) => this.fw.saved(family as 4 | 6).split('\n'));
    const sleepMs = hurried(ms, rules);
    this.did({ kind: 'age', sleepMs, seconds: Math.max(0, ms - sleepMs) / 1_000 });
  }

  setSysctl(name: string, value: string | number): void {
    this.did({ kind: 'sysctl', name, value });
  }

  command(program: string, words: string): void {
    const name = program === 'ipset' ? program : `${program}-legacy`;
    const words0 = splitWords(words, 0, words.length).map(({ text }) => text);
    this.did({ kind: 'command', argv: [name, ...words0] });
  }

  loaded(family: 4 | 6, text: string): void {
    this.did({ kind: 'restore', family, text });
  }

  /** Counters and connections: throws KernelDifference where they are not the same. */
  check(): void {
    const { fw, router } = this;
    if (this.differs) return;
    const differences = ([4, 6] as const).flatMap((family) => {
      const ours = fw.saved(family, true);
      if (ours === '') return [];
      return compareCounters(`v${family}`, countersOf(router.save(family)), countersOf(ours));
    });
    const connections = fw.connections.map((entry) => ({ ...entry }));
    differences.push(...compareCt(router.connections(), connections));
    if (differences.length === 0) return;
    this.differs = true;
    const list = differences.map((line) => `  ${line}\n`).join('');
    throw new KernelDifference(`the kernel counted or tracked something else:\n${list}`);
  }

  /** As at the beginning; what was until now is compared first. */
  reset(): void {
    this.router.close();
    this.router = this.start();
  }

  // --- Both walks ---------------------------------------------------------------------------------------------------------

  private explain(outcome: Outcome, differences: readonly string[], kernel: readonly KernelPacket[]): string {
    const list = differences.map((line) => `  ${line}\n`).join('');
    return `the kernel does something else with this packet:\n${list}\nhere:\n${outcome.walk}\nin the kernel:\n${this.kernelWalk(kernel)}`;
  }

  /** The same once more in a new namespace, with the last packet traced. */
  private kernelWalk(kernel: readonly KernelPacket[]): string {
    const left = kernel.map(
      ({ out, hex }) => `  leaves by ${out}: ${describeBytes(fromHex(hex) ?? new Uint8Array(0))}\n`,
    );
    const rest = left.length > 0 ? left.join('') : '  nothing comes out\n';
    if (this.fw.mode.kind === 'bridge') return rest;
    const before = this.history.slice(0, -1);
    const last = this.history[this.history.length - 1];
    const router = new KernelRouter(this.fw.mode.topology);
    try {
      for (const op of before) this.apply(router, op);
      for (const program of ['iptables-legacy', 'ip6tables-legacy']) {
        for (const chain of ['PREROUTING', 'OUTPUT']) {
          router.command([program, '-t', 'raw', '-I', chain, '-j', 'TRACE']);
        }
      }
      for (const [family, logger] of Object.entries({ 2: 'nf_log_ipv4', 10: 'nf_log_ipv6' })) {
        router.setSysctl(`net.netfilter.nf_log.${family}`, logger);
      }
      router.listen();
      this.apply(router, last);
      return `${router
        .logged()
        .map(({ msg }) => traceLine(msg))
        .join('')}${rest}`;
    } catch (error) {
      return `${rest}  (its walk cannot be shown: ${(error as Error).message})\n`;
    } finally {
      router.close();
    }
  }
}

/** Tables in the order of their names: each tool has its own. */
const countersOf = (text: string): Counted[] =>
  parseSaveCounters(text).sort((a, b) => (a.table < b.table ? -1 : a.table > b.table ? 1 : 0));

/** "TRACE: filter:FORWARD:rule:2 IN=..." as `  filter FORWARD rule 2`; our own rule in front of raw does not count. */
function traceLine(msg: string): string {
  const [, table, chain, kind, number] = /^TRACE: (\w+):(\S+):(rule|return|policy):(\d+)/.exec(msg) ?? [];
  if (table === undefined) return `  logs: ${msg}\n`;
  const shifted =
    table === 'raw' && (chain === 'PREROUTING' || chain === 'OUTPUT') ? Number(number) - 1 : Number(number);
  if (kind === 'policy') return `  ${table} ${chain} policy\n`;
  return kind === 'return' ? `  ${table} ${chain} returns\n` : `  ${table} ${chain} rule ${shifted}\n`;
}

function checkSetup({ extensions, date }: FirewallSetup): void {
  if (extensions !== undefined) throw new NotOnKernel('the kernel does not know extensions of your own');
  if (date !== undefined) throw new NotOnKernel('the kernel has the time of day of its machine, not that of `date`');
}
