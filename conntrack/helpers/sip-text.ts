// Reading SIP (RFC 3261) as far as a helper must: the header of a kind, the address in it. Offsets are from the first octet of the buffer; a
// message is a stretch of it. What is found is left in `found`. Source: net/netfilter/nf_conntrack_sip.c ct_sip_*()

import type { HelperCall } from '../helping/helper-call.ts';
import { CR, isDigit, LF, number, readAddress6, readNumber, startsWith } from './text.ts';

/** One message: of a datagram the whole payload, of a stream a part of it. Rewriting moves `to`. */
export interface Message {
  readonly call: HelperCall;
  readonly from: number;
  to: number;
}

/** What was found last. */
export const found = {
  at: 0,
  length: 0,
  /** As in a tuple. */
  address: new Int32Array(4),
  port: 0,
};

export const BLANK = 0x20;
const TAB = 0x09;
const COLON = 0x3a;
const AT = 0x40;

/** Found; nothing of the kind; one is there, but not what it should be. */
export type Sought = 'yes' | 'no' | 'bad';

/** Length of the value at `at`, 0: none; `shift` octets in front of it are passed over. */
export type Measure = (call: HelperCall, at: number, limit: number) => number;

/** Words are in capitals here: letters of any case fit them. */
interface Header {
  readonly name: string;
  readonly short?: string;
  /** The value begins behind it. */
  readonly search?: string;
  readonly measure: Measure;
}

let shift = 0;

export const isLineEnd = (octet: number): boolean => octet === CR || octet === LF;
const isLetter = (octet: number): boolean => (octet | 0x20) >= 0x61 && (octet | 0x20) <= 0x7a;

/** iswordc() */
const WORD_SIGNS = new Set([...'!"%()*+:<>?[\\]_`{}~-./\''].map((sign) => sign.charCodeAt(0)));
const isWord = (octet: number): boolean => isLetter(octet) || isDigit(octet) || WORD_SIGNS.has(octet);

function run(bytes: Uint8Array, at: number, limit: number, belongs: (octet: number) => boolean): number {
  let here = at;
  while (here < limit && belongs(bytes[here])) here++;
  return here - at;
}

export const digits: Measure = ({ bytes }, at, limit) => run(bytes, at, limit, isDigit);
export const letters: Measure = ({ bytes }, at, limit) => run(bytes, at, limit, isLetter);

/** callid_len() */
const callId: Measure = ({ bytes }, at, limit) => {
  const length = run(bytes, at, limit, isWord);
  if (length === 0 || at + length === limit || bytes[at + length] !== AT) return length;
  const domain = run(bytes, at + length + 1, limit, isWord);
  return domain === 0 ? 0 : length + 1 + domain;
};

/** An address with its port, if there is one: a header with a port that cannot be is passed over. epaddr_len() */
const endpoint: Measure = (call, at, limit) => {
  const end = readAddress(call, at, limit, true);
  return end < 0 || !readPort(call, end, limit) ? 0 : number.end - at;
};

/** The same behind "user@", if that is there. skp_epaddr_len() */
const endpointOfUser: Measure = (call, at, limit) => {
  const { bytes } = call;
  let here = at;
  while (here < limit && bytes[here] !== AT && !isLineEnd(bytes[here])) here++;
  if (here < limit && bytes[here] === AT) {
    shift = here + 1 - at;
    return endpoint(call, here + 1, limit);
  }
  return endpoint(call, at, limit);
};

export const CSEQ: Header = { name: 'CSEQ', measure: digits };
export const FROM: Header = { name: 'FROM', short: 'F', search: 'SIP:', measure: endpointOfUser };
export const TO: Header = { name: 'TO', short: 'T', search: 'SIP:', measure: endpointOfUser };
export const CONTACT: Header = { name: 'CONTACT', short: 'M', search: 'SIP:', measure: endpointOfUser };
export const VIA_UDP: Header = { name: 'VIA', short: 'V', search: 'UDP ', measure: endpoint };
export const VIA_TCP: Header = { name: 'VIA', short: 'V', search: 'TCP ', measure: endpoint };
export const EXPIRES: Header = { name: 'EXPIRES', measure: digits };
export const CONTENT_LENGTH: Header = { name: 'CONTENT-LENGTH', short: 'L', measure: digits };
export const CALL_ID: Header = { name: 'CALL-ID', short: 'I', measure: callId };

// --- Addresses -------------------------------------------------------------------------------------------------------------

/** Offset behind the address at `at`, -1: there is none. IPv6 in brackets; without any if not `strict`. sip_parse_addr() */
export function readAddress(call: HelperCall, at: number, limit: number, strict: boolean): number {
  const end = call.family === 4 ? readDots(call.bytes, at, limit) : readBrackets(call.bytes, at, limit, strict);
  return end === at ? -1 : end;
}

