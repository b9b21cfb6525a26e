// Multicast listener discovery inside ICMPv6: version 1 RFC 2710, version 2 RFC 3810. Once fits() is true, the fixed fields do not read out of bounds.
//   v1 query, report, done: | type code checksum | maximumDelay(2) reserved(2) | group(16) |
//   v2 query:               | ... the same ... | S QRV QQIC sources(2) | source addresses ... |
//   v2 report (143):        | type code checksum | reserved(2) records(2) | records ... |
//   record: | type | auxiliary length, 4 octets each | sources(2) | group(16) | source addresses ... | auxiliary data ... |

import { u16 } from './bytes.ts';
import { ICMPV6_MGM_QUERY, ICMPV6_MGM_REDUCTION, ICMPV6_MLD2_REPORT } from './icmpv6.ts';

export const LENGTH = 24; // octets of version 1
export const V2_QUERY_LENGTH = 28;
export const REPORT_LENGTH = 8;
export const RECORD_LENGTH = 20;

export const isListenerDiscovery = (type: number): boolean =>
  (type >= ICMPV6_MGM_QUERY && type <= ICMPV6_MGM_REDUCTION) || type === ICMPV6_MLD2_REPORT;

export const fits = (bytes: Uint8Array, at: number, end: number): boolean =>
  at + 8 <= end && isListenerDiscovery(bytes[at]) && (bytes[at] === ICMPV6_MLD2_REPORT || at + LENGTH <= end);

/** RFC 3810 8.1: a query of 24 octets is version 1, of 28 or more version 2, anything between is discarded (0). */
export function queryVersion(length: number): 0 | 1 | 2 {
  if (length === LENGTH) return 1;
  return length >= V2_QUERY_LENGTH ? 2 : 0;
}

/** Milliseconds in version 1; a floating code above 32,767 in version 2 (RFC 3810 5.1.3). */
export const maximumDelay = (bytes: Uint8Array, at: number): number => u16(bytes, at + 4);
/** The multicast address; :: in a general query. */
export const GROUP_AT = 8;
/** Of a version 2 query. */
export const querySources = (bytes: Uint8Array, at: number): number => u16(bytes, at + 26);

export const records = (bytes: Uint8Array, at: number): number => u16(bytes, at + 6);
export const recordType = (bytes: Uint8Array, record: number): number => bytes[record];
export const recordSources = (bytes: Uint8Array, record: number): number => u16(bytes, record + 2);
export const RECORD_GROUP_AT = 4;
export const recordLength = (bytes: Uint8Array, record: number): number =>
  RECORD_LENGTH + 16 * recordSources(bytes, record) + 4 * bytes[record + 1];

// RFC 3810 5.2.12
export const MODE_IS_INCLUDE = 1;
export const MODE_IS_EXCLUDE = 2;
export const CHANGE_TO_INCLUDE = 3;
export const CHANGE_TO_EXCLUDE = 4;
export const ALLOW_NEW_SOURCES = 5;
export const BLOCK_OLD_SOURCES = 6;

/** The first record of a version 2 report that is wholly there, or -1. The number of records is the caller's to count. */
export const firstRecord = (bytes: Uint8Array, at: number, end: number): number =>
  recordAt(bytes, at + REPORT_LENGTH, end);

export const nextRecord = (bytes: Uint8Array, record: number, end: number): number =>
  recordAt(bytes, record + recordLength(bytes, record), end);

const recordAt = (bytes: Uint8Array, here: number, end: number): number =>
  here + RECORD_LENGTH <= end && here + recordLength(bytes, here) <= end ? here : -1;
