// Names for values of the second octet of IPv4 and the traffic class of IPv6, as rules write them.

/** Per-hop behaviours by name: RFC 2474 (CS), 2597 (AF), 3246 (EF); `BE` is best effort. The six DSCP bits, not shifted. */
export const DSCP_CLASSES: Readonly<Record<string, number>> = {
  CS0: 0x00,
  CS1: 0x08,
  CS2: 0x10,
  CS3: 0x18,
  CS4: 0x20,
  CS5: 0x28,
  CS6: 0x30,
  CS7: 0x38,
  BE: 0x00,
  AF11: 0x0a,
  AF12: 0x0c,
  AF13: 0x0e,
  AF21: 0x12,
  AF22: 0x14,
  AF23: 0x16,
  AF31: 0x1a,
  AF32: 0x1c,
  AF33: 0x1e,
  AF41: 0x22,
  AF42: 0x24,
  AF43: 0x26,
  EF: 0x2e,
};

/** Types of service of RFC 1349, over the bits of TOS_MASK. */
export const TOS_NAMES: Readonly<Record<string, number>> = {
  'Minimize-Delay': 0x10,
  'Maximize-Throughput': 0x08,
  'Maximize-Reliability': 0x04,
  'Minimize-Cost': 0x02,
  'Normal-Service': 0x00,
};

/** Bits that a name of TOS_NAMES stands for: all but the precedence. */
export const TOS_MASK = 0x3f;
