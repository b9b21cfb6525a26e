// Words of a packet, read as words. Out of a Uint8Array a word is four octets, each with its check of the bounds: the two addresses of an IPv6 packet
// took 16 ns, by a DataView 4. Making a view costs more than that, so those of the buffers seen last are kept; devices fill the same few again
// and again.

const KEPT = 8;

let last: Uint8Array = new Uint8Array(0);
let view = new DataView(last.buffer);
const buffers: Uint8Array[] = [];
const views: DataView[] = [];
let next = 0;

/** Out of its bounds it throws: a packet's IP header is always whole, the next one if the packet is (Packet.whole). */
export const viewOf = (bytes: Uint8Array): DataView => (bytes === last ? view : other(bytes));

function other(bytes: Uint8Array): DataView {
  let at = buffers.indexOf(bytes);
  if (at < 0) {
    at = next;
    next = (next + 1) % KEPT;
    buffers[at] = bytes;
    views[at] = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  last = bytes;
  view = views[at];
  return view;
}
