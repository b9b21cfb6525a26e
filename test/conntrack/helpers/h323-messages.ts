// Messages of H.323 as the rows send them, written bit by bit: independent of the tables that our helper reads them with.

import { concat } from '../../../packet/bytes.ts';

const ADDRESS_OF_CALL = /^[\d.]+$/;

/** Aligned PER, X.691. */
class Per {
  private readonly bits: number[] = [];

  put(count: number, value: number): this {
    for (let bit = count - 1; bit >= 0; bit--) this.bits.push(Math.floor(value / 2 ** bit) & 1);
    return this;
  }

  align(): this {
    while (this.bits.length % 8 !== 0) this.bits.push(0);
    return this;
  }

  octets(octets: ArrayLike<number>): this {
    this.align();
    for (let index = 0; index < octets.length; index++) this.put(8, octets[index]);
    return this;
  }

  word(value: number): this {
    return this.align().put(16, value);
  }

  sized(octets: Uint8Array): this {
    if (octets.length > 127) this.word(0x8000 | octets.length);
    else this.octets([octets.length]);
    return this.octets(octets);
  }

  all(parts: readonly ((per: Per) => void)[]): this {
    this.octets([parts.length]);
    for (const part of parts) part(this);
    return this;
  }

  done(): Uint8Array {
    this.align();
    return Uint8Array.from({ length: this.bits.length / 8 }, (_, at) =>
      this.bits.slice(8 * at, 8 * at + 8).reduce((value, bit) => value * 2 + bit, 0),
    );
  }
}

const per = (write: (out: Per) => unknown): Uint8Array => {
  const out = new Per();
  write(out);
  return out.done();
};

export interface At {
  readonly address: string;
  readonly port: number;
}

/** H.225.0 TransportAddress of other kinds: nobody is to be expected there. */
const ELSEWHERE = {
  'source route': (out: Per) => {
    out.put(1, 0).put(3, 1).put(1, 0).octets([10, 0, 0, 1]).word(99);
    out.octets([2, 10, 0, 0, 2, 10, 0, 0, 3]).put(1, 0).put(1, 1);
  },
  IPX: (out: Per) => {
    out.put(1, 0).put(3, 2).octets([1, 2, 3, 4, 5, 6]).octets([1, 2, 3, 4]).put(16, 0x0506);
  },
  NetBIOS: (out: Per) => {
    out.put(1, 0).put(3, 4).octets(GUID);
  },
  NSAP: (out: Per) => {
    out.put(1, 0).put(3, 5).put(5, 2).octets([1, 2, 3]);
  },
  'not standard': (out: Per) => {
    particular(out.put(1, 0).put(3, 6));
  },
  later: (out: Per) => {
    out.put(1, 1).put(7, 0).sized(Uint8Array.of(1, 2));
  },
};
export type Elsewhere = keyof typeof ELSEWHERE;
export const ELSEWHERES = Object.keys(ELSEWHERE) as Elsewhere[];
/** H.225.0 NonStandardParameter. */
const particular = (out: Per): Per => out.put(1, 0).put(1, 1).put(1, 0).octets([181, 0]).word(18).sized(GUID);

function addressOctets(address: string): number[] {
  if (ADDRESS_OF_CALL.test(address)) return address.split('.').map(Number);
  const [front, back = ''] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const words = [...front, ...Array.from({ length: 8 - front.length - back.length }, () => '0'), ...back];
  return words.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]);
}

const isV4 = ({ address }: At): boolean => ADDRESS_OF_CALL.test(address);

/** H.225.0 TransportAddress. */
const transport = (at: At | Elsewhere) => (out: Per) => {
  if (typeof at === 'string') {
    ELSEWHERE[at](out);
    return;
  }
  out.put(1, 0).put(3, isV4(at) ? 0 : 3);
  if (!isV4(at)) out.put(1, 0);
  out.octets(addressOctets(at.address)).word(at.port);
};

/** H.245 TransportAddress, a unicast one. */
const unicast = (at: At) => (out: Per) => {
  out
    .put(2, 0)
    .put(1, 0)
    .put(3, isV4(at) ? 0 : 2)
    .put(1, 0);
  out.octets(addressOctets(at.address)).word(at.port);
};

