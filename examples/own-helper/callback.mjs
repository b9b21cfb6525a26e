// A helper of one's own, for a made-up protocol. A client that holds a connection to TCP port 7000 says
//
//   CALLBACK 5000
//
// and the server then connects to it at that port. With this helper that connection is RELATED; where the client is behind address
// translation, the port that the router keeps for it is what the server reads.

const IPPROTO_TCP = 6;
const ANNOUNCEMENT = /^CALLBACK (\d{1,5})\r?\n/;

/** @type {import('sekisho').Helper} */
export const callback = {
  name: 'callback',
  summary: 'Connections back to the client that asked for them.',
  families: [4, 6],
  protocols: [IPPROTO_TCP],
  port: 7000,
  // At most two wait at a time, each for a minute; a third takes the place of the first.
  policies: [{ name: '', most: 2, timeoutMs: 60_000 }],
  help(call) {
    // Only what the client says, once the server has answered: nobody opens holes before.
    if (!call.established || call.direction !== 0) return undefined;
    const said = ANNOUNCEMENT.exec(
      String.fromCharCode(...call.bytes.subarray(call.from, Math.min(call.to, call.from + 20))),
    );
    const port = Number(said?.[1]);
    if (!said || port === 0 || port > 65_535) return undefined;

    // From the server, any port, to where answers to the client go: `other` is the tuple of the answers.
    const expectation = call.expectation({
      protocol: IPPROTO_TCP,
      source: call.other.words.subarray(0, 4),
      destination: call.other.words.subarray(4),
      destinationPort: port,
    });
    if (!call.translated) return call.expect(expectation) && 'callback cannot be expected';

    // Behind translation the port may be somebody else's already. What comes is of the direction of the answers: 1.
    const kept = call.expectTranslated(expectation, 1);
    if (kept === 0) return 'no port is left for a callback';
    if (call.mangle(call.from + 'CALLBACK '.length, said[1].length, String(kept))) return undefined;
    call.unexpect(expectation);
    return 'the packet would grow too long';
  },
};

export default { helpers: [callback] };
