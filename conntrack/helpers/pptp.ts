// PPTP, RFC 2637. The client (PNS) and the server (PAC) agree on a control connection upon call ids, one each; the call itself is GRE, and each of
// its packets has the id of its receiver. So both directions are expected, and the tracker is told which two ids belong together (gre-keys.ts).
//
// Two clients behind one address may choose the same id. Where addresses are translated the client's id is replaced by the port of its control
// connection as the server sees it, which nobody else has.

import { putU16, u16, u32 } from '../../packet/bytes.ts';
import { IPPROTO_GRE, IPPROTO_TCP } from '../../packet/numbers.ts';
import type { Birth, Expectation, ExpectFunction } from '../helping/expectation.ts';
import { defineHelper } from '../helping/helper.ts';
import type { HelpedTracker, HelperCall } from '../helping/helper-call.ts';
import { DESTINATION, SOURCE } from '../nat/range.ts';
import { type Direction, IPS_DST_NAT, IPS_SRC_NAT } from '../status.ts';
import { Tuple } from '../table/tuple.ts';

const CONTROL = 1;
const MAGIC = 0x1a2b3c4d;
/** Octets of a message in front of its body. */
const HEADERS = 12;
const ACCEPTED = 1;

// RFC 2637 2
const START_REQUEST = 1;
const START_REPLY = 2;
const STOP_REQUEST = 3;
const STOP_REPLY = 4;
const ECHO_REQUEST = 5;
const ECHO_REPLY = 6;
const OUT_CALL_REQUEST = 7;
const OUT_CALL_REPLY = 8;
const IN_CALL_REQUEST = 9;
const IN_CALL_REPLY = 10;
const IN_CALL_CONNECTED = 11;
const CALL_CLEAR_REQUEST = 12;
const CALL_DISCONNECT = 13;
const WAN_ERROR = 14;
const SET_LINK_INFO = 15;

/** Octets of each body; a message cut short says nothing. pptp_msg_size */
const LENGTHS = [0, 144, 144, 4, 4, 4, 8, 156, 20, 208, 12, 16, 4, 136, 28, 12];

// In this order: what is asked is whether one is beyond another.
const [NO_SESSION, SESSION_FAILED, SESSION_ENDS, SESSION_ASKED, SESSION] = [0, 1, 2, 3, 4];
const [NO_CALL, OUT_ASKED, OUT_CALL, IN_ASKED, IN_ANSWERED, IN_CALL, CALL_ENDS] = [0, 1, 2, 3, 4, 5, 6];

interface State {
  session: number;
  call: number;
  /** Ids of client and server as packets between this machine and the server have them. */
  client: number;
  server: number;
  /** The same on the client's side, where they are translated. */
  ownClient: number;
  ownServer: number;
  /** The control connection's addresses, by direction, for whoever ends its calls when it is gone; undefined: there was no call. */
  ends: [number[], number[]] | undefined;
  zone: number;
}

const open = (): State => ({
  session: NO_SESSION,
  call: NO_CALL,
  client: 0,
  server: 0,
  ownClient: 0,
  ownServer: 0,
  ends: undefined,
  zone: 0,
});

/** conntrack_pptp_help() */
function help(call: HelperCall, state: State): string | undefined {
  const { bytes, from, to } = call;
  if (!call.established || from + HEADERS > to) return undefined;
  if (u16(bytes, from + 2) !== CONTROL || u32(bytes, from + 4) !== MAGIC) return undefined;
  const message = u16(bytes, from + 8);
  const body = from + HEADERS;
  if (to - body < (LENGTHS[message] ?? 0)) return undefined;
  const heeded =
    call.direction === 0 ? clientSays(state, message, bytes, body) : serverSays(call, state, message, body);
  if (!heeded || !call.translated) return undefined;
  const written = call.direction === 0 ? toServer(call, state, message, body) : toClient(call, state, message, body);
  return written ? undefined : 'PPTP message cannot be rewritten';
}

