// The configuration file of `sekisho run --config FILE`: what it may hold, and what of it a daemon is to be. docs/daemon.md describes it,
// docs/config.schema.json tells it to editors; that schema is made from these kinds.

import { dirname, resolve } from 'node:path';
import type { Node } from 'yaml';
import { PROFILES } from '../../conntrack/profiles.ts';
import { PROFILE } from '../../conntrack/settings.ts';
import { Sysctls } from '../../conntrack/sysctl.ts';
import { didYouMean } from '../../grammar/suggest.ts';
import { IO_METHODS } from '../../tun/io-method.ts';
import { stateDirectory, statePaths } from '../paths.ts';
import {
  DEFAULT_LOG,
  DEFAULT_SAVE_MS,
  type DeviceSettings,
  LONGEST_BUSY_POLL_US,
  MOST_QUEUES,
  type Settings,
} from '../settings.ts';
import { FACILITIES } from '../watch/syslog.ts';
import { HOST, hostFacts } from './host.ts';
import {
  choice,
  flag,
  integer,
  type JsonSchema,
  list,
  mapping,
  type Placed,
  placed,
  record,
  span,
  text,
} from './kinds.ts';
import { Reader } from './reader.ts';
import { checkDeviceName, checkListen, checkPrefix, checkRoute, isLoopback, Refused, ruleFilesOf } from './words.ts';

const described = (description: string): JsonSchema => ({ description });

// --- Timeouts --------------------------------------------------------------------------------------------------------

/** `tcp-established` for net.netfilter.nf_conntrack_tcp_timeout_established, `udp` for nf_conntrack_udp_timeout. */
const TIMEOUTS: ReadonlyMap<string, string> = new Map(
  new Sysctls().names().flatMap((name): [string, string][] => {
    const [, before, after = ''] = /^net\.netfilter\.nf_conntrack_(\w+?)_timeout(?:_(\w+))?$/.exec(name) ?? [];
    return before === undefined ? [] : [[[before, ...(after ? [after] : [])].join('-').replaceAll('_', '-'), name]];
  }),
);

function checkTimeout(name: string): void {
  if (!TIMEOUTS.has(name)) throw new Refused(`no timeout is called "${name}"`, didYouMean(name, TIMEOUTS.keys()));
}

// --- The file --------------------------------------------------------------------------------------------------------

const DEVICE = record(
  'a device',
  {
    name: text(described('As rules know it. Without it, what it is called here.'), checkDeviceName),
    netns: text(described('Namespace of the programs behind it: a name, a path, pid:NUMBER, or new:NAME to make it.')),
    host: list(
      text({}, checkPrefix),
      described('Addresses of the machine behind it, set on the device as programs there see it.'),
    ),
    'host-routes': list(text({}, checkRoute), described('Routes by this device for the programs behind it.')),
    addresses: list(text({}, checkPrefix), described('Router mode: our own addresses on it.')),
    routes: list(text({}, checkRoute), described('Router mode: what lies behind it; PREFIX or PREFIX via ADDRESS.')),
    mtu: integer(68, 65_535),
  },
  described('A TUN device that the daemon makes, or attaches to when it is there and nobody has it open.'),
);

const RULE_FILE = text(
  described(
    'Save file, relative to this one. A name that ends in .v4 or .v6 is of that family, any other is read for both.',
  ),
);

const CONFIG = record('a configuration', {
  mode: choice(['bridge', 'router'], described('bridge passes packets on unchanged; router routes them.')),
  state: placed(text(described('State directory: rules, sets, connections, lock, socket.'))),
  socket: text(described('Path of the control socket, when it is not in the state directory.')),
  namespace: text(described('Namespace that the devices are made in: a name, a path, pid:NUMBER, or new:NAME.')),
  devices: mapping(placed(DEVICE), checkDeviceName, {
    minProperties: 2,
    maxProperties: 2,
    description: 'Inside first, outside second.',
  }),
  queues: integer(
    1,
    MOST_QUEUES,
    described('Of each device, with a thread for each that reads and writes; 1: the engine does it itself.'),
  ),
  io: choice(
    IO_METHODS,
    described('How packets are read and written; without, io_uring where the machine allows it, else calls.'),
  ),
  'busy-poll': integer(
    0,
    LONGEST_BUSY_POLL_US,
    described('Microseconds for which to go on looking for packets before sleeping; 0: none (default).'),
  ),
  rules: list(
    placed(RULE_FILE),
    described('Rules to start with, and to load again; without, those of the state directory.'),
  ),
  sets: placed(text(described('What ipset save printed, relative to this file.'))),
  sysctls: mapping(
    placed(text({ type: ['string', 'integer'] })),
    () => {},
    described('Kernel names: net.netfilter.nf_conntrack_max.'),
  ),
  profile: choice(
    Object.keys(PROFILES),
    described('Values of many settings at once, before those by name: rfc6092 for homes, kernel (docs/standards.md).'),
  ),
  timeouts: mapping(span(0), checkTimeout, {
    description: 'Timeouts of connections: tcp-established: 5d.',
    propertyNames: { enum: [...TIMEOUTS.keys()] },
  }),
  extensions: placed(
    list(
      text({}),
      described(
        "Matches and targets of one's own: JavaScript modules, relative to this file (docs/own-extensions.md).",
      ),
    ),
  ),
  host: placed(HOST),
  log: record('a log', {
    to: placed(text(described('stderr (default), syslog, or a file, opened again on reload.'))),
    level: integer(0, 7, described('Only lines of LOG rules of this syslog level or more urgent.')),
    facility: choice(FACILITIES, described("Of the system's log: kern (default), as from the kernel.")),
  }),
  metrics: placed(
    text(
      described('Address and port for Prometheus: 127.0.0.1:9464. Others than loopback want metrics-open: true.'),
      checkListen,
    ),
  ),
  'metrics-open': flag(described('Metrics for other machines as well.')),
  'save-every': span(1_000, described('Between two savings of counters, sets and connections; 60s.')),
});

