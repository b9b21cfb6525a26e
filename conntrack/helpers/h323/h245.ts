// Types of H.245, which opens the channels of a call: as far as the way to the addresses of those channels goes through them. What stands behind the
// last one is left out. ITU-T H.245 Annex A.

import {
  address,
  choice,
  flag,
  flags,
  integer,
  many,
  marked,
  nothing,
  octets,
  oid,
  optional,
  rest,
  sequence,
  type Type,
  text,
} from './per.ts';

const port = integer(0, 65_535);
const channelNumber = integer(1, 65_535);

const nonStandard = sequence([
  choice([oid, sequence([integer(0, 255), integer(0, 255), integer(0, 65_535)])]),
  octets(),
]);

const transportAddress = choice(
  [
    choice(
      [
        sequence([address(4)], []),
        sequence([octets(6, 6), octets(4, 4), octets(2, 2)], []),
        sequence([address(6)], []),
        octets(16, 16),
        sequence([choice([nothing, nothing]), octets(4, 4), port, many(octets(4, 4))], []),
      ],
      [],
    ),
    // Of groups nothing is expected.
    choice([sequence([octets(6, 6)], []), sequence([octets(18, 18)], [])], []),
  ],
  [],
);

// --- What a channel carries ------------------------------------------------------------------------------------------------

const maxBitRate = integer(0, 4_294_967_295);
const upTo30Bits = integer(0, 1_073_741_823);
const upTo18Bits = integer(0, 262_143);
const upTo14Bits = integer(0, 16_383);
const upTo4Bits = integer(0, 15);
const interval32 = optional(integer(1, 32));

const video = choice(
  [
    nonStandard,
    // H.261
    sequence([optional(integer(1, 4)), optional(integer(1, 4)), flag, integer(1, 19_200), flag], []),
    // H.262
    sequence(
      [
        flags(11),
        optional(upTo30Bits),
        optional(upTo18Bits),
        optional(upTo14Bits),
        optional(upTo14Bits),
        optional(upTo4Bits),
        optional(maxBitRate),
      ],
      [],
    ),
    // H.263
    sequence(
      [
        interval32,
        interval32,
        interval32,
        interval32,
        interval32,
        integer(1, 192_400),
        flags(5),
        optional(integer(0, 524_287)),
        optional(port),
      ],
      [],
    ),
    // ISO/IEC 11172-2
    sequence(
      [
        flag,
        optional(upTo30Bits),
        optional(upTo18Bits),
        optional(upTo14Bits),
        optional(upTo14Bits),
        optional(upTo4Bits),
        optional(maxBitRate),
      ],
      [],
    ),
  ],
  [],
);

/** Frames in a packet, or milliseconds. */
const frames = integer(1, 256);

const audio = choice(
  [
    nonStandard,
    frames, // G.711, A law, 64 and 56 kbit/s
    frames,
    frames, // G.711, mu law
    frames,
    frames, // G.722, 64, 56 and 48 kbit/s
    frames,
    frames,
    sequence([frames, flag]), // G.723.1
    frames, // G.728
    frames, // G.729
    frames, // G.729 A
    sequence([flags(8), integer(1, 448)], []), // ISO/IEC 11172-3
    sequence([flags(20), integer(1, 1_130)], []), // ISO/IEC 13818-3
  ],
  [],
);

const dataProtocol = (separateLanStack?: Type): Type =>
  choice(
    [nonStandard, nothing, nothing, nothing, nothing, nothing, nothing],
    [undefined, undefined, undefined, separateLanStack],
  );
const otherProtocol = dataProtocol();

const data = sequence(
  [
    choice(
      [
        nonStandard,
        dataProtocol(marked('t120OverLan', nothing)), // T.120
        otherProtocol, // DSM-CC
        otherProtocol, // user data
        sequence([otherProtocol, choice([nothing, sequence([flags(19)], [])])]), // T.84
        otherProtocol, // T.434
        otherProtocol, // H.224
        sequence([otherProtocol, octets()]), // NLPID
        nothing, // DSVD control
        otherProtocol, // H.222 data partitioning
      ],
      [],
    ),
    maxBitRate,
  ],
  [],
);

const dataType = choice([nonStandard, nothing, video, audio, data, choice([nonStandard, nothing], [])], []);

// --- Multiplexes of other networks than IP: a channel back may follow ------------------------------------------------------------

/** Identifiers of a program in a transport stream. */
const pid = integer(0, 8_191);
const h222 = sequence([port, pid, optional(pid), optional(octets()), optional(octets())], []);
const h223 = sequence(
  [
    choice([nonStandard, nothing, nothing, nothing, nothing, sequence([integer(0, 2), integer(0, 16_777_215)])], []),
    flag,
  ],
  [],
);
const v76 = sequence(
  [
    sequence([choice([nothing, nothing, nothing], []), integer(1, 4_095), flag], []),
    choice([nothing, nothing, nothing], []), // suspend, resume
    flag,
    choice([sequence([integer(1, 127), choice([nothing, nothing, nothing], [])], []), nothing], []),
    sequence([flag], []),
  ],
  [],
);

// --- Channels --------------------------------------------------------------------------------------------------------------

const mediaAddress = optional(marked('media', transportAddress));

/** H2250LogicalChannelParameters */
const channel = sequence(
  [
    optional(many(nonStandard)),
    integer(0, 255),
    optional(integer(1, 255)),
    mediaAddress,
    optional(flag), // guaranteed delivery
    mediaAddress,
    optional(rest), // guaranteed delivery of control
    optional(rest), // silence suppression
    optional(rest), // terminal label
    optional(rest), // payload type
    optional(rest), // packetization
  ],
  [],
);

/** H2250LogicalChannelAckParameters */
const acknowledged = sequence(
  [
    optional(many(nonStandard)),
    optional(integer(1, 255)),
    mediaAddress,
    mediaAddress,
    optional(rest), // payload type
  ],
  [],
);

/** NetworkAccessParameters: where T.120 is to be reached. */
const separateStack = (as: string): Type =>
  sequence(
    [
      optional(choice([nothing, nothing], [])),
      choice([rest, text(4, 1, 128), marked(as, transportAddress)], []),
      rest, // association with the conference and behind
      optional(rest),
    ],
    [],
  );

/** Where what is said of a channel begins. */
const begins = marked('channel', nothing);

export const openLogicalChannel = sequence(
  [
    begins,
    channelNumber,
    sequence([optional(port), dataType, choice([h222, h223, v76], [channel])], []),
    optional(sequence([dataType, optional(choice([h223, v76], [channel]))], [])),
  ],
  [separateStack('ownStack')],
);

const openLogicalChannelAck = sequence(
  [begins, channelNumber, optional(sequence([channelNumber, optional(port), optional(choice([h222], [channel]))], []))],
  [separateStack('stack'), choice([acknowledged], [])],
);

const request: Type = choice([rest, rest, rest, openLogicalChannel, rest, rest, rest, rest, rest, rest, rest], []);
const response: Type = choice(
  [rest, rest, rest, rest, rest, openLogicalChannelAck, ...Array.from({ length: 13 }, () => rest)],
  [],
);

export const multimediaSystemControlMessage = choice([request, response, rest, rest], []);
