// What SYNPROXY has met, as the kernel's /proc/net/stat/synproxy counts it. net/netfilter/nf_synproxy_core.c synproxy_cpu_seq_show()

import { ProcFile } from '../proc-file.ts';

const HEADER = 'entries\t\tsyn_received\tcookie_invalid\tcookie_valid\tcookie_retrans\tconn_reopened\n';

export class SynProxyStatistics extends ProcFile {
  readonly path = 'stat/synproxy';
  synReceived = 0;
  cookieInvalid = 0;
  cookieValid = 0;
  /** Clients that asked again before their server had answered. */
  cookieRetrans = 0;
  /** Connections whose client opened them again. */
  connReopened = 0;

  /** The kernel has a line for each processor, and keeps no entries. */
  read(): string {
    const { synReceived, cookieInvalid, cookieValid, cookieRetrans, connReopened } = this;
    const counts = [0, synReceived, cookieInvalid, cookieValid, cookieRetrans, connReopened];
    return `${HEADER}${counts.map((count) => (count >>> 0).toString(16).padStart(8, '0')).join('\t')}\n`;
  }
}
