// The classic BPF machine over a packet that begins at its IP header: accumulator A, index X, 16 words of memory, jumps forward only, so
// that every program ends. A load beyond the packet ends it with 0. Steven McCanne, Van Jacobson: "The BSD Packet Filter", 1993;
// Linux: Documentation/networking/filter.rst, net/core/filter.c bpf_check_classic().

import { u16, u32 } from '../../packet/bytes.ts';
import type { Packet } from '../../packet/packet.ts';

export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const WORDS = 16;

// Codes: class | size or operation | mode or source.
const LD = 0x00;
const LDX = 0x01;
const ST = 0x02;
const STX = 0x03;
const ALU = 0x04;
const JMP = 0x05;
const RET = 0x06;
const MISC = 0x07;
const X = 0x08;
const MEM = 0x60;
const ABS = 0x20;
const IND = 0x40;
const IMM = 0x00;
const LEN = 0x80;
const MSH = 0xa0;
const HALF = 0x08;
const BYTE = 0x10;
const ALU_NAMES = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
};
const JA = 0x00;
const JEQ = 0x10;
const JGT = 0x20;
const JGE = 0x30;
const JSET = 0x40;
const TAX = MISC;
const TXA = MISC | 0x80;
const RET_K = RET;
const RET_A = RET | 0x10;

/** Loads from here on ask for what is not in the packet; include/uapi/linux/filter.h SKF_AD_OFF. */
const ANCILLARY = 0xffff_f000;
const AD_PROTOCOL = 0;
const AD_PKTTYPE = 4;
const AD_MARK = 20;
const AD_CPU = 36;
const AD_XOR_X = 40;
const AD_RANDOM = 56;
/** What Linux knows besides: device, hash, queue, VLAN, netlink attributes, payload offset. */
const AD_OTHERS = [8, 12, 16, 24, 28, 32, 44, 48, 52, 60];
/** Offsets from the network header; SKF_NET_OFF. Those from the link's are below. */
const NETWORK = 0xfff0_0000;
const LINK = 0xffe0_0000;
const ETH_P: Record<number, number> = { 0: 0, 4: 0x0800, 6: 0x86dd };

const known = new Set<number>([
  ...[0, HALF, BYTE].flatMap((size) => [LD | size | ABS, LD | size | IND]),
  LD | LEN,
  LD | IMM,
  LD | MEM,
  LDX | IMM,
  LDX | MEM,
  LDX | LEN,
  LDX | BYTE | MSH,
  ST,
  STX,
  ...Object.values(ALU_NAMES).flatMap((operation) =>
    operation === ALU_NAMES.neg ? [ALU | operation] : [ALU | operation, ALU | operation | X],
  ),
  JMP | JA,
  ...[JEQ, JGT, JGE, JSET].flatMap((operation) => [JMP | operation, JMP | operation | X]),
  RET_K,
  RET_A,
  TAX,
  TXA,
]);

const isAbsolute = (code: number): boolean => (code & 7) === LD && (code & 0xe0) === ABS;

/** Why such a program cannot be loaded; undefined: it can. */
export function whatIsWrong(program: readonly Instruction[]): string | undefined {
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    const left = program.length - at - 1;
    if (!known.has(code)) return `instruction ${at}: no such code`;
    if ((code === (ALU | ALU_NAMES.div) || code === (ALU | ALU_NAMES.mod)) && k === 0)
      return `instruction ${at}: division by 0`;
    if ((code === (ALU | ALU_NAMES.lsh) || code === (ALU | ALU_NAMES.rsh)) && k > 31)
      return `instruction ${at}: shift by more than 31`;
    if ([LD | MEM, LDX | MEM, ST, STX].includes(code) && k >= WORDS) return `instruction ${at}: no such word of memory`;
    if (code === (JMP | JA) && k >= left) return `instruction ${at}: jump beyond the end`;
    if ((code & 7) === JMP && code !== (JMP | JA) && (jt >= left || jf >= left))
      return `instruction ${at}: jump beyond the end`;
    if (isAbsolute(code) && k >= ANCILLARY) {
      const asked = k - ANCILLARY;
      // Differs: the kernel has these.
      if (AD_OTHERS.includes(asked)) return `instruction ${at}: a packet here does not carry what it asks for`;
      if (![AD_PROTOCOL, AD_PKTTYPE, AD_MARK, AD_CPU, AD_XOR_X, AD_RANDOM].includes(asked))
        return `instruction ${at}: no such extension`;
    }
  }
  const last = program[program.length - 1].code;
  if (last !== RET_K && last !== RET_A) return 'the last instruction is no return';
  return readsBeforeWriting(program);
}

