// TRACE: log lines of a traced packet, one for each rule that it matches, as the kernel writes them.
// Source: net/ipv4/netfilter/ip_tables.c trace_packet(), get_chainname_rulenum()

import type { ChainSpec } from '../../grammar/rule-spec.ts';
import type { Packet } from '../../packet/packet.ts';
import { endsEveryWalk } from '../edit/chain-facts.ts';
import { logLine, NF_LOG_IPOPT, NF_LOG_TCPOPT, NF_LOG_TCPSEQ, NF_LOG_UID } from '../log-line.ts';
import type { Observer, Stopped } from '../reference.ts';
import type { LogRecord } from '../services.ts';
import type { Verdict } from '../verdict.ts';

const FLAGS = NF_LOG_TCPSEQ | NF_LOG_TCPOPT | NF_LOG_IPOPT | NF_LOG_UID;
const LOG_WARNING = 4;

/** For the walk of one table. What else watches the walk is told by way of it. */
export class TraceLog implements Observer {
  private readonly table: string;
  private readonly log: (record: LogRecord) => void;
  private readonly next: Observer | undefined;

  constructor(table: string, log: (record: LogRecord) => void, next: Observer | undefined) {
    this.table = table;
    this.log = log;
    this.next = next;
  }

  rule(chain: ChainSpec, index: number, stopped: Stopped, pkt: Packet): void {
    this.next?.rule?.(chain, index, stopped, pkt);
    if (stopped !== undefined) return;
    // To the kernel a verdict without a condition looks like the end of a chain.
    if (endsEveryWalk(chain.rules[index])) this.line(chain, endOf(chain), index, pkt);
    else this.line(chain, 'rule', index, pkt);
  }

  verdict(chain: ChainSpec, index: number, verdict: Verdict | undefined, pkt: Packet): void {
    this.next?.verdict?.(chain, index, verdict, pkt);
  }

  end(chain: ChainSpec, pkt: Packet): void {
    this.next?.end?.(chain, pkt);
    if (!chain.builtin) this.line(chain, endOf(chain), chain.rules.length, pkt);
  }

  policy(chain: ChainSpec, pkt: Packet): void {
    this.next?.policy?.(chain, pkt);
    this.line(chain, endOf(chain), chain.rules.length, pkt);
  }

  private line(chain: ChainSpec, what: string, index: number, pkt: Packet): void {
    if (!pkt.traced) return;
    const prefix = `TRACE: ${this.table}:${chain.name}:${what}:${index + 1} `;
    this.log({ now: pkt.now, level: LOG_WARNING, text: logLine(pkt, prefix, FLAGS), trace: true });
  }
}

const endOf = (chain: ChainSpec): 'policy' | 'return' => (chain.builtin ? 'policy' : 'return');
