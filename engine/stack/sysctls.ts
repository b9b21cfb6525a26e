// What the settings of the router and its host are without anybody's doing. Those of its errors differ from the kernel's: see limiter.ts.

export const STACK_SYSCTLS: Readonly<Record<string, number>> = {
  'net.ipv4.ip_forward': 1,
  'net.ipv4.conf.all.forwarding': 1,
  'net.ipv6.conf.all.forwarding': 1,
  'net.ipv4.ip_early_demux': 1,
  'net.ipv4.tcp_early_demux': 1,
  'net.ipv4.icmp_ratelimit': 0,
  'net.ipv6.icmp.ratelimit': 0,
  // Types 3, 4, 11 and 12.
  'net.ipv4.icmp_ratemask': (1 << 3) | (1 << 4) | (1 << 11) | (1 << 12),
  'net.ipv4.icmp_msgs_per_sec': 0,
  'net.ipv4.icmp_msgs_burst': 50,
  'net.ipv4.icmp_echo_ignore_all': 0,
  'net.ipv4.icmp_echo_ignore_broadcasts': 1,
  'net.ipv6.icmp.echo_ignore_all': 0,
  'net.ipv6.icmp.echo_ignore_multicast': 0,
  'net.ipv6.icmp.echo_ignore_anycast': 0,
};
