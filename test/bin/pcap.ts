// A capture of raw IP packets.

import { writeFileSync } from 'node:fs';
import { packetFromWords } from '../../packet/words.ts';

/** LINKTYPE_RAW: the frame is the packet. */
const LINKTYPE_RAW = 101;

export function writePcap(path: string, packets: readonly string[]): void {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(LINKTYPE_RAW, 20);
  const frames = packets.flatMap((words) => {
    const octets = packetFromWords(words);
    const frame = Buffer.alloc(16);
    frame.writeUInt32LE(octets.length, 8);
    frame.writeUInt32LE(octets.length, 12);
    return [frame, octets];
  });
  writeFileSync(path, Buffer.concat([head, ...frames]));
}