/** in4_pton(): a letter of hexadecimal behind it spoils it, any other sign ends it. */
function readDots(bytes: Uint8Array, at: number, limit: number): number {
  let word = 0;
  let part = -1;
  let parts = 0;
  for (let here = at; ; here++) {
    const octet = here < limit ? bytes[here] : 0;
    if (isDigit(octet)) {
      part = Math.max(part, 0) * 10 + octet - 0x30;
      if (part > 255) return -1;
      continue;
    }
    if (part < 0 || ((octet | 0x20) >= 0x61 && (octet | 0x20) <= 0x66)) return -1;
    word = (word << 8) | part;
    part = -1;
    parts++;
    if (octet === 0x2e) {
      if (parts === 4) return -1;
      continue;
    }
    if (parts !== 4) return -1;
    found.address.fill(0);
    found.address[0] = word;
    return here;
  }
}

function readBrackets(bytes: Uint8Array, at: number, limit: number, strict: boolean): number {
  let begin = at;
  if (begin < limit && bytes[begin] === 0x5b) begin++;
  else if (strict) return -1;
  let end = begin;
  while (end < limit && isOfAddress(bytes[end])) end++;
  const words = readAddress6(bytes, begin, end);
  if (!words) return -1;
  found.address.set(words);
  if (end < limit && bytes[end] === 0x5d) return end + 1;
  return strict ? -1 : end;
}

const isOfAddress = (octet: number): boolean =>
  isDigit(octet) || ((octet | 0x20) >= 0x61 && (octet | 0x20) <= 0x66) || octet === COLON || octet === 0x2e;

const SIP_PORT = 5060;

const MOST_DIGITS = 5;

/** Sets found.port from what follows an address, and number.end; false: no port that could be. sip_parse_port() */
function readPort(call: HelperCall, end: number, limit: number): boolean {
  found.port = SIP_PORT;
  number.end = end;
  if (end >= limit || call.bytes[end] !== COLON) return true;
  found.port = readNumber(call.bytes, end + 1, limit);
  return number.end - end - 1 <= MOST_DIGITS && found.port >= 1024 && found.port <= 65_535;
}

// --- SIP -------------------------------------------------------------------------------------------------------------------

/** Behind a line's end, where that is one of a folded line; -1: it is not. sip_follow_continuation() */
function unfold(bytes: Uint8Array, at: number, limit: number): number {
  let here = at + 1;
  if (here >= limit) return -1;
  if (bytes[here - 1] === CR && bytes[here] === LF && ++here >= limit) return -1;
  if (bytes[here] !== BLANK && bytes[here] !== TAB) return -1;
  while (here < limit && (bytes[here] === BLANK || bytes[here] === TAB)) here++;
  return here;
}

/** sip_skip_whitespace() */
function skipBlanks(bytes: Uint8Array, at: number, limit: number): number {
  let here = at;
  while (here < limit && (bytes[here] === BLANK || bytes[here] === TAB)) here++;
  return here < limit && isLineEnd(bytes[here]) ? unfold(bytes, here, limit) : here;
}

/** `word` in the rest of a header; -1: not there. ct_sip_header_search() */
function searchHeader(bytes: Uint8Array, at: number, to: number, word: string): number {
  const limit = to - word.length;
  for (let here = at; here < limit; here++) {
    if (isLineEnd(bytes[here])) {
      here = unfold(bytes, here, limit);
      if (here < 0) return -1;
    } else if (sameLetters(bytes, here, to, word)) return here;
  }
  return -1;
}

/** `word` in capitals. */
export const sameLetters = (bytes: Uint8Array, at: number, to: number, word: string): boolean =>
  startsWith(bytes, at, to, word, true);

/** Octets of the first line end at or behind `at`, and what follows; -1: no line begins there. */
export function nextLine(bytes: Uint8Array, at: number, limit: number): number {
  let here = at;
  while (here < limit && !isLineEnd(bytes[here])) here++;
  if (++here >= limit) return -1;
  if (bytes[here - 1] === CR && bytes[here] === LF && ++here >= limit) return -1;
  return here;
}

/** The first header of that kind behind `at`. ct_sip_get_header() */
export function header({ call, to }: Message, at: number, kind: Header): Sought {
  const { bytes } = call;
  for (let here = nextLine(bytes, at, to); here >= 0; here = nextLine(bytes, here, to)) {
    // A folded line goes on; like any other that is not the one, from its second octet.
    if (bytes[here] === BLANK || bytes[here] === TAB || !isNamed(bytes, here, to, kind)) {
      here++;
      continue;
    }
    let value = skipBlanks(bytes, here + nameLength, to);
    if (value < 0 || value >= to || bytes[value] !== COLON || ++value >= to) return 'no';
    value = skipBlanks(bytes, value, to);
    if (value < 0) return 'no';
    return measured(call, value, to, kind);
  }
  return 'no';
}

