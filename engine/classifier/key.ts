// The key of a packet: what the base conditions of rules, their ports and their ctstates are compared with, as 32-bit words. One
// array serves all tables: it is filled when a walk of a table begins, and again after anything that may have rewritten the packet.

import type { Packet } from '../../packet/packet.ts';
import { PORTED } from '../../packet/ports.ts';
import { viewOf } from '../../packet/view.ts';

/** Words of the key. An IPv4 address is one word, an IPv6 address four. */
export const SOURCE = 0;
export const DESTINATION = 4;
export const PROTOCOL = 8;
/** Source port in the high half, destination port in the low one. */
export const PORTS = 9;
/** One CT_ bit, or UNSEEN. */
export const STATE = 10;
/** Numbers of device names. */
export const IN = 11;
export const OUT = 12;
/** 1: a later fragment. */
export const LATER = 13;
/** 1: whole (Packet.whole). Of another packet the words PROTOCOL, PORTS and STATE say nothing that a rule may be skipped by. */
export const WHOLE = 14;
export const WORDS = 16;

/** ctState of a packet that the tracker has not seen, as a bit of its own. */
export const UNSEEN = 1 << 8;

export const key = new Int32Array(WORDS);

/** Names of devices as numbers: equal names, equal numbers, from 1 up. */
const numbers = new Map<string, number>();
const names: string[] = [''];

export function deviceNumber(name: string): number {
  let number = numbers.get(name);
  if (number === undefined) numbers.set(name, (number = names.push(name) - 1));
  return number;
}

export const deviceName = (number: number): string => names[number];

/** The two names seen last: packets go back and forth between two devices. */
let oneName = '';
let oneNumber = deviceNumber('');
let otherName = '';
let otherNumber = oneNumber;

function numberOf(name: string): number {
  if (name === oneName) return oneNumber;
  if (name !== otherName) {
    otherName = name;
    otherNumber = deviceNumber(name);
  }
  const number = otherNumber;
  otherName = oneName;
  otherNumber = oneNumber;
  oneName = name;
  oneNumber = number;
  return number;
}

/** Whether the addresses are in the key. */
let addressed = false;

/** Fills the key from `pkt`, its addresses left out: most packets of a stateful ruleset are through before these are asked for. */
export function fillKey(pkt: Packet): void {
  const { protocol } = pkt;
  addressed = false;
  key[PROTOCOL] = protocol;
  key[STATE] = pkt.ctState || UNSEEN;
  key[LATER] = pkt.fragmentOffset !== 0 ? 1 : 0;
  if (pkt.whole) {
    key[WHOLE] = 1;
    key[PORTS] = PORTED[protocol] !== 0 ? viewOf(pkt.bytes).getInt32(pkt.l4) : 0;
  } else {
    key[WHOLE] = 0;
  }
  key[IN] = numberOf(pkt.inDevice);
  key[OUT] = numberOf(pkt.outDevice);
}

/** Puts the addresses into the key, if they are not there. */
export function fillAddresses(pkt: Packet): void {
  if (addressed) return;
  addressed = true;
  const { l3 } = pkt;
  const view = viewOf(pkt.bytes);
  if (pkt.family === 4) {
    key[SOURCE] = view.getInt32(l3 + 12);
    key[DESTINATION] = view.getInt32(l3 + 16);
    return;
  }
  key[SOURCE] = view.getInt32(l3 + 8);
  key[SOURCE + 1] = view.getInt32(l3 + 12);
  key[SOURCE + 2] = view.getInt32(l3 + 16);
  key[SOURCE + 3] = view.getInt32(l3 + 20);
  key[DESTINATION] = view.getInt32(l3 + 24);
  key[DESTINATION + 1] = view.getInt32(l3 + 28);
  key[DESTINATION + 2] = view.getInt32(l3 + 32);
  key[DESTINATION + 3] = view.getInt32(l3 + 36);
}
