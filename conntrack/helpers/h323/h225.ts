// Types of H.225.0, as far as the way to transport addresses goes through them: messages of a call (inside Q.931), and RAS, between terminals and
// their gatekeeper. What stands behind the last address of a message is left out. ITU-T H.225.0 Annex H.

import { multimediaSystemControlMessage, openLogicalChannel } from './h245.ts';
import {
  address,
  carrying,
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
const octet = integer(0, 255);
/** BMPString. */
const wide = (from: number, to: number): Type => text(16, from, to);
const identifier = wide(1, 128);
/** GloballyUniqueID */
const guid = octets(16, 16);

const h221NonStandard = sequence([octet, octet, port], []);
const nonStandard = sequence([choice([oid, h221NonStandard], []), octets()]);
/** Of many capabilities nothing else is in the root. */
const capabilities = sequence([optional(nonStandard)], []);

const transportAddress = choice(
  [
    sequence([address(4)]),
    sequence([octets(4, 4), port, many(octets(4, 4)), choice([nothing, nothing], [])], []),
    sequence([octets(6, 6), octets(4, 4), octets(2, 2)]),
    sequence([address(6)], []),
    octets(16, 16),
    octets(1, 20),
    nonStandard,
  ],
  [],
);
const aliasAddress = choice([text(4, 1, 128), wide(1, 256)], []);
const aliases = many(aliasAddress);

const vendor = sequence([h221NonStandard, optional(octets(1, 256)), optional(octets(1, 256))], []);
const protocol = choice([nonStandard, ...Array.from({ length: 8 }, () => capabilities)], []);
const endpointType = sequence(
  [
    optional(nonStandard),
    optional(vendor),
    optional(capabilities), // gatekeeper
    optional(sequence([optional(many(protocol)), optional(nonStandard)], [])), // gateway
    optional(capabilities), // MCU
    optional(capabilities), // terminal
    flags(2),
  ],
  [],
);

/** QseriesOptions */
const callServices = sequence([flags(7), sequence([flags(2)], [])], []);
const callType = choice([nothing, nothing, nothing, nothing], []);
const callModel = choice([nothing, nothing], []);

const h245Address = marked('h245Address', transportAddress);
const fastStart = many(carrying(openLogicalChannel));

// --- Calls -----------------------------------------------------------------------------------------------------------------

const setup = sequence(
  [
    oid,
    optional(h245Address),
    optional(aliases),
    endpointType,
    optional(aliases),
    optional(marked('destination', transportAddress)),
    optional(aliases),
    optional(many(port)),
    flag, // active MC
    guid,
    choice([nothing, nothing, nothing], []), // conference's goal
    optional(callServices),
    callType,
  ],
  [marked('source', transportAddress), undefined, undefined, undefined, undefined, undefined, fastStart],
);

/** Behind call identifier, security mode and tokens. */
const answerAdditions = [undefined, undefined, undefined, undefined, fastStart];
/** CallProceeding and Alerting. */
const underWay = sequence([oid, endpointType, optional(h245Address)], answerAdditions);
const connect = sequence([oid, optional(h245Address), endpointType, guid], answerAdditions);
const information = sequence([oid], []);
const releaseComplete = sequence([oid, optional(choice([...Array.from({ length: 12 }, () => nothing)], []))], []);
const facility = sequence(
  [
    oid,
    optional(marked('alternative', transportAddress)),
    optional(aliases),
    optional(guid),
    choice([nothing, marked('callForwarded', nothing), nothing, nothing], []),
  ],
  [undefined, undefined, undefined, undefined, undefined, undefined, h245Address, fastStart],
);

const mode = choice([nonStandard, nothing, nothing], []);
const securityCapabilities = sequence([optional(nonStandard), mode, mode, mode], []);
const keyPart = text(1, 0, 2_048);
const timeStamp = integer(1, 4_294_967_295);
/** H.235.0 ClearToken */
const clearToken = sequence(
  [
    oid,
    optional(timeStamp),
    optional(identifier), // password
    optional(sequence([keyPart, keyPart, keyPart], [])),
    optional(octets(8, 128)), // challenge
    optional(octets()), // random number
    optional(sequence([oid, octets()], [])), // certificate
    optional(identifier),
    optional(sequence([oid, octets()])),
  ],
  [],
);
/**
 * H.235.0: parameters of an algorithm; what it makes of something. Differs: what is signed is an open type, here as in a nested token; the
 * kernel reads on in it, and takes the message for broken.
 */
const params = sequence([optional(oid), optional(octets(8, 8))], []);
const hashed = sequence([oid, params, text(1)]);
const encrypted = sequence([oid, params, octets()]);
const signed = sequence([octets(), oid, params, text(1)]);
const cryptoToken = choice(
  [sequence([oid, encrypted]), sequence([oid, signed]), sequence([oid, clearToken, hashed]), encrypted],
  [],
);
const cryptoH323Token = choice(
  [
    sequence([aliasAddress, timeStamp, hashed]),
    sequence([identifier, timeStamp, hashed]),
    encrypted,
    encrypted,
    signed,
    signed,
    signed,
    cryptoToken,
  ],
  [],
);
const progress = sequence(
  [
    oid,
    endpointType,
    optional(h245Address),
    sequence([guid], []),
    optional(choice([nonStandard, nothing, securityCapabilities, securityCapabilities], [])),
    optional(many(clearToken)),
    optional(many(cryptoH323Token)),
    optional(fastStart),
  ],
  [],
);

/** H323-UserInformation; user data at its end is left out. */
export const userInformation = sequence(
  [
    sequence(
      [
        choice([setup, underWay, connect, underWay, information, releaseComplete, facility], [progress]),
        optional(nonStandard),
      ],
      [undefined, undefined, sequence([marked('tunnel', nothing), many(carrying(multimediaSystemControlMessage))])],
    ),
    optional(rest),
  ],
  [],
);

// --- RAS -------------------------------------------------------------------------------------------------------------------

/** The name of each message is found first. */
const message = (
  name: string,
  components: Parameters<typeof sequence>[0],
  additions: Parameters<typeof sequence>[1],
): Type => sequence([marked(name, nothing), ...components], additions);

const sequenceNumber = integer(1, 65_535);
const bandWidth = integer(0, 4_294_967_295);
const timeToLive = marked('timeToLive', integer(1, 4_294_967_295));
const rasAddress = marked('ras', transportAddress);
const signalAddress = marked('signal', transportAddress);

const gatekeeperRequest = message(
  'gatekeeperRequest',
  [sequenceNumber, oid, optional(nonStandard), rasAddress, rest, optional(rest), optional(rest), optional(rest)],
  [],
);
const gatekeeperConfirm = message(
  'gatekeeperConfirm',
  [sequenceNumber, oid, optional(nonStandard), optional(identifier), rasAddress],
  [rest],
);
const registrationRequest = message(
  'registrationRequest',
  [
    sequenceNumber,
    oid,
    optional(nonStandard),
    flag, // discovery is complete
    many(signalAddress),
    many(rasAddress),
    endpointType,
    optional(aliases),
    optional(identifier),
    vendor,
  ],
  [undefined, timeToLive, rest],
);
const registrationConfirm = message(
  'registrationConfirm',
  [
    sequenceNumber,
    oid,
    optional(nonStandard),
    many(signalAddress),
    optional(aliases),
    optional(identifier),
    identifier,
  ],
  [undefined, timeToLive, rest],
);
const unregistrationRequest = message(
  'unregistrationRequest',
  [sequenceNumber, many(signalAddress), optional(rest), optional(rest), optional(rest)],
  [],
);
const admissionRequest = message(
  'admissionRequest',
  [
    sequenceNumber,
    callType,
    optional(callModel),
    identifier,
    optional(aliases),
    optional(marked('destination', transportAddress)),
    optional(aliases),
    aliases,
    optional(marked('source', transportAddress)),
    rest, // bandwidth and behind
    optional(rest),
    optional(rest),
  ],
  [],
);
const admissionConfirm = message(
  'admissionConfirm',
  [sequenceNumber, bandWidth, callModel, marked('destination', transportAddress), optional(rest), optional(rest)],
  [],
);
const locationRequest = message(
  'locationRequest',
  [sequenceNumber, optional(identifier), aliases, optional(nonStandard), rasAddress],
  [rest],
);
const locationConfirm = message(
  'locationConfirm',
  [sequenceNumber, signalAddress, transportAddress, optional(rest)],
  [],
);
const infoRequestResponse = message(
  'infoRequestResponse',
  [
    optional(nonStandard),
    sequenceNumber,
    endpointType,
    identifier,
    rasAddress,
    many(signalAddress),
    optional(rest),
    optional(rest),
  ],
  [],
);

const others = (count: number): Type[] => Array.from({ length: count }, () => rest);

/** RasMessage: the first thing found says which one it is. */
export const rasMessage = choice(
  [
    gatekeeperRequest,
    gatekeeperConfirm,
    rest,
    registrationRequest,
    registrationConfirm,
    rest,
    unregistrationRequest,
    rest,
    rest,
    admissionRequest,
    admissionConfirm,
    ...others(7),
    locationRequest,
    locationConfirm,
    ...others(2),
    infoRequestResponse,
    ...others(2),
  ],
  [],
);
