// What the kernel's log says of packets that the tracker does not take, or lets through without believing them: nf_conntrack_log_invalid,
// 255 for all protocols or the number of one. People know these texts and search for them, so they are the kernel's; our own reasons, which
// everything else shows, are in Packet.reason. Source: nf_l4proto_log_invalid() and its callers; each was seen in the log of a 6.18 kernel
// (test/kernel/log-invalid.test.ts). Texts with numbers in them stand where the numbers are, in l4/.

/** By our reason. */
export const COMPLAINTS: Readonly<Record<string, string>> = {
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

export const ALL_PROTOCOLS = 255;
