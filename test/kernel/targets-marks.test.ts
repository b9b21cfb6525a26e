// CONNMARK's rows on the kernel: the connection's mark from its table, the packet's from the log.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ip6, udp } from '../../packet/build.ts';
import { toHex } from '../../packet/bytes.ts';
import { connmarks } from '../targets/effects/connmarks.ts';
import { probeTwin, ready } from './support.ts';
import { Twin } from './twin.ts';

const machine = probeTwin();
describe.skipIf(!ready('CONNMARK against the kernel', machine))('CONNMARK, as the kernel has it', () => {
  let twin: Twin;
  beforeAll(async () => {
    twin = await Twin.start();
  });
  afterAll(() => twin.stop());

  test.each(connmarks)('$options of packet $nfmark and connection $ctmark', async (row) => {
    const rules = [
      `-j CONNMARK --set-mark ${row.ctmark}`,
      `-j MARK --set-mark ${row.nfmark}`,
      `-j CONNMARK ${row.options}`,
      '-j LOG',
    ].map((rule) => `-A FORWARD ${rule}\n`);
    const { steps } = await twin.run({
      v6rules: `*mangle\n${rules.join('')}COMMIT\n`,
      log: true,
      steps: [{ in: 'A', hex: toHex(ip6({}, udp())) }, { ct: true }],
    });
    const mark = /MARK=(0x[0-9a-f]+) $/.exec(steps[0].log![0].msg)?.[1] ?? '0';
    expect({ nfmarkAfter: Number(mark), ctmarkAfter: steps[1].ct![0].mark ?? 0 }).toEqual({
      nfmarkAfter: row.nfmarkAfter,
      ctmarkAfter: row.ctmarkAfter,
    });
  });
});