/** False: it does not fit into what was said before, and goes on as it is. pptp_outbound_pkt() */
function clientSays(state: State, message: number, bytes: Uint8Array, body: number): boolean {
  switch (message) {
    case START_REQUEST:
      // Not again, until its end was agreed on.
      if (state.session !== NO_SESSION) return false;
      state.session = SESSION_ASKED;
      return true;
    case STOP_REQUEST:
      state.session = SESSION_ENDS;
      return true;
    case OUT_CALL_REQUEST:
      if (state.session !== SESSION) return false;
      state.call = OUT_ASKED;
      state.client = u16(bytes, body);
      return true;
    case IN_CALL_REPLY:
      if (state.call !== IN_ASKED && state.call !== IN_ANSWERED) return false;
      if (state.server !== u16(bytes, body + 2)) return false;
      state.call = bytes[body + 4] === ACCEPTED ? IN_ANSWERED : NO_CALL;
      if (state.call === IN_ANSWERED) state.client = u16(bytes, body);
      return true;
    case CALL_CLEAR_REQUEST:
      if (state.session !== SESSION) return false;
      state.call = CALL_ENDS;
      return true;
    case SET_LINK_INFO:
    case ECHO_REQUEST:
    case ECHO_REPLY:
      return true;
    default:
      return false;
  }
}

/** pptp_inbound_pkt() */
function serverSays(call: HelperCall, state: State, message: number, body: number): boolean {
  const { bytes } = call;
  switch (message) {
    case START_REPLY:
      if (state.session < SESSION_ASKED) return false;
      state.session = bytes[body + 2] === ACCEPTED ? SESSION : SESSION_FAILED;
      return true;
    case STOP_REPLY:
      if (state.session > SESSION_ENDS) return false;
      state.session = bytes[body] === ACCEPTED ? NO_SESSION : SESSION_FAILED;
      return true;
    case OUT_CALL_REPLY:
      if (state.session !== SESSION || (state.call !== OUT_ASKED && state.call !== OUT_CALL)) return false;
      if (state.client !== u16(bytes, body + 2)) return false;
      state.call = bytes[body + 4] === ACCEPTED ? OUT_CALL : NO_CALL;
      if (state.call === OUT_CALL) {
        state.server = u16(bytes, body);
        expectCall(call, state);
      }
      return true;
    case IN_CALL_REQUEST:
      if (state.session !== SESSION) return false;
      state.call = IN_ASKED;
      state.server = u16(bytes, body);
      return true;
    case IN_CALL_CONNECTED:
      if (state.session !== SESSION || (state.call !== IN_ANSWERED && state.call !== IN_CALL)) return false;
      if (state.client !== u16(bytes, body)) return false;
      state.call = IN_CALL;
      expectCall(call, state);
      return true;
    case CALL_DISCONNECT:
      state.call = NO_CALL;
      endCall(state, call.tracker, call.id);
      return true;
    case WAN_ERROR:
    case SET_LINK_INFO:
    case ECHO_REQUEST:
    case ECHO_REPLY:
      return true;
    default:
      return false;
  }
}

// --- Calls -----------------------------------------------------------------------------------------------------------------

/** Both directions are expected, or none. exp_gre(), pptp_exp_gre() */
function expectCall(call: HelperCall, state: State): void {
  const { tracker } = call;
  const made = ([0, 1] as const).map((direction) => {
    const { words } = call.tuples[direction];
    const [source, destination] = direction === 0 ? [state.client, state.server] : [state.server, state.client];
    const expectation = call.expectation({
      protocol: IPPROTO_GRE,
      source: words.subarray(0, 4),
      sourcePort: source,
      destination: words.subarray(4),
      destinationPort: destination,
    });
    expectation.born = pptpCall;
    return expectation;
  });
  if (call.translated) {
    state.ownServer = state.server;
    made[0].savedKey = state.client;
    made[0].tuple.setPorts(state.ownClient, state.server);
    made[1].savedKey = state.ownClient;
    made[1].tuple.setPorts(state.ownServer, state.client);
    made[1].direction = 1;
  }
  state.ends = [[...call.tuples[0].words], [...call.tuples[1].words]];
  state.zone = tracker.table.zone(call.id, 0) || tracker.table.zone(call.id, 1);
  if (call.expect(made[0]) !== undefined) return;
  if (call.expect(made[1]) === undefined) {
    const first = tracker.greKeys.add(call.id, 0, made[0].tuple);
    if (first && tracker.greKeys.add(call.id, 1, made[1].tuple)) return;
    if (first) tracker.greKeys.forget(call.id);
    call.unexpect(made[1]);
  }
  call.unexpect(made[0]);
}

const scratch = new Tuple();