/** For editors. */
export const CONFIG_SCHEMA: JsonSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Sekisho configuration',
  description: 'Of the daemon: sekisho run --config FILE.',
  ...CONFIG.schema,
  required: ['devices'],
};

/** A file that was read: what a daemon is to be, and where in the file each part of it stands, for later complaints. */
export interface Configuration {
  readonly settings: Settings;
  readonly reader: Reader;
  readonly places: ReadonlyMap<string, Node>;
}

/** Reads a configuration file. Throws ConfigError with all that is wrong. Paths in it are relative to its own place. */
export function parseConfig(source: string, file: string): Configuration {
  const reader = new Reader(source, file);
  reader.stopAtProblems();
  const read = reader.contents
    ? CONFIG.read(reader.contents, reader)
    : reader.problem(null, 'the file is empty', 'it wants devices at least');
  reader.stopAtProblems();
  const places = new Map<string, Node>();
  const settings = read && settingsOf(read, reader, places, dirname(resolve(file)));
  reader.stopAtProblems();
  return { settings: settings as Settings, reader, places };
}

type Read = NonNullable<ReturnType<(typeof CONFIG)['read']>>;

function settingsOf(read: Read, reader: Reader, places: Map<string, Node>, folder: string): Settings | undefined {
  const at = <T>(key: string, part: Placed<T> | undefined): T | undefined => {
    if (part) places.set(key, part.node);
    return part?.value;
  };
  const mode = read.mode ?? 'bridge';
  const devices = devicesOf(read, mode, reader, places);
  if (!devices) return undefined;
  const directory = at('state', read.state);
  const paths = statePaths(directory === undefined ? stateDirectory() : resolve(folder, directory));
  const sets = at('sets', read.sets);
  const metrics = at('metrics', read.metrics);
  if (metrics && !isLoopback(metrics.address) && !read['metrics-open'])
    reader.problem(
      read.metrics?.node,
      `${metrics.address} is not of this machine alone`,
      'say metrics-open: true to let others ask',
    );
  const to = at('log', read.log?.to) ?? 'stderr';
  return {
    mode,
    devices,
    queues: read.queues ?? 1,
    io: read.io,
    busyPollUs: read['busy-poll'] ?? 0,
    namespace: read.namespace,
    paths: read.socket === undefined ? paths : { ...paths, socket: resolve(folder, read.socket) },
    rules: (read.rules ?? []).flatMap(({ value, node }) => {
      const path = resolve(folder, value);
      places.set(`rules ${path}`, node);
      return ruleFilesOf(path);
    }),
    sets: sets === undefined ? undefined : resolve(folder, sets),
    sysctls: sysctlsIn(read, places),
    extensions: (at('extensions', read.extensions) ?? []).map((file) => resolve(folder, file)),
    host: hostIn(read, reader, folder),
    log: { ...DEFAULT_LOG, ...read.log, to: to === 'stderr' || to === 'syslog' ? to : { file: resolve(folder, to) } },
    metrics,
    saveEveryMs: read['save-every'] ?? DEFAULT_SAVE_MS,
  };
}

function hostIn({ host }: Read, reader: Reader, folder: string): Settings['host'] {
  try {
    return hostFacts(host?.value, folder);
  } catch (error) {
    reader.problem(host?.node, (error as Error).message);
    return {};
  }
}

function sysctlsIn(
  { profile, sysctls = new Map(), timeouts = new Map() }: Read,
  places: Map<string, Node>,
): Settings['sysctls'] {
  const values = [...timeouts].map(([name, ms]) => [TIMEOUTS.get(name) as string, Math.round(ms / 1_000)] as const);
  for (const [name, { node }] of sysctls) places.set(`sysctl ${name}`, node);
  const first = profile === undefined ? [] : [[PROFILE, profile] as const];
  return Object.fromEntries([...first, ...values, ...[...sysctls].map(([name, { value }]) => [name, value] as const)]);
}

function devicesOf(
  read: Read,
  mode: Settings['mode'],
  reader: Reader,
  places: Map<string, Node>,
): Settings['devices'] | undefined {
  const given = [...(read.devices ?? [])];
  if (given.length !== 2)
    return reader.problem(reader.contents, 'there are two devices', 'devices: first the inside, then the outside');
  const devices = given.map(([key, { value, node }]): DeviceSettings => {
    const name = value.name ?? key;
    places.set(`device ${name}`, node);
    if (mode === 'bridge' && (value.addresses || value.routes))
      reader.problem(
        node,
        `device ${name}: a bridge has no addresses and no routes`,
        'mode: router has them; host: is the address of the machine behind it',
      );
    return {
      name,
      netns: value.netns,
      hosts: value.host ?? [],
      hostRoutes: value['host-routes'] ?? [],
      addresses: value.addresses ?? [],
      routes: value.routes ?? [],
      mtu: value.mtu,
    };
  });
  if (devices[0].name === devices[1].name)
    reader.problem(given[1][1].node, `both devices are called ${devices[0].name}`);
  return [devices[0], devices[1]];
}