const OID = Uint8Array.of(0, 8, 0x91, 0x4a, 0, 4);
const GUID = Uint8Array.from({ length: 16 }, (_, at) => at);
const protocol = (out: Per): Per => out.sized(OID);
const name = (out: Per): Per => out.put(7, 1).octets([0, 0x31, 0, 0x32]);
/** A terminal with its vendor. */
const endpoint = (out: Per): Per =>
  out.put(1, 0).put(6, 0b010001).put(1, 0).put(2, 0).put(1, 0).octets([181, 0]).word(18).put(2, 0).put(2, 0);
/** Gatekeeper, gateway, MCU and terminal at once, each with all that it may say of itself. */
export const everything = (out: Per): Per => {
  particular(out.put(1, 0).put(6, 0b111111));
  // Vendor, with product and version.
  out.put(1, 0).put(2, 0b11).put(1, 0).octets([181, 0]).word(18).octets([1, 1, 2]).octets([0, 3]);
  particular(out.put(1, 0).put(1, 1));
  out.put(1, 0).put(2, 0b11).octets([3]);
  particular(out.put(1, 0).put(4, 0)); // protocols: not standard, H.310, T.120
  particular(out.put(1, 0).put(4, 1).put(1, 0).put(1, 1));
  out.put(1, 0).put(4, 8).put(1, 0).put(1, 0);
  particular(out);
  particular(out.put(1, 0).put(1, 1));
  out.put(1, 0).put(1, 0);
  return out.put(2, 0b11);
};
/** "12", and "ab" in H.323's letters. */
const aliases = (out: Per): Per =>
  out.octets([2]).put(2, 0).put(7, 1).octets([0x12]).put(2, 1).octets([1, 0, 0x61, 0, 0x62]);

// --- H.245 -----------------------------------------------------------------------------------------------------------------

export interface Channel {
  readonly media?: At;
  readonly control?: At;
  /** T.120, over the network, is to be had here. */
  readonly stack?: At;
  /** The media are wanted in the other direction. */
  readonly reverse?: boolean;
  /** What it carries, and the multiplex there, if it is `reverse`. */
  readonly carries?: keyof typeof CARRIED;
  readonly multiplex?: keyof typeof MULTIPLEXES;
}

/** H.245 NonStandardParameter. */
const nonStandard = (out: Per): Per => out.put(1, 1).octets([181, 0]).word(18).sized(Uint8Array.of(1, 2));
const videoOf = (index: number) => (out: Per) => out.put(1, 0).put(3, 2).put(1, 0).put(3, index);
const audioOf = (index: number) => (out: Per) => out.put(1, 0).put(3, 3).put(1, 0).put(4, index);
const dataOf = (index: number) => (out: Per) => out.put(1, 0).put(3, 4).put(1, 0).put(1, 0).put(4, index);
/** A number of a wide range: octets behind a length of two bits. */
const long = (out: Per, ...octets: number[]): Per => out.put(2, octets.length - 1).octets(octets);
const transparent = (out: Per): Per => out.put(1, 0).put(3, 6);
const bitRate = (out: Per): Per => long(out, 3, 0xe8);

