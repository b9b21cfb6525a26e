import { defineMatch } from '../engine/extension.ts';
import { type Fingerprint, looksLike } from '../engine/host/fingerprints.ts';
import { logLine, NF_LOG_IPOPT, NF_LOG_TCPOPT, NF_LOG_TCPSEQ, NF_LOG_UID } from '../engine/log-line.ts';
import type { Services } from '../engine/services.ts';
import { text, u8 } from '../grammar/values.ts';
import { addressAt, formatAddress } from '../packet/address.ts';
import * as ipv4 from '../packet/ipv4.ts';
import { IPPROTO_TCP } from '../packet/numbers.ts';
import type { Packet } from '../packet/packet.ts';
import * as tcp from '../packet/tcp.ts';
import { words } from './shared/text.ts';

/** --ttl: the packet's must be that of the fingerprint, or not above it, or anything. */
const [TTL_EQUAL, TTL_BELOW, TTL_ANY] = [0, 1, 2];
/** --log: the first that fits alone. The other two levels log all of them, and packets that nobody knows. */
const LOG_FIRST = 1;
/** syslog's KERN_NOTICE. */
const LEVEL = 5;
const DETAILS = NF_LOG_TCPSEQ | NF_LOG_TCPOPT | NF_LOG_IPOPT | NF_LOG_UID;

interface Checked {
  readonly genre: string;
  /** Printed, and of no effect in the kernel. */
  readonly inverted: boolean;
  readonly ttl?: number;
  readonly log?: number;
}

export const osf = defineMatch({
  name: 'osf',
  families: [4],
  summary:
    'Kind of system that sent a TCP SYN, by its looks. An inversion is read and printed, and changes nothing, as in the kernel.',
  supplied:
    'Fingerprints are those of the file pf.os that the configuration names; without one no packet matches. With --log any system that the file knows matches, as in the kernel.',
  kernel: 'net/netfilter/xt_osf.c xt_osf_match_packet(), nfnetlink_osf.c nf_osf_match()',
  placement: { hooks: ['PREROUTING', 'INPUT', 'FORWARD'], protocols: [IPPROTO_TCP] },
  effect: 'stateful',
  options: {
    genre: text({ cutAt: 31 })({ help: 'name of the system, as in pf.os', invert: true, required: true }),
    ttl: u8({ help: '0: as in pf.os (the default), 1: not above that, 2: any', max: TTL_ANY }),
    log: u8({ help: '1: log the first that fits, 0 or 2: all, and any system then matches', max: 2 }),
  },
  check: ({ genre, ttl, log }): Checked => ({
    genre: genre.value,
    inverted: genre.inverted,
    ...(ttl && { ttl: ttl.value }),
    ...(log && { log: log.value }),
  }),
  // Never quoted: a genre with a blank does not come back.
  save: ({ genre, inverted, ttl, log }) =>
    `${inverted ? '! ' : ''}--genre ${words(genre, ttl !== undefined && `--ttl ${ttl}`, log !== undefined && `--log ${log}`)}`,
  list: ({ genre, inverted }) => `OS fingerprint match ${inverted ? '! ' : ''}${genre}`,
  compile({ genre, ttl = TTL_EQUAL, log }, { services }) {
    return (pkt) => {
      if (!isSyn(pkt)) return false;
      const known = services.fingerprints?.() ?? [];
      const fits = (finger: Fingerprint): boolean => fitsTtl(pkt, finger, ttl) && looksLike(pkt, finger);
      if (log === undefined) return known.some((finger) => finger.genre === genre && fits(finger));
      const found = log === LOG_FIRST ? known.find(fits) : known.filter(fits);
      const all = Array.isArray(found) ? found : found ? [found] : [];
      tell(pkt, all, services);
      return all.length > 0;
    };
  },
  saw(_checked, pkt, { fingerprints }) {
    if (!isSyn(pkt)) return 'no SYN';
    const found = fingerprints?.().find((finger) => looksLike(pkt, finger));
    return found
      ? `looks like ${found.genre} ${found.version}, ttl ${pkt.bytes[pkt.l3 + 8]}`
      : 'looks like nobody known';
  },
});

/** With all octets of its header. */
const isSyn = ({ bytes, l4, end }: Packet): boolean =>
  tcp.whole(bytes, l4, end) && (tcp.flags(bytes, l4) & tcp.SYN) !== 0;

function fitsTtl({ bytes, l3 }: Packet, finger: Fingerprint, level: number): boolean {
  const ttl = bytes[l3 + 8];
  return level === TTL_ANY || ttl === finger.ttl || (level === TTL_BELOW && ttl < finger.ttl);
}

function tell(pkt: Packet, found: readonly Fingerprint[], services: Services): void {
  const { bytes, l3, l4 } = pkt;
  const end = (at: number, port: number): string => `${formatAddress(addressAt(bytes, l3 + at, 4), 4)}:${port}`;
  const way = `${end(ipv4.SOURCE_AT, tcp.sourcePort(bytes, l4))} -> ${end(ipv4.DESTINATION_AT, tcp.destinationPort(bytes, l4))}`;
  const say = (prefix: string): void =>
    services.log({ now: pkt.now, level: LEVEL, text: logLine(pkt, `${prefix}\n`, DETAILS) });
  for (const { genre, version, subtype, ttl } of found) {
    say(`${genre} [${version}:${subtype}] : ${way} hops=${ttl - bytes[l3 + 8]}`);
  }
  if (found.length === 0) say(`Remote OS is not known: ${way}`);
}
