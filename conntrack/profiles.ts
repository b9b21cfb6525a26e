// Profiles: settings that go together, chosen by one word. `kernel` is what there is without one.
//
// The kernel's timeouts are shorter than what the standards for filters and translators ask for: an entry that ends while its hosts still talk
// breaks what they do. `rfc6092` has the values of RFC 6092 (IPv6 filters at homes), and of RFC 4787, 5382, 5508, 7857 and 5597 (IPv4
// translators), whichever is longer. docs/standards.md says which requirement is met by what.

const NF = 'net.netfilter.nf_conntrack_';

/** Seconds. */
const MINUTE = 60;
/** RFC 6092 REC-35 and 40, RFC 5382 REQ-5: an established connection may be silent for that long. Four minutes more than a keep-alive. */
const TWO_HOURS_FOUR = 7_440;
/** The same: one that opens or closes. */
const TRANSITORY = 4 * MINUTE;
/** RFC 6092 REC-12 and REC-14, RFC 4787 REQ-5: what they want where nothing is said; two minutes are the least. */
const IDLE = 5 * MINUTE;

const RFC6092: Readonly<Record<string, number>> = {
  [`${NF}udp_timeout`]: IDLE,
  [`${NF}udp_timeout_stream`]: IDLE,
  [`${NF}generic_timeout`]: IDLE,
  [`${NF}gre_timeout`]: IDLE,
  [`${NF}gre_timeout_stream`]: IDLE,
  // RFC 5508 REQ-2: 60 s
  [`${NF}icmp_timeout`]: MINUTE,
  [`${NF}icmpv6_timeout`]: MINUTE,
  [`${NF}tcp_timeout_syn_sent`]: TRANSITORY,
  'sekisho.conntrack_tcp_timeout_syn_sent2': TRANSITORY,
  [`${NF}tcp_timeout_syn_recv`]: TRANSITORY,
  [`${NF}tcp_timeout_fin_wait`]: TRANSITORY,
  [`${NF}tcp_timeout_close_wait`]: TRANSITORY,
  [`${NF}tcp_timeout_last_ack`]: TRANSITORY,
  [`${NF}tcp_timeout_time_wait`]: TRANSITORY,
  // RFC 7857 2.2: a reset may be forged; the entry stays for four minutes.
  [`${NF}tcp_timeout_close`]: TRANSITORY,
  // These cut the time of established connections: not below what such a connection may be silent.
  [`${NF}tcp_timeout_max_retrans`]: TWO_HOURS_FOUR,
  [`${NF}tcp_timeout_unacknowledged`]: TWO_HOURS_FOUR,
  [`${NF}sctp_timeout_closed`]: TRANSITORY,
  [`${NF}sctp_timeout_cookie_wait`]: TRANSITORY,
  [`${NF}sctp_timeout_cookie_echoed`]: TRANSITORY,
  [`${NF}sctp_timeout_established`]: TWO_HOURS_FOUR,
  [`${NF}sctp_timeout_shutdown_sent`]: TRANSITORY,
  [`${NF}sctp_timeout_shutdown_recd`]: TRANSITORY,
  [`${NF}sctp_timeout_shutdown_ack_sent`]: TRANSITORY,
  [`${NF}sctp_timeout_heartbeat_sent`]: TRANSITORY,
  // RFC 6092 REC-44: open ones as TCP's at the least (the kernel's twelve hours are more), the others eight minutes.
  'sekisho.conntrack_dccp': 1,
  [`${NF}dccp_timeout_request`]: 8 * MINUTE,
  [`${NF}dccp_timeout_respond`]: 8 * MINUTE,
  [`${NF}dccp_timeout_partopen`]: 8 * MINUTE,
  [`${NF}dccp_timeout_open`]: 12 * 60 * MINUTE,
  [`${NF}dccp_timeout_closereq`]: 8 * MINUTE,
  [`${NF}dccp_timeout_closing`]: 8 * MINUTE,
  [`${NF}dccp_timeout_timewait`]: 8 * MINUTE,
};

/** Settings by the name of the profile. */
export const PROFILES: Readonly<Record<string, Readonly<Record<string, number>>>> = { kernel: {}, rfc6092: RFC6092 };