/** DataType, one of each. */
const CARRIED = {
  'not standard': (out: Per) => nonStandard(out.put(1, 0).put(3, 0)),
  nothing: (out: Per) => out.put(1, 0).put(3, 1),
  'video, not standard': (out: Per) => nonStandard(videoOf(0)(out)),
  'H.261': (out: Per) => videoOf(1)(out).put(1, 0).put(2, 3).put(2, 1).put(2, 2).put(1, 1).word(6_000).put(1, 0),
  'H.262': (out: Per) => {
    videoOf(2)(out).put(1, 0).put(6, 0b111111).put(11, 0x2aa);
    long(long(out, 9, 9, 9, 9), 1, 2)
      .word(720)
      .word(576)
      .put(4, 11);
    long(out, 5, 5, 5);
  },
  'H.263': (out: Per) => {
    videoOf(3)(out).put(1, 0).put(7, 0b1111111);
    for (let interval = 1; interval <= 5; interval++) out.put(5, interval);
    long(long(out, 1, 2, 3).put(5, 0b10101), 7).word(9);
  },
  'ISO/IEC 11172-2': (out: Per) => {
    videoOf(4)(out).put(1, 0).put(6, 0b101010).put(1, 1);
    long(out, 1, 1).word(352).put(4, 0);
  },
  'video, later': (out: Per) =>
    out
      .put(1, 0)
      .put(3, 2)
      .put(1, 1)
      .put(7, 0)
      .sized(Uint8Array.of(1, 2, 3)),
  'audio, not standard': (out: Per) => nonStandard(audioOf(0)(out)),
  'G.711': (out: Per) => audioOf(1)(out).octets([19]),
  'G.722': (out: Per) => audioOf(7)(out).octets([0]),
  'G.723.1': (out: Per) => audioOf(8)(out).octets([0]).put(1, 1),
  'G.729A': (out: Per) => audioOf(11)(out).octets([255]),
  'ISO/IEC 11172-3': (out: Per) => audioOf(12)(out).put(1, 0).put(8, 0x55).word(447),
  'ISO/IEC 13818-3': (out: Per) => audioOf(13)(out).put(1, 0).put(20, 0x55555).word(1_129),
  'audio, later': (out: Per) => out.put(1, 0).put(3, 3).put(1, 1).put(7, 1).sized(Uint8Array.of(9)),
  'data, not standard': (out: Per) => bitRate(nonStandard(dataOf(0)(out))),
  'T.120': (out: Per) => bitRate(transparent(dataOf(1)(out))),
  'DSM-CC': (out: Per) => bitRate(nonStandard(dataOf(2)(out).put(1, 0).put(3, 0))),
  'user data': (out: Per) => bitRate(dataOf(3)(out).put(1, 1).put(7, 0).sized(Uint8Array.of(0))),
  'T.84': (out: Per) => bitRate(transparent(dataOf(4)(out)).put(1, 1).put(1, 0).put(19, 0x2aaaa)),
  'T.84, not restricted': (out: Per) => bitRate(transparent(dataOf(4)(out)).put(1, 0)),
  'T.434': (out: Per) => bitRate(transparent(dataOf(5)(out))),
  'H.224': (out: Per) => bitRate(transparent(dataOf(6)(out))),
  NLPID: (out: Per) => bitRate(transparent(dataOf(7)(out)).sized(Uint8Array.of(0xcc))),
  'DSVD control': (out: Per) => bitRate(dataOf(8)(out)),
  'H.222 data': (out: Per) => bitRate(transparent(dataOf(9)(out))),
  encryption: (out: Per) => out.put(1, 0).put(3, 5).put(1, 0).put(1, 1),
  'encryption, not standard': (out: Per) => nonStandard(out.put(1, 0).put(3, 5).put(1, 0).put(1, 0)),
  later: (out: Per) =>
    out
      .put(1, 1)
      .put(7, 1)
      .sized(Uint8Array.of(1, 2, 3, 4)),
};
export const KINDS = Object.keys(CARRIED) as (keyof typeof CARRIED)[];

/** Of other networks, by their place among those of a forward channel. */
const MULTIPLEXES = {
  'H.222': (out: Per) => {
    out.put(1, 0).put(3, 0b111).word(1).word(2).word(3).sized(Uint8Array.of(1)).sized(Uint8Array.of(2, 3));
  },
  'H.223': (out: Per) => {
    long(out.put(1, 0).put(1, 0).put(3, 5).put(2, 2), 1, 0, 0).put(1, 1);
  },
  'V.76': (out: Per) => {
    out.put(1, 0).put(1, 0).put(1, 0).put(2, 2).word(4_094).put(1, 1).put(1, 0).put(2, 1).put(1, 0);
    out.put(1, 0).put(1, 0).put(1, 0).put(7, 126).put(1, 0).put(2, 2).put(1, 0).put(1, 1);
  },
};
export const NETWORKS = Object.keys(MULTIPLEXES) as (keyof typeof MULTIPLEXES)[];

const parameters = ({ media, control }: Channel): Uint8Array =>
  per((out) => {
    out
      .put(1, 0)
      .put(10, (media ? 0x80 : 0) | (control ? 0x20 : 0) | 0x08)
      .octets([1]);
    if (media) unicast(media)(out);
    if (control) unicast(control)(out);
    out.put(1, 0);
  });
const separateStack = (at: At): Uint8Array =>
  per((out) => {
    out.put(1, 0).put(2, 0).put(1, 0).put(2, 2);
    unicast(at)(out);
    out.put(1, 0);
  });

