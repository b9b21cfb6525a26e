import { pull } from '../conntrack/defrag/cut.ts';
import { type Action, defineTarget } from '../engine/extension.ts';
import { CONTINUE, DROP } from '../engine/verdict.ts';
import { flag, u8 } from '../grammar/values.ts';
import { putU16 } from '../packet/bytes.ts';
import { rewriteU16 } from '../packet/checksum.ts';
import * as ipv4 from '../packet/ipv4.ts';
import { IPPROTO_TCP } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import * as tcp from '../packet/tcp.ts';
import { words } from './shared/text.ts';

interface Checked {
  /** Undefined: left as it is. */
  readonly ece: number | undefined;
  readonly cwr: number | undefined;
  readonly ect: number | undefined;
}

const changesTcp = ({ ece, cwr }: Checked): boolean => ece !== undefined || cwr !== undefined;
const isRemove = ({ ece, cwr, ect }: Checked): boolean => ece === 0 && cwr === 0 && ect === undefined;

export const ECN = defineTarget({
  name: 'ECN',
  families: [4],
  summary: 'Sets or clears the ECN bits of the TCP header and the codepoint of the IPv4 header, against blackholes.',
  kernel: 'net/ipv4/netfilter/ipt_ECN.c ecn_tg()',
  options: {
    'ecn-tcp-remove': flag({ help: 'clear both TCP bits', excludes: ['ecn-tcp-cwr', 'ecn-tcp-ece'] }),
    'ecn-tcp-cwr': u8({ help: 'set the CWR bit to VALUE', max: 1, excludes: ['ecn-tcp-remove'] }),
    'ecn-tcp-ece': u8({ help: 'set the ECE bit to VALUE', max: 1, excludes: ['ecn-tcp-remove'] }),
    'ecn-ip-ect': u8({ help: 'set the codepoint of the IP header to VALUE', max: 3 }),
  },
  check(options, scope): Checked {
    const { 'ecn-tcp-remove': remove, 'ecn-ip-ect': ect } = options;
    // To remove is to say anew what is to be done: a codepoint that stands before it is forgotten.
    const forgotten = remove && ect && ect.span.start < remove.span.start;
    const checked = {
      ece: remove ? 0 : options['ecn-tcp-ece']?.value,
      cwr: remove ? 0 : options['ecn-tcp-cwr']?.value,
      ect: forgotten ? undefined : ect?.value,
    };
    if (!changesTcp(checked) && checked.ect === undefined) scope.fail('ECN target: An operation is required');
    return checked;
  },
  save: (c) =>
    isRemove(c)
      ? '--ecn-tcp-remove'
      : words(
          c.ece !== undefined && `--ecn-tcp-ece ${c.ece}`,
          c.cwr !== undefined && `--ecn-tcp-cwr ${c.cwr}`,
          c.ect !== undefined && `--ecn-ip-ect ${c.ect}`,
        ),
  list: (c) =>
    isRemove(c)
      ? 'ECN TCP remove'
      : words(
          'ECN',
          c.ece !== undefined && `ECE=${c.ece}`,
          c.cwr !== undefined && `CWR=${c.cwr}`,
          c.ect !== undefined && `ECT codepoint=${c.ect}`,
        ),
  placement: {
    tables: ['mangle'],
    refuses: (checked, { protocol }) =>
      changesTcp(checked) && (protocol?.number !== IPPROTO_TCP || protocol.inverted)
        ? 'ipt_ECN: cannot use operation on non-tcp rule'
        : undefined,
  },
  compile(checked): Action {
    const clear = (checked.ece === undefined ? 0 : tcp.ECE) | (checked.cwr === undefined ? 0 : tcp.CWR);
    const set = (checked.ece ? tcp.ECE : 0) | (checked.cwr ? tcp.CWR : 0);
    const { ect } = checked;
    return (pkt) => {
      const { bytes, l3 } = pkt;
      if (ect !== undefined) {
        const old = ipv4.tos(bytes, l3);
        if ((old & 3) !== ect) ipv4.setTos(bytes, l3, (old & ~3) | ect);
      }
      if (clear === 0 || pkt.protocol !== IPPROTO_TCP) return CONTINUE;
      if (!tcp.fits(bytes, pkt.l4, pkt.end)) {
        pkt.reason = 'TCP header cut short';
        return DROP;
      }
      const old = tcp.flags(bytes, pkt.l4);
      const now = (old & ~clear) | set;
      if (now !== old) setFlags(pkt, now);
      return CONTINUE;
    };
  },
});

/** Like the kernel, this does not ask whether a later fragment has a TCP header there at all. */
function setFlags(pkt: Packet, flags: number): void {
  const { bytes, l3, l4, checksumPartial } = pkt;
  pull(pkt, l4 - l3 + tcp.LENGTH);
  const word = (bytes[l4 + 12] << 8) | flags;
  if (checksumPartial) putU16(bytes, l4 + 12, word);
  else rewriteU16(bytes, l4 + 12, word, l4 + tcp.CHECKSUM_AT);
}
