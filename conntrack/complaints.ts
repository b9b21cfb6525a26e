// What the kernel's log says of packets that the tracker does not take, or lets through without believing them: nf_conntrack_log_invalid,
// 255 for all protocols or the number of one. People know these texts and search for them, so they are the kernel's; our own reasons, which
// everything else shows, are in Packet.reason. Source: nf_l4proto_log_invalid() and its callers; each was seen in the log of a 6.18 kernel
// (test/kernel/log-invalid.test.ts). Texts with numbers in them stand where the numbers are, in l4/.

import type { Packet } from '../packet/packet.ts';
import type { Knobs } from './knobs.ts';

/** By our reason. */
const COMPLAINTS: Readonly<Record<string, string>> = {
  'TCP data offset malformed': 'truncated packet',
  'TCP checksum wrong': 'bad checksum',
  'TCP flags that do not go together': 'invalid tcp flag combination',
  'TCP connection does not start like this': 'invalid new',
  'TCP reset before the last acknowledgment': 'invalid rst',
  'UDP header cut short': 'short packet',
  'UDP length malformed': 'truncated/malformed packet',
  'UDP checksum wrong': 'bad checksum',
  'UDP-Lite header cut short': 'short packet',
  'UDP-Lite coverage malformed': 'invalid checksum coverage',
  'UDP-Lite checksum missing': 'checksum missing',
  'UDP-Lite checksum wrong': 'bad checksum',
  'ICMP header cut short': 'short packet',
  'ICMP checksum wrong': 'bad hw icmp checksum',
  'ICMP type unknown': 'invalid icmp type',
  'ICMPv6 header cut short': 'short packet',
  'ICMPv6 checksum wrong': 'ICMPv6 checksum failed',
  'redirect cut short': 'short redirect',
  'redirect not from the link': 'invalid saddr or hoplimit for redirect',
  'SCTP header cut short': 'nf_ct_sctp: short packet ',
  'SCTP checksum wrong': 'nf_ct_sctp: bad CRC ',
};

const ALL_PROTOCOLS = 255;

export type ComplaintListener = (pkt: Packet, text: string) => void;

export class Complaints {
  /** Nobody, before somebody says so. */
  listener: ComplaintListener | undefined = undefined;
  private readonly knobs: Knobs;

  constructor(knobs: Knobs) {
    this.knobs = knobs;
  }

  /** Whether anybody may want to hear: building a text costs. */
  get wanted(): boolean {
    return this.knobs.logInvalid !== 0;
  }

  /** What is to be said does not depend on more than the reason. */
  tell(pkt: Packet): void {
    if (!this.wanted) return;
    const text = COMPLAINTS[pkt.reason];
    if (text !== undefined) this.say(pkt, pkt.protocol, text);
  }

  /** nf_l4proto_log_invalid() */
  say(pkt: Packet, protocol: number, text: string): void {
    const { logInvalid } = this.knobs;
    if (logInvalid === ALL_PROTOCOLS || logInvalid === protocol)
      this.listener?.(pkt, `nf_ct_proto_${protocol}: ${text}`);
  }
}
