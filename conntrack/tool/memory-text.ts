// `--memory`: where the octets go, and who fills the table.

import { formatAddress } from '../../packet/address.ts';
import type { Flow } from '../flow.ts';
import type { MemoryReport } from '../memory.ts';
import { IPS_ASSURED, IPS_SEEN_REPLY } from '../status.ts';
import { protocolName, stateName } from '../text/names.ts';
import type { Command } from './command.ts';

/** Sources shown, and counted at most: beyond that those with one connection are forgotten. */
const SHOWN = 10;
const MOST_SOURCES = 100_000;

class Tally {
  readonly counts = new Map<string, number>();

  add(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    if (this.counts.size > MOST_SOURCES) this.thin();
  }

  private thin(): void {
    for (const [name, count] of this.counts) if (count === 1) this.counts.delete(name);
  }

  top(most = Number.POSITIVE_INFINITY): [name: string, count: number][] {
    return [...this.counts].sort(([, one], [, other]) => other - one).slice(0, most);
  }
}

export async function memoryText(
  report: MemoryReport,
  pages: AsyncIterable<Flow[]>,
  { output }: Command,
): Promise<string> {
  const [sources, protocols, states] = [new Tally(), new Tally(), new Tally()];
  for await (const flows of pages) {
    for (const flow of flows) {
      sources.add(formatAddress(flow.orig.src, flow.family));
      protocols.add(`ipv${flow.family} ${nameOf(flow)}`);
      states.add(`${nameOf(flow)} ${stateName(flow) ?? replyOf(flow)}${flow.status & IPS_ASSURED ? ' assured' : ''}`);
    }
  }
  if (output.has('json')) {
    const filledBy = {
      sources: Object.fromEntries(sources.top(SHOWN)),
      protocols: Object.fromEntries(protocols.top()),
      states: Object.fromEntries(states.top()),
    };
    return `${JSON.stringify({ ...report, ...filledBy })}\n`;
  }
  const parts = [
    ...areaLines(report),
    ...tallyLines('by protocol', protocols.top()),
    ...tallyLines('by state', states.top()),
    ...tallyLines('top sources', sources.top(SHOWN)),
  ];
  return parts.map((line) => `${line}\n`).join('');
}

const nameOf = ({ protocol }: Flow): string => {
  const name = protocolName(protocol);
  return name === 'unknown' ? `protocol ${protocol}` : name;
};

const replyOf = ({ status }: Flow): string => (status & IPS_SEEN_REPLY ? 'replied' : 'unreplied');

function areaLines({ connections, room, limit, areas, total }: MemoryReport): string[] {
  const each = (octets: number): string => (connections === 0 ? '-' : (octets / connections).toFixed(1));
  const line = (name: string, octets: number): string =>
    `  ${name.padEnd(34)} ${String(octets).padStart(12)} ${each(octets).padStart(10)}`;
  return [
    `${connections} connections (limit ${limit === 0 ? 'none' : limit}, room for ${room} without growing)`,
    `${'octets reserved'.padEnd(36)} ${'total'.padStart(12)} ${'each'.padStart(10)}`,
    ...Object.entries(areas).map(([name, octets]) => line(name, octets)),
    line('all', total),
  ];
}

function tallyLines(title: string, counts: readonly (readonly [string, number])[]): string[] {
  if (counts.length === 0) return [];
  return [title, ...counts.map(([name, count]) => `  ${String(count).padStart(9)}  ${name}`)];
}