let nameLength = 0;

function isNamed(bytes: Uint8Array, at: number, to: number, { name, short }: Header): boolean {
  if (sameLetters(bytes, at, to, name)) {
    nameLength = name.length;
    return true;
  }
  if (short === undefined || to - at < 2 || !sameLetters(bytes, at, to, short) || isLetter(bytes[at + 1])) return false;
  nameLength = 1;
  return true;
}

function measured(call: HelperCall, at: number, to: number, { search, measure }: Header): Sought {
  found.at = at;
  let value = at;
  if (search !== undefined) {
    value = searchHeader(call.bytes, at, to, search);
    if (value < 0) return 'bad';
    value += search.length;
  }
  shift = 0;
  found.length = measure(call, value, to);
  if (found.length === 0) return 'bad';
  found.at = value + shift;
  return 'yes';
}

/** Walks the addresses of all headers of a kind, several in one header too. */
export interface Walk {
  at: number;
  inHeader: boolean;
}

/** The next header of the kind that is well formed. ct_sip_walk_headers() */
function nextHeader(message: Message, walk: Walk, kind: Header): boolean {
  const { call, to } = message;
  while (walk.inHeader) {
    const comma = searchHeader(call.bytes, walk.at, to, ',');
    const value = comma < 0 ? -1 : searchHeader(call.bytes, comma, to, kind.search ?? '');
    if (value < 0) {
      walk.inHeader = false;
      break;
    }
    shift = 0;
    found.at = value + (kind.search ?? '').length;
    found.length = kind.measure(call, found.at, to);
    if (found.length !== 0) {
      found.at += shift;
      return true;
    }
    walk.at = found.at;
  }
  for (let at = walk.at; ; at = found.at) {
    const sought = header(message, at, kind);
    if (sought === 'no') return false;
    if (sought === 'yes') break;
  }
  walk.inHeader = true;
  return true;
}

/** Address and port of the (next) header of that kind. ct_sip_parse_header_uri() */
export function headerAddress(
  message: Message,
  kind: Header,
  walk: Walk = { at: message.from, inHeader: false },
): Sought {
  if (!nextHeader(message, walk, kind)) return 'no';
  const end = readAddress(message.call, found.at, message.to, true);
  if (end < 0) return 'bad';
  if (!readPort(message.call, end, message.to)) return 'no';
  walk.at = number.end;
  return 'yes';
}

/** Address and port in the first line of a request. ct_sip_parse_request() */
export function requestAddress({ call, from, to }: Message): Sought {
  const { bytes } = call;
  const method = letters(call, from, to);
  let at = from + method + 1;
  if (method === 0 || at >= to) return 'no';
  for (; at < to - 4; at++) {
    if (isLineEnd(bytes[at])) return 'bad';
    if (sameLetters(bytes, at, to, 'SIP:')) {
      at += 4;
      break;
    }
  }
  shift = 0;
  if (endpointOfUser(call, at, to) === 0) return 'no';
  at += shift;
  const end = readAddress(call, at, to, true);
  if (end < 0 || !readPort(call, end, to)) return 'bad';
  found.at = at;
  found.length = number.end - at;
  return 'yes';
}

/** Where the parameters behind `at` end: with the header, or at a comma. */
const endOfParameters = ({ call, to }: Message, at: number): number => {
  const comma = searchHeader(call.bytes, at, to, ',');
  return comma < 0 ? to : comma;
};

/** The value of a parameter (its name in capitals) behind `at`: its beginning and end; undefined: it is not there. ct_sip_parse_param() */
export function parameter(message: Message, at: number, name: string): [begin: number, end: number] | undefined {
  const { bytes } = message.call;
  const limit = endOfParameters(message, at);
  const place = searchHeader(bytes, at, limit, name);
  if (place < 0) return undefined;
  const begin = place + name.length;
  const end = searchHeader(bytes, begin, limit, ';');
  return [begin, end < 0 ? limit : end];
}

/** The address of a parameter. ct_sip_parse_address_param() */
export function addressParameter(message: Message, at: number, name: string, strict: boolean): boolean {
  const given = parameter(message, at, name);
  if (!given) return false;
  const end = readAddress(message.call, given[0], endOfParameters(message, at), strict);
  found.at = given[0];
  found.length = end - given[0];
  return end >= 0;
}

/** The number of a parameter. ct_sip_parse_numerical_param() */
export function numberParameter(message: Message, at: number, name: string): number | 'no' | 'bad' {
  const given = parameter(message, at, name);
  if (!given) return 'no';
  const value = readNumber(message.call.bytes, given[0], message.to);
  if (number.end === given[0]) return 'bad';
  found.at = given[0];
  found.length = number.end - given[0];
  return value;
}