/** Memory that some way through the program reads before it is written. check_load_and_stores() */
function readsBeforeWriting(program: readonly Instruction[]): string | undefined {
  const reached = new Array<number>(program.length).fill(0xffff);
  let written = 0;
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    written &= reached[at];
    const class_ = code & 7;
    if (code === ST || code === STX) written |= 1 << k;
    else if (code === (LD | MEM) || code === (LDX | MEM)) {
      if (!(written & (1 << k))) return `instruction ${at}: reads memory that was not written`;
    } else if (class_ === JMP) {
      const ways = code === (JMP | JA) ? [k] : [jt, jf];
      for (const way of ways) reached[at + way + 1] &= written;
      written = 0xffff;
    }
  }
  return undefined;
}

/** The program's answer. `memory` is scratch. Allocates nothing. */
export function run(
  program: readonly Instruction[],
  pkt: Packet,
  memory: Int32Array,
  random: () => number,
  cpu: number,
): number {
  let a = 0;
  let x = 0;
  for (let pc = 0; pc < program.length; pc++) {
    const { code, jt, jf, k } = program[pc];
    switch (code & 7) {
      case LD: {
        const mode = code & 0xe0;
        if (mode === IMM) a = k;
        else if (mode === MEM) a = memory[k] >>> 0;
        else if (mode === LEN) a = pkt.end - pkt.l3;
        else if (mode === ABS && k >= ANCILLARY) a = ancillary(k - ANCILLARY, pkt, a, x, random, cpu);
        else {
          a = load(pkt, mode === ABS ? k : (k + x) >>> 0, code & 0x18);
          if (a < 0) return 0;
        }
        break;
      }
      case LDX:
        if (code === (LDX | IMM)) x = k;
        else if (code === (LDX | MEM)) x = memory[k] >>> 0;
        else if (code === (LDX | LEN)) x = pkt.end - pkt.l3;
        else {
          const octet = load(pkt, k, BYTE);
          if (octet < 0) return 0;
          x = (octet & 0xf) << 2;
        }
        break;
      case ST:
        memory[k] = a;
        break;
      case STX:
        memory[k] = x;
        break;
      case ALU: {
        const operand = code & X ? x : k;
        if (operand === 0 && ((code & 0xf0) === ALU_NAMES.div || (code & 0xf0) === ALU_NAMES.mod)) return 0;
        a = compute(code & 0xf0, a, operand);
        break;
      }
      case JMP:
        pc += code === JMP ? k : holds(code & 0xf0, a, code & X ? x : k) ? jt : jf;
        break;
      case RET:
        return code === RET_A ? a : k;
      default:
        if (code === TAX) x = a;
        else a = x;
    }
  }
  return 0;
}

function compute(operation: number, a: number, b: number): number {
  switch (operation) {
    case ALU_NAMES.add:
      return (a + b) >>> 0;
    case ALU_NAMES.sub:
      return (a - b) >>> 0;
    case ALU_NAMES.mul:
      return Math.imul(a, b) >>> 0;
    case ALU_NAMES.div:
      return Math.floor(a / b);
    case ALU_NAMES.mod:
      return a % b;
    case ALU_NAMES.or:
      return (a | b) >>> 0;
    case ALU_NAMES.and:
      return (a & b) >>> 0;
    case ALU_NAMES.xor:
      return (a ^ b) >>> 0;
    // Of the distance the lower five bits count.
    case ALU_NAMES.lsh:
      return (a << b) >>> 0;
    case ALU_NAMES.rsh:
      return a >>> b;
    default:
      return -a >>> 0;
  }
}

function holds(operation: number, a: number, b: number): boolean {
  if (operation === JEQ) return a === b;
  if (operation === JGT) return a > b;
  if (operation === JGE) return a >= b;
  return (a & b) !== 0;
}

/** Octets at `offset` behind the IP header; those that count from the network's header or below are far beyond. -1: not there. */
function load(pkt: Packet, offset: number, size: number): number {
  const octets = size === BYTE ? 1 : size === HALF ? 2 : 4;
  // Nothing stands in front of the IP header but the link's, which is not the packet's here.
  if (offset >= LINK && offset < NETWORK) return -1;
  const at = pkt.l3 + (offset >= NETWORK ? offset - NETWORK : offset);
  if (at + octets > pkt.end) return -1;
  return octets === 1 ? pkt.bytes[at] : octets === 2 ? u16(pkt.bytes, at) : u32(pkt.bytes, at);
}

function ancillary(what: number, pkt: Packet, a: number, x: number, random: () => number, cpu: number): number {
  switch (what) {
    case AD_PROTOCOL:
      return ETH_P[pkt.family];
    case AD_PKTTYPE:
      return pkt.packetType;
    case AD_MARK:
      return pkt.mark;
    case AD_CPU:
      return cpu;
    case AD_XOR_X:
      return (a ^ x) >>> 0;
    default:
      return random();
  }
}