function putOpen(out: Per, channel: Channel): void {
  const { reverse = false, stack, carries, multiplex } = channel;
  out
    .put(1, stack ? 1 : 0)
    .put(1, reverse ? 1 : 0)
    .word(100);
  out.put(1, 0).put(1, 0);
  if (stack) {
    // DataType data, T.120, separateLANStack, a bit rate.
    out.put(1, 0).put(3, 4).put(1, 0).put(1, 0).put(4, 1).put(1, 1).put(7, 3).sized(Uint8Array.of(0));
    out.put(2, 1).word(1_000);
  } else CARRIED[carries ?? (reverse ? 'nothing' : 'G.711')](out);
  if (reverse) {
    if (multiplex) MULTIPLEXES[multiplex](out.put(1, 0).put(2, NETWORKS.indexOf(multiplex)));
    else out.put(1, 1).put(7, 1).sized(Uint8Array.of(0));
    out.put(1, 0).put(1, 1).put(1, 0).put(3, 3).put(1, 0).put(4, 3).octets([19]).put(1, 1).put(7, 0);
  } else out.put(1, 1).put(7, 0);
  out.sized(parameters(channel));
  if (stack) out.put(7, 0).put(1, 1).sized(separateStack(stack));
}

const openChannel = (channel: Channel): Uint8Array => per((out) => putOpen(out, channel));

/** OpenLogicalChannel in a request. */
export const olc = (channel: Channel): Uint8Array =>
  per((out) => putOpen(out.put(1, 0).put(2, 0).put(1, 0).put(4, 3), channel));

/** OpenLogicalChannelAck in a response. */
export const olcAck = ({ media, control, stack }: Channel): Uint8Array =>
  per((out) => {
    out.put(1, 0).put(2, 1).put(1, 0).put(5, 5);
    out
      .put(1, 1)
      .put(1, 0)
      .word(100)
      .put(7, 1)
      .put(1, stack ? 1 : 0)
      .put(1, 1);
    if (stack) out.sized(separateStack(stack));
    out.sized(
      per((ack) => {
        ack
          .put(1, 0)
          .put(1, 0)
          .put(5, 0b01000 | (media ? 0b00100 : 0) | (control ? 0b00010 : 0))
          .put(8, 0);
        if (media) unicast(media)(ack);
        if (control) unicast(control)(ack);
      }),
    );
  });

/** A round trip: nothing to be heeded. */
export const roundTrip = (): Uint8Array =>
  per((out) => out.put(1, 0).put(2, 0).put(1, 0).put(4, 9).put(1, 0).put(8, 1));

// --- Q.931 -----------------------------------------------------------------------------------------------------------------

/** TPKT, RFC 1006 6. */
export const tpkt = (message: Uint8Array): Uint8Array => {
  const length = message.length + 4;
  return concat(Uint8Array.of(3, 0, length >> 8, length & 255), message);
};

interface Body {
  readonly index: number;
  readonly type: number;
  write(out: Per): void;
}

const fastStart = (channels: readonly Channel[], place: number) => (out: Per) => {
  out.put(7, place).put(place, 0).put(1, 1);
  out.sized(per((items) => items.all(channels.map((one) => (item: Per) => item.sized(openChannel(one))))));
};

export interface Call {
  readonly control?: At;
  readonly fast?: readonly Channel[];
}

export const setup = ({
  control,
  fast,
  from,
  to,
  rich = false,
}: Call & { from?: At; to?: At; rich?: boolean }): Body => ({
  index: 0,
  type: 5,
  write(out) {
    out.put(1, fast || from ? 1 : 0).put(7, (control ? 0x40 : 0) | 0x20 | 0x10 | (to ? 0x08 : 0) | (rich ? 7 : 0));
    protocol(out);
    if (control) transport(control)(out);
    (rich ? everything : endpoint)(aliases(out));
    aliases(out);
    if (to) transport(to)(out);
    // More names, references of calls.
    if (rich) aliases(out).octets([2]).word(1).word(2);
    out.put(1, 0).octets(GUID).put(3, 2);
    if (rich) out.put(1, 0).put(7, 0x55).put(1, 0).put(2, 2);
    out.put(3, 0);
    if (!fast && !from) return;
    out
      .put(7, 6)
      .put(1, from ? 1 : 0)
      .put(5, 0)
      .put(1, fast ? 1 : 0);
    if (from) out.sized(per(transport(from)));
    if (fast) out.sized(per((items) => items.all(fast.map((one) => (item: Per) => item.sized(openChannel(one))))));
  },
});

/** CallProceeding, Alerting. */
export const underWay = (index: 1 | 3, { control, fast, rich = false }: Call & { rich?: boolean }): Body => ({
  index,
  type: index === 1 ? 2 : 1,
  write(out) {
    out.put(1, fast ? 1 : 0).put(1, control ? 1 : 0);
    (rich ? everything : endpoint)(protocol(out));
    if (control) transport(control)(out);
    if (fast) fastStart(fast, 4)(out);
  },
});

