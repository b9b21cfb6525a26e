import { defineMatch } from '../engine/extension.ts';
import type { Services } from '../engine/services.ts';
import { quote } from '../grammar/scan.ts';
import { text, u32 } from '../grammar/values.ts';
import type { Owner, Packet } from '../packet/packet.ts';
import { socketOf } from './shared/socket-of.ts';

/** struct xt_cgroup_info_v2, without the closing NUL. */
const LONGEST = 511;

interface Checked {
  readonly path?: string;
  readonly classid?: number;
  readonly inverted: boolean;
}

const ROOT = '/';

/** Without empty parts, so that `/a//b/` is `/a/b`. */
const normal = (path: string): string => `${ROOT}${path.split('/').filter(Boolean).join('/')}`;

/** The owner of a packet on its way out, or of the socket that it goes to. */
const ownerOf = (pkt: Packet, services: Services): Owner | undefined =>
  pkt.owner ?? (pkt.outDevice === '' ? socketOf(pkt, services)?.owner : undefined);

export const cgroup = defineMatch({
  name: 'cgroup',
  families: [4, 6],
  summary: 'Control group of the process that sends the packet, or whose socket it goes to.',
  supplied:
    'Inline: of the sockets that the configuration tells of; packets of no known owner never match, inverted or not. In tests the owner of the packet.',
  kernel: 'net/netfilter/xt_cgroup.c cgroup_mt_v2()',
  placement: {
    hooks: ['INPUT', 'OUTPUT', 'POSTROUTING'],
    refuses({ path, classid }: Checked) {
      if (path !== undefined && classid !== undefined) return 'xt_cgroup: both path and classid specified';
      return path === undefined && classid === undefined ? 'xt_cgroup: no path or classid specified' : undefined;
    },
  },
  effect: 'pure',
  options: {
    path: text({ cutAt: LONGEST })({ help: 'control group (version 2), with those below it', invert: true }),
    cgroup: u32({ help: 'class of net_cls', invert: true }),
  },
  check: ({ path, cgroup: classid }): Checked => ({
    ...(path && { path: path.value }),
    ...(classid && { classid: classid.value }),
    inverted: path?.inverted || classid?.inverted || false,
  }),
  save: ({ path, classid, inverted }) =>
    `${inverted ? '! ' : ''}${path === undefined ? `--cgroup ${classid}` : `--path ${quote(path)}`}`,
  list: ({ path, classid, inverted }) => `cgroup ${inverted ? '! ' : ''}${path ?? classid}`,
  compile({ path, classid, inverted }, { services }) {
    if (path === undefined) {
      return (pkt) => {
        const owner = ownerOf(pkt, services);
        return owner !== undefined && ((owner.classid ?? 0) === classid) !== inverted;
      };
    }
    const group = normal(path);
    const below = group === ROOT ? ROOT : `${group}/`;
    return (pkt) => {
      const owner = ownerOf(pkt, services);
      if (owner === undefined) return false;
      const own = owner.cgroup ?? ROOT;
      return (own === group || own.startsWith(below)) !== inverted;
    };
  },
  saw(_checked, pkt, services) {
    const owner = ownerOf(pkt, services);
    return owner ? `cgroup ${owner.cgroup ?? ROOT} class ${owner.classid ?? 0}` : 'no socket';
  },
});
