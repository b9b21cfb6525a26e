// Reading SDP (RFC 4566), the body of a SIP message that says where media go: the line of a kind. Source: net/netfilter/nf_conntrack_sip.c ct_sdp_*()

import {
  BLANK,
  digits,
  found,
  isLineEnd,
  letters,
  type Measure,
  type Message,
  nextLine,
  readAddress,
  type Sought,
  sameLetters,
} from './sip-text.ts';
import { startsWith } from './text.ts';

/** media_len(): "audio 5000" */
const media: Measure = (call, at, limit) => {
  const length = letters(call, at, limit);
  if (at + length >= limit || call.bytes[at + length] !== BLANK) return 0;
  return length + 1 + digits(call, at + length + 1, limit);
};

/** sdp_addr_len() */
const plainAddress: Measure = (call, at, limit) => {
  const end = readAddress(call, at, limit, false);
  return end < 0 ? 0 : end - at;
};

export type SdpKind = 'version' | 'owner' | 'connection' | 'media';

const SDP: Readonly<Record<SdpKind, { name: string; address: boolean; measure: Measure }>> = {
  version: { name: 'V=', address: false, measure: digits },
  owner: { name: 'O=', address: true, measure: plainAddress },
  connection: { name: 'C=', address: true, measure: plainAddress },
  media: { name: 'M=', address: false, measure: media },
};

/** The first line of a kind behind `at`, but in front of the first of another one. ct_sip_get_sdp_header() */
export function sdpLine({ call, to }: Message, at: number, kind: SdpKind, before?: SdpKind): Sought {
  const { bytes } = call;
  const { name, address, measure } = SDP[kind];
  for (let here = nextLine(bytes, at, to); here >= 0; here = nextLine(bytes, here + 1, to)) {
    if (before !== undefined && sameLetters(bytes, here, to, SDP[before].name)) return 'no';
    if (!sameLetters(bytes, here, to, name)) continue;
    let value = here + name.length;
    found.at = value;
    if (address) {
      value = searchLine(bytes, value, to, call.family === 4 ? 'IN IP4 ' : 'IN IP6 ');
      if (value < 0) return 'bad';
    }
    found.length = measure(call, value, to);
    if (found.length === 0) return 'bad';
    found.at = value;
    return 'yes';
  }
  return 'no';
}

/** Behind `word` in the rest of a line; -1: not there. ct_sdp_header_search() */
function searchLine(bytes: Uint8Array, at: number, to: number, word: string): number {
  for (let here = at; here < to - word.length && !isLineEnd(bytes[here]); here++)
    if (startsWith(bytes, here, to, word)) return here + word.length;
  return -1;
}