export const connect = ({ control, fast }: Call): Body => ({
  index: 2,
  type: 7,
  write(out) {
    out.put(1, fast ? 1 : 0).put(1, control ? 1 : 0);
    protocol(out);
    if (control) transport(control)(out);
    endpoint(out).octets(GUID);
    if (fast) fastStart(fast, 4)(out);
  },
});

/** `reason` 1: the call is forwarded. */
export const facility = ({ control, alternative, reason }: Call & { alternative?: At; reason: number }): Body => ({
  index: 6,
  type: 0x62,
  write(out) {
    out.put(1, control ? 1 : 0).put(3, alternative ? 4 : 0);
    protocol(out);
    if (alternative) transport(alternative)(out);
    out.put(1, 0).put(2, reason);
    if (control)
      out
        .put(7, 6)
        .put(7, 1)
        .sized(per(transport(control)));
  },
});

// H.235.0 tokens.
const hashBits = (out: Per): Per => out.octets([12]).put(12, 0xabc);
const algorithm = (out: Per): Per => out.sized(OID).put(1, 0).put(2, 0b11).sized(Uint8Array.of(1, 2)).octets(OID8);
const OID8 = [1, 2, 3, 4, 5, 6, 7, 8];
const time = (out: Per): Per => long(out, 1, 2, 3, 4);
const hashed = (out: Per): Per => hashBits(algorithm(out));
const encrypted = (out: Per): Per => algorithm(out).sized(Uint8Array.of(1, 2, 3));
const signed = (out: Per): Per => hashBits(algorithm(out.sized(Uint8Array.of(7, 7))));
/** TLS; then both of H.235's kinds of capabilities are as this one. */
const securityMode = (out: Per): Per => out.put(1, 0).put(2, 1);
const clearToken = (out: Per): void => {
  out.put(1, 0).put(8, 0b11111111).sized(OID);
  name(time(out));
  out.put(1, 0);
  for (let part = 0; part < 3; part++) out.word(9).align().put(9, 0x155);
  out.put(7, 0).octets(OID8).sized(Uint8Array.of(5));
  out.put(1, 0).sized(OID).sized(Uint8Array.of(6, 6));
  name(out).sized(OID).sized(Uint8Array.of(8));
};

/** CryptoH323Token, one of each. */
const guard = (index: number) => (out: Per) => out.put(1, 0).put(3, index);
const nested = (index: number) => (out: Per) => guard(7)(out).put(1, 0).put(2, index);
const GUARDS = {
  'hash of an end': (out: Per) => {
    hashed(time(guard(0)(out).put(1, 0).put(1, 0).put(7, 1).octets([0x12])));
  },
  'hash of a gatekeeper': (out: Per) => {
    hashed(time(name(guard(1)(out))));
  },
  'encrypted password': (out: Per) => {
    encrypted(guard(2)(out));
  },
  'gatekeeper, encrypted': (out: Per) => {
    encrypted(guard(3)(out));
  },
  certificate: (out: Per) => {
    signed(guard(4)(out));
  },
  'signed start': (out: Per) => {
    signed(guard(6)(out));
  },
  'token, encrypted': (out: Per) => {
    encrypted(nested(0)(out).sized(OID));
  },
  'token, signed': (out: Per) => {
    signed(nested(1)(out).sized(OID));
  },
  'token, hashed': (out: Per) => {
    clearToken(nested(2)(out).sized(OID));
    hashed(out);
  },
  'token, password': (out: Per) => {
    encrypted(nested(3)(out));
  },
};
export type Guard = keyof typeof GUARDS;
export const GUARD_KINDS = Object.keys(GUARDS) as Guard[];

/** The body is an addition of the type. */
export const progress = ({ control, fast, guarded = [] }: Call & { guarded?: readonly Guard[] }): Body => ({
  index: -1,
  type: 3,
  write(out) {
    out.put(1, 0).put(5, (control ? 16 : 0) | (guarded.length > 0 ? 0b1110 : 0) | (fast ? 1 : 0));
    endpoint(protocol(out));
    if (control) transport(control)(out);
    out.put(1, 0).octets(GUID);
    if (guarded.length > 0) {
      securityMode(out);
      out.all([clearToken]);
      out.all(guarded.map((one) => GUARDS[one]));
    }
    if (fast) out.all(fast.map((one) => (item: Per) => item.sized(openChannel(one))));
  },
});

