// What the kernel takes to decide about the same packets by the same rules: as iptables-legacy has them, and as nft has what the translator
// makes of them. The rules stand in raw's PREROUTING, the first thing that a packet meets, and all of them drop, as the policy does: so
// a figure is the time of a write to a TUN device less that of a write that meets an empty chain.

import { execFileSync } from 'node:child_process';
import type { Family } from '../../packet/numbers.ts';
import type { Packet } from '../../packet/packet.ts';
import { libc } from '../../tun/libc.ts';
import { type LinuxTun, openTun } from '../../tun/linux.ts';
import { enterNewNamespace } from '../../tun/namespace.ts';
import { probe } from '../kernel/support.ts';
import { median, spentNs } from './results.ts';
import { translated } from './translated.ts';

/** Nanoseconds a decision. */
export interface KernelFigures {
  readonly hit: number;
  readonly miss: number;
}

export interface KernelPeers {
  readonly legacy: KernelFigures;
  readonly nft: KernelFigures;
}

const LEAST_NS = 100e6;
const RUNS = 3;

interface Way {
  load(family: Family, save: string): void;
  clear(family: Family): void;
}

const program = (family: Family, name: string): string => (family === 6 ? `ip6tables-${name}` : `iptables-${name}`);
const fed = (input: string, name: string, ...args: string[]): string =>
  execFileSync(name, args, { input, encoding: 'utf8', maxBuffer: 2 ** 30 });

const WAYS: Readonly<Record<keyof KernelPeers, Way>> = {
  legacy: {
    load: (family, save) => fed(save, program(family, 'legacy-restore')),
    clear: (family) => fed(inRaw([], 'ACCEPT'), program(family, 'legacy-restore')),
  },
  nft: {
    load: (family, save) => fed(translated(save, family), 'nft', '-f', '-'),
    clear: () => fed('', 'nft', 'flush', 'ruleset'),
  },
};

const inRaw = (rules: readonly string[], policy: string): string =>
  ['*raw', `:PREROUTING ${policy} [0:0]`, ':OUTPUT ACCEPT [0:0]', ...rules, 'COMMIT', ''].join('\n');

/** The rules of a FORWARD chain, all with the same end. */
const moved = (save: string): string[] =>
  [...save.matchAll(/^-A FORWARD (.*) -j \w+$/gm)].map(([, conditions]) => `-A PREROUTING ${conditions} -j DROP`);

/** One for a process: it moves to a network namespace of its own, and stays there. */
export class KernelDecisions {
  static readonly missing = probe('ip', 'ip6tables-legacy-restore', 'ip6tables-restore-translate', 'nft').missing;
  private readonly device: LinuxTun;

  constructor() {
    enterNewNamespace();
    this.device = openTun({ name: 'tunA', offloads: false });
    execFileSync('ip', ['link', 'set', 'tunA', 'up', 'multicast', 'off']);
  }

  /** `save`: a filter table whose rules all stand in FORWARD. */
  measure(family: Family, save: string, hits: readonly Packet[], misses: readonly Packet[]): KernelPeers {
    const rules = inRaw(moved(save), 'DROP');
    return {
      legacy: this.by(WAYS.legacy, family, rules, hits, misses),
      nft: this.by(WAYS.nft, family, rules, hits, misses),
    };
  }

  private by(
    way: Way,
    family: Family,
    rules: string,
    hits: readonly Packet[],
    misses: readonly Packet[],
  ): KernelFigures {
    way.load(family, inRaw([], 'DROP'));
    const [emptyHit, emptyMiss] = [this.nanoseconds(hits), this.nanoseconds(misses)];
    way.clear(family);
    way.load(family, rules);
    const figures = { hit: this.nanoseconds(hits) - emptyHit, miss: this.nanoseconds(misses) - emptyMiss };
    way.clear(family);
    return figures;
  }

  private nanoseconds(packets: readonly Packet[]): number {
    const { descriptor } = this.device;
    const octets = packets.map((pkt) => pkt.view().slice());
    if (octets.length === 0) return Number.NaN;
    const once = (): number => {
      const start = spentNs();
      let [spent, written] = [0, 0];
      for (; spent < LEAST_NS; spent = spentNs() - start) {
        for (let turn = 0; turn < 256; turn++, written++) {
          const one = octets[written % octets.length];
          libc().write(descriptor, one, one.length);
        }
      }
      return spent / written;
    };
    return median(Array.from({ length: RUNS }, once));
  }

  close(): void {
    this.device.close();
  }
}
