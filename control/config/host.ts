// `host:` in a configuration file: what rules may ask of the machine around the firewall (engine/host/facts.ts).

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type HostFacts, readFacts } from '../../engine/host/facts.ts';
import { choice, flag, integer, type JsonSchema, list, mapping, record, text } from './kinds.ts';

const described = (description: string): JsonSchema => ({ description });
const anything = (): void => {};
const word = text({});
const MOST_32 = 0xffff_ffff;

const OWNER = record('an owner', {
  uid: integer(0, MOST_32),
  gid: integer(0, MOST_32),
  classid: integer(0, MOST_32, described('Class of net_cls, for -m cgroup --cgroup.')),
  cgroup: text(described('Control group of version 2, for -m cgroup --path.')),
});

const SOCKET = record(
  'a socket',
  {
    protocol: choice(['tcp', 'udp']),
    local: text(described('192.0.2.1:80, [2001:db8::1]:80; *:80 for any address.')),
    remote: text(described('The other end, of a connected one.')),
    device: text(described('Device that it is bound to.')),
    transparent: flag(described('IP_TRANSPARENT is set.')),
    mark: integer(0, MOST_32),
    owner: OWNER,
  },
  { required: ['protocol', 'local'] },
);

const TRANSFORM = record(
  'a transform',
  {
    proto: choice(['ah', 'esp', 'ipcomp']),
    mode: choice(['transport', 'tunnel']),
    spi: integer(0, MOST_32),
    reqid: integer(0, MOST_32),
    source: text(described('Where the tunnel begins.')),
    destination: text(described('Where it ends.')),
  },
  { required: ['proto', 'mode'] },
);

const FLOW = record(
  'a flow',
  {
    direction: choice(['in', 'out']),
    source: text(described('Prefix; any where left out.')),
    destination: text(described('Prefix; any where left out.')),
    transforms: list(TRANSFORM, described('The innermost first.')),
  },
  { required: ['direction', 'transforms'] },
);

const SERVICE = record(
  'a virtual service',
  {
    protocol: choice(['tcp', 'udp', 'sctp']),
    address: word,
    port: integer(0, 65_535),
    method: choice(['GATE', 'IPIP', 'MASQ']),
    control: integer(0, 65_535, described('Port of the service that controls it.')),
  },
  { required: ['protocol', 'address', 'port'] },
);

const ACCOUNT = record('an account', {
  packets: integer(0, Number.MAX_SAFE_INTEGER, described('Quota in packets.')),
  bytes: integer(0, Number.MAX_SAFE_INTEGER, described('Quota in octets.')),
});

export const HOST = record(
  'host',
  {
    sockets: list(SOCKET, described('For -m socket, TPROXY, and -m cgroup on INPUT.')),
    ipsec: list(FLOW, described('What IPsec protects, for -m policy.')),
    ipvs: list(SERVICE, described('Services that IPVS balances, for -m ipvs.')),
    accounts: mapping(ACCOUNT, anything, described('Accounts with quotas, for -m nfacct.')),
    fingerprints: text(described('A file like pf.os, relative to this one, for -m osf.')),
    'device-groups': mapping(
      integer(0, MOST_32),
      anything,
      described('For -m devgroup; without, what the kernel has of the devices.'),
    ),
    realms: mapping(integer(0, 65_535), anything, described('Realms of routes by prefix, for -m realm.')),
  },
  described('What rules may ask of the machine around the firewall.'),
);

type Read = NonNullable<ReturnType<(typeof HOST)['read']>>;

/** Throws an Error that says what cannot be used. Files are relative to `folder`. */
export function hostFacts(read: Read | undefined, folder: string): HostFacts {
  if (!read) return {};
  const { accounts, fingerprints, realms, 'device-groups': groups, ...plain } = read;
  const facts = {
    ...plain,
    ...(accounts && { accounts: [...accounts].map(([name, quota]) => ({ name, quota: quotaOf(quota) })) }),
    ...(fingerprints !== undefined && { fingerprints: readFileSync(resolve(folder, fingerprints), 'utf8') }),
    ...(groups && { deviceGroups: Object.fromEntries(groups) }),
    ...(realms && { realms: Object.fromEntries(realms) }),
  } as HostFacts;
  const socket = plain.sockets?.find(({ protocol, local }) => protocol === undefined || local === undefined);
  if (socket) throw new Error('a socket has a protocol and a local end');
  const flow = plain.ipsec?.find(({ direction, transforms }) => direction === undefined || !transforms);
  if (flow) throw new Error('a flow has a direction and transforms');
  const bare = plain.ipsec?.flatMap(({ transforms = [] }) => transforms).find(({ proto, mode }) => !proto || !mode);
  if (bare) throw new Error('a transform has a proto and a mode');
  const service = plain.ipvs?.find(({ protocol, address, port }) => !protocol || !address || port === undefined);
  if (service) throw new Error('a virtual service has a protocol, an address and a port');
  readFacts(facts);
  return facts;
}

function quotaOf({ packets, bytes }: { packets?: number; bytes?: number }) {
  if (packets !== undefined && bytes !== undefined)
    throw new Error('an account has a quota in packets or in bytes, not both');
  if (packets !== undefined) return { of: 'packets', limit: packets } as const;
  return bytes === undefined ? undefined : ({ of: 'bytes', limit: bytes } as const);
}