/** Q.931, with H.245 messages in its tunnel. */
export function q931({ index, type, write }: Body, tunnelled: readonly Uint8Array[] = []): Uint8Array {
  const message = per((out) => {
    out
      .put(1, 0)
      .put(1, 0)
      .put(1, tunnelled.length > 0 ? 1 : 0)
      .put(1, 0);
    if (index < 0) out.put(1, 1).put(7, 0).sized(per(write));
    else write(out.put(1, 0).put(3, index));
    if (tunnelled.length === 0) return;
    out.put(7, 2).put(3, 0b011).sized(Uint8Array.of(0x80));
    out.sized(per((all) => all.all(tunnelled.map((one) => (item: Per) => item.sized(one)))));
  });
  const length = message.length + 1;
  // Call reference 2:1; bearer capability; the user-user element.
  const head = [8, 2, 0, 1, type, 4, 3, 0x88, 0xc0, 0xa5, 0x7e, length >> 8, length & 255, 5];
  return concat(Uint8Array.from(head), message);
}

// --- RAS -------------------------------------------------------------------------------------------------------------------

const message = (index: number, write: (out: Per) => unknown): Uint8Array =>
  per((out) => write(out.put(1, 0).put(5, index)));
const list = (all: readonly (At | Elsewhere)[]) => (out: Per) => out.all(all.map(transport));
/** The time as the last addition of all, or with an empty list of tokens behind it. */
const lasting = (out: Per, seconds: number, last: boolean): void => {
  out.put(7, last ? 1 : 2).put(last ? 2 : 3, last ? 0b01 : 0b011);
  out.sized(per((time) => time.put(2, 1).word(seconds - 1)));
  if (!last) out.sized(Uint8Array.of(0));
};

export const grq = (at: At): Uint8Array =>
  message(0, (out) => {
    transport(at)(protocol(out.put(1, 0).put(4, 0).word(0)));
    endpoint(out);
  });
export const gcf = (at: At): Uint8Array =>
  message(1, (out) => {
    name(protocol(out.put(1, 0).put(2, 1).word(0)));
    transport(at)(out);
  });
export const rrq = (
  signal: readonly (At | Elsewhere)[],
  answers: readonly At[],
  seconds = 0,
  last = false,
  kind = endpoint,
): Uint8Array =>
  message(3, (out) => {
    protocol(
      out
        .put(1, seconds ? 1 : 0)
        .put(3, 2)
        .word(0),
    ).put(1, 1);
    list(signal)(out);
    list(answers)(out);
    aliases(kind(out));
    out.put(1, 0).put(2, 0).put(1, 0).octets([181, 0]).word(18);
    if (seconds) lasting(out, seconds, last);
  });
export const rcf = (signal: readonly At[], seconds = 0, last = false): Uint8Array =>
  message(4, (out) => {
    protocol(
      out
        .put(1, seconds ? 1 : 0)
        .put(3, 0)
        .word(0),
    );
    list(signal)(out);
    name(out);
    if (seconds) lasting(out, seconds, last);
  });
export const urq = (signal: readonly At[]): Uint8Array =>
  message(6, (out) => list(signal)(out.put(1, 0).put(3, 0).word(0)));
export const arq = ({ to, from }: { to?: At; from?: At }): Uint8Array =>
  message(9, (out) => {
    out
      .put(1, 0)
      .put(7, (to ? 0x10 : 0) | (from ? 0x04 : 0))
      .word(0)
      .put(3, 0);
    name(out);
    if (to) transport(to)(out);
    aliases(out);
    if (from) transport(from)(out);
    out.put(2, 1).word(640).word(1).octets(GUID).put(2, 0);
  });
export const acf = (to: At): Uint8Array =>
  message(10, (out) => {
    out.put(1, 0).put(2, 0).word(0).put(2, 1).word(640).put(2, 0);
    transport(to)(out);
  });
export const lrq = (answers: At): Uint8Array =>
  message(18, (out) => transport(answers)(aliases(out.put(1, 0).put(2, 0).word(0))));
export const lcf = (signal: At, answers: At): Uint8Array =>
  message(19, (out) => {
    transport(signal)(out.put(1, 0).put(1, 0).word(0));
    transport(answers)(out);
  });
export const irr = (answers: At, signal: readonly At[], kind = endpoint): Uint8Array =>
  message(22, (out) => {
    name(kind(out.put(1, 0).put(3, 0).word(0)));
    transport(answers)(out);
    list(signal)(out);
  });
