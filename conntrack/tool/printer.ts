// What the tool writes for a connection, by -o.

import type { Flow } from '../flow.ts';
import type { StatisticsAnswer } from '../service.ts';
import { flowJson } from '../text/json.ts';
import type { Clock } from '../text/names.ts';
import { type PlainOptions, plainLine } from '../text/plain.ts';
import { ipConntrackText, procText } from '../text/proc.ts';
import { saveLine } from '../text/save.ts';
import { xmlElement } from '../text/xml.ts';
import type { Command } from './command.ts';
import type { FlowEvent } from './world.ts';

const XML_HEADER = '<?xml version="1.0" encoding="utf-8"?>\n<conntrack>\n';

export class Printer {
  private readonly command: Command;
  private readonly clock: Clock;
  private readonly plain: PlainOptions;
  private headed = false;

  constructor(command: Command, clock: Clock) {
    this.command = command;
    this.clock = clock;
    const { output, labelNames } = command;
    this.plain = {
      extended: output.has('extended'),
      id: output.has('id'),
      ktimestamp: output.has('ktimestamp') ? clock : undefined,
      labels: output.has('labels') ? labelNames : undefined,
    };
  }

  /** With its newline. */
  flow(flow: Flow): string {
    const { output, letter } = this.command;
    if (output.has('json')) return `${JSON.stringify(flowJson(flow, this.command.labelNames))}\n`;
    if (output.has('xml')) return `${letter === 'L' ? this.head() : ''}${xmlElement(flow, this.xml())}\n`;
    if (output.has('save')) return `${saveLine(flow, letter === 'D' ? 'destroy' : 'new')}\n`;
    if (output.has('ip_conntrack')) return lineOrNone(ipConntrackText(flow));
    return `${output.has('proc') ? procText(flow) : plainLine(flow, this.plain)}\n`;
  }

  /** `at`: milliseconds since 1970. */
  event({ flow, type, by }: FlowEvent, at: number): string {
    const { output, labelNames } = this.command;
    if (output.has('json')) return `${JSON.stringify({ event: type, at, ...flowJson(flow, labelNames), by })}\n`;
    const who = by === undefined ? '' : ` [USERSPACE]${by === '' ? '' : ` ${by}`}`;
    const stamp = output.has('timestamp') ? stampOf(at) : '';
    if (output.has('xml')) {
      const when = output.has('timestamp') ? this.clock(at) : undefined;
      return `${this.head()}${xmlElement(flow, { ...this.xml(), when }, type)}${who}\n`;
    }
    if (output.has('save')) return `${saveLine(flow, type)}${who}\n`;
    return `${stamp}${plainLine(flow, this.plain, type)}${who}\n`;
  }

  private xml() {
    return { ktimestamp: this.plain.ktimestamp !== undefined, labels: this.plain.labels };
  }

  private head(): string {
    if (this.headed) return '';
    this.headed = true;
    return XML_HEADER;
  }

  /** What closes the list. */
  end(): string {
    return this.headed ? '</conntrack>\n' : '';
  }

  /** A line as for each of the kernel's processors; here there is one. */
  statistics(counts: StatisticsAnswer, expect: boolean): string {
    const shown = expect
      ? { expect_new: counts.expectNew, expect_create: counts.expectCreate, expect_delete: counts.expectDelete }
      : {
          found: counts.found,
          invalid: counts.invalid,
          insert: counts.insert,
          insert_failed: counts.insertFailed,
          drop: counts.drop,
          early_drop: counts.earlyDrop,
          error: counts.error,
          search_restart: counts.searchRestart,
          clash_resolve: counts.clashResolve,
          chaintoolong: counts.chainTooLong,
        };
    const { output } = this.command;
    if (output.has('json')) return `${JSON.stringify(shown)}\n`;
    if (output.has('proc')) return procStatistics(counts);
    return `cpu=0   \t${Object.entries(shown)
      .map(([name, value]) => `${name}=${value} `)
      .join('')}\n`;
  }
}

const lineOrNone = (text: string | undefined): string => (text === undefined ? '' : `${text}\n`);

const stampOf = (at: number): string => {
  const seconds = String(Math.floor(at / 1_000)).padEnd(8);
  return `[${seconds}.${String(Math.floor((at % 1_000) * 1_000)).padStart(6, '0')}]\t`;
};

/** /proc/net/stat/nf_conntrack. nf_conntrack_standalone.c ct_cpu_seq_show() */
function procStatistics(counts: StatisticsAnswer): string {
  const columns =
    'entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart';
  const { connections, clashResolve, found, invalid, chainTooLong, insert, insertFailed, drop, earlyDrop, error } =
    counts;
  const first = [
    connections,
    clashResolve,
    found,
    0,
    invalid,
    0,
    0,
    chainTooLong,
    insert,
    insertFailed,
    drop,
    earlyDrop,
    error,
  ];
  const last = [counts.expectNew, counts.expectCreate, counts.expectDelete, counts.searchRestart];
  const hex = (values: readonly number[]): string =>
    values.map((value) => (value >>> 0).toString(16).padStart(8, '0')).join(' ');
  return `${columns}\n${hex(first).replace(' ', '  ')}  ${hex(last)}\n`;
}
