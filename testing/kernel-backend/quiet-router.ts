// Settings of a namespace that is to send nothing but what packets and rules make it send.

/** Written before the devices exist: a new device copies `default`. Nothing but the packets of the test is to be on the wire. */
export const EARLY: Readonly<Record<string, string | number>> = {
  'net.ipv6.conf.default.accept_dad': 0,
  'net.ipv6.conf.default.dad_transmits': 0,
  'net.ipv6.conf.default.router_solicitations': 0,
  'net.ipv6.conf.default.accept_ra': 0,
  'net.ipv6.conf.default.autoconf': 0,
  'net.ipv6.conf.default.addr_gen_mode': 1,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
  'net.ipv4.icmp_ratelimit': 0,
  'net.ipv4.icmp_msgs_per_sec': 1_000_000,
  'net.ipv4.icmp_msgs_burst': 100_000,
  'net.ipv6.icmp.ratelimit': 0,
  'net.ipv6.icmp.ratemask': '',
};

/** Written once the devices have lost IFF_MULTICAST, or they would join groups and say so. */
export const LATE: Readonly<Record<string, string | number>> = {
  'net.ipv4.ip_forward': 1,
  'net.ipv6.conf.all.forwarding': 1,
};
