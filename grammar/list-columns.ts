// -L as columns: the text of each, and how they stand in a line. Needs no extension: what those say is in the columns already. Widths
// are the real tool's, byte for byte.

import type { Counters } from './rule-spec.ts';

export interface ListOptions {
  /** -n */
  readonly numeric: boolean;
  /** -v: counters and devices. */
  readonly verbose: boolean;
  /** -x: counters in full. */
  readonly exact: boolean;
  readonly lineNumbers: boolean;
}

/** One rule's; with an exclamation mark or a blank in front where the real tool puts one. */
export interface RuleColumns {
  readonly target: string;
  readonly protocol: string;
  readonly fragment: string;
  readonly inDevice: string;
  readonly outDevice: string;
  readonly source: string;
  readonly destination: string;
  /** What matches and target say. */
  readonly behind: string;
}

/** What a chain's head tells of it. */
export interface ChainHead {
  readonly name: string;
  /** Undefined for a chain that a person made. */
  readonly policy: string | undefined;
  readonly counters: Counters;
  readonly references: number;
}

export interface ListedChain {
  readonly head: ChainHead;
  readonly rules: readonly { readonly columns: RuleColumns; readonly counters: Counters }[];
}

/** The text of -L: whole chains, or only the rule of that number, from 1. */
export const printListing = (
  chains: readonly ListedChain[],
  number: number | undefined,
  options: ListOptions,
): string =>
  chains
    .map(({ head, rules }) => {
      const rows = rules.map(({ columns, counters }, index) =>
        number === undefined || number === index + 1 ? `${listLine(columns, index + 1, counters, options)}\n` : '',
      );
      return (number === undefined ? listHead(head, options) : '') + rows.join('');
    })
    .join('\n');

/** Counters as -L shows them: above 99,999 in thousands, millions and so on (decimal), unless in full. */
function printCount(count: number, exact: boolean, table: boolean): string {
  const pad = (text: string, width: number): string => (table ? text.padStart(width) : text);
  if (exact) return `${pad(String(count), 8)} `;
  if (count <= 99_999) return `${pad(String(count), 5)} `;
  let scaled = count;
  for (const unit of 'KMG') {
    scaled = Math.floor((scaled + 500) / 1000);
    if (scaled <= 9999) return `${pad(String(scaled), 4)}${unit} `;
  }
  return `${pad(String(Math.floor((scaled + 500) / 1000)), 4)}T `;
}

/** `Chain INPUT (policy DROP 3 packets, 180 bytes)`, `Chain web (2 references)`, and the column heads, with newlines. */
function listHead({ name, policy, counters, references }: ChainHead, options: ListOptions): string {
  const { verbose, exact } = options;
  const counts = verbose
    ? ` ${printCount(counters.packets, exact, false)}packets, ${printCount(counters.bytes, exact, false)}bytes`
    : '';
  const about = policy === undefined ? `${references} references` : `policy ${policy}${counts}`;
  let heads = options.lineNumbers ? 'num  ' : '';
  if (verbose) heads += exact ? `${'pkts'.padStart(8)} ${'bytes'.padStart(10)} ` : `${'pkts'.padStart(5)} bytes `;
  heads += 'target     prot opt';
  if (verbose) heads += ' in     out   ';
  heads += `${verbose ? ' ' : ''} ${'source'.padEnd(19)}  ${'destination'.padEnd(19)} `;
  return `Chain ${name} (${about})\n${heads}\n`;
}

/** One rule of -L, without newline. */
export function listLine(columns: RuleColumns, number: number, counters: Counters, options: ListOptions): string {
  const { verbose, exact } = options;
  let line = options.lineNumbers ? `${String(number).padEnd(4)} ` : '';
  if (verbose) line += printCount(counters.packets, exact, true) + printCount(counters.bytes, exact, true);
  line += `${columns.target.padEnd(9)} ${columns.protocol.padEnd(5)} ${columns.fragment} `;
  if (verbose) line += ` ${columns.inDevice.padEnd(6)} ${columns.outDevice.padEnd(6)} `;
  return `${line}${columns.source.padEnd(20)} ${columns.destination.padEnd(20)} ${columns.behind}`;
}