/** The call's connections end, and what is still expected of it. pptp_destroy_siblings() */
function endCall({ ends, client, server, zone }: State, tracker: HelpedTracker, master: number): void {
  if (master >= 0) tracker.greKeys.forget(master);
  for (const [direction, words] of (ends ?? []).entries()) {
    setTuple(scratch, words, direction === 0 ? [client, server] : [server, client], zone);
    const found = tracker.findLive(scratch, zone);
    if (found >= 0) tracker.kill(found >>> 1);
    else {
      const expected = tracker.expectations.find(scratch, zone);
      if (expected) tracker.expectations.remove(expected);
    }
  }
}

function setTuple(
  tuple: Tuple,
  words: ArrayLike<number>,
  [source, destination]: readonly number[],
  zone: number,
): void {
  tuple.family = 4;
  tuple.protocol = IPPROTO_GRE;
  tuple.words.set(words);
  tuple.setPorts(source, destination);
  tuple.setZones(zone, zone);
}

/**
 * Whichever direction comes first, the other one is not waited for any more. pptp_expectfn(), pptp_nat_expected(). The longer timeouts that
 * pptp_expectfn() sets are of no effect: nf_conntrack_gre_packet() sets those of everybody right after it.
 */
export const pptpCall: ExpectFunction = {
  name: 'nf_conntrack_pptp',
  run(birth, id, expectation) {
    const { table, expectations } = birth;
    const { master, direction } = expectation;
    const zone = table.zone(master.id, 0) || table.zone(master.id, 1);
    const translated = (table.status(master.id) & (IPS_SRC_NAT | IPS_DST_NAT)) !== 0;
    if (translated) {
      const state = master.state as State;
      // The kernel's addresses for both: of the server's direction, so that the client's is waited for all the same.
      table.readTuple(master.id, 1, scratch);
      const keys = direction === 0 ? [state.server, state.client] : [state.ownClient, state.ownServer];
      setTuple(scratch, scratch.words.slice(), keys, zone);
    } else {
      scratch.copy(expectation.tuple);
      scratch.invert();
    }
    const other = expectations.find(scratch, zone);
    if (other) expectations.remove(other);
    if (translated) translate(birth, id, expectation);
  },
};

function translate({ table, nat }: Birth, id: number, { master, direction, savedKey }: Expectation): void {
  table.readTuple(master.id, direction === 0 ? 1 : 0, scratch);
  const source = scratch.words.slice(4, 8);
  const destination = scratch.words.slice(0, 4);
  const ports = (wanted: Direction): { ports?: [number, number] } =>
    direction === wanted ? { ports: [savedKey, savedKey] } : {};
  nat.assign(id, SOURCE, { addresses: [source, source], ...ports(0) });
  nat.assign(id, DESTINATION, { addresses: [destination, destination], ...ports(1) });
}

// --- Rewriting -------------------------------------------------------------------------------------------------------------

/** nf_nat_pptp.c pptp_outbound_pkt() */
function toServer(call: HelperCall, state: State, message: number, body: number): boolean {
  switch (message) {
    case OUT_CALL_REQUEST:
      state.ownClient = state.client;
      state.client = call.other.keys & 0xffff;
      break;
    case IN_CALL_REPLY:
    case CALL_CLEAR_REQUEST:
      break;
    default:
      return true;
  }
  return write(call, body, state.client);
}

/** nf_nat_pptp.c pptp_inbound_pkt() */
function toClient(call: HelperCall, state: State, message: number, body: number): boolean {
  switch (message) {
    case OUT_CALL_REPLY:
      return write(call, body + 2, state.ownClient);
    case IN_CALL_CONNECTED:
    case WAN_ERROR:
    case CALL_DISCONNECT:
    case SET_LINK_INFO:
      return write(call, body, state.ownClient);
    default:
      return true;
  }
}

function write(call: HelperCall, at: number, id: number): boolean {
  const octets = new Uint8Array(2);
  putU16(octets, 0, id);
  return call.mangle(at, 2, octets);
}

export const pptp = defineHelper<State>({
  name: 'pptp',
  summary: 'Calls of PPTP tunnels.',
  kernel: 'net/netfilter/nf_conntrack_pptp.c conntrack_pptp_help(), net/ipv4/netfilter/nf_nat_pptp.c',
  families: [4],
  protocols: [IPPROTO_TCP],
  port: 1723,
  policies: [{ name: '', most: 2, timeoutMs: 300_000 }],
  open,
  help,
  close: (state, tracker) => endCall(state, tracker, -1),
});
