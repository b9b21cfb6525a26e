// The data plane's side of the daemon: an engine in its own thread, and what may be asked of it. Requests run between two batches of
// packets, so each is short: parsing and checking happened on the other side.

import { randomFillSync } from 'node:crypto';
import { type ConntrackRequest, ConntrackService } from '../../conntrack/service.ts';
import { restoreSnapshot, Snapshot, wholeSnapshot } from '../../conntrack/snapshot/snapshot.ts';
import { Firewall, type Mode } from '../../engine/firewall.ts';
import type { HostFacts } from '../../engine/host/facts.ts';
import { runNfacct } from '../../engine/host/nfacct.ts';
import type { PackedCounters } from '../../engine/install/installed.ts';
import { finish, type Steps } from '../../engine/install/steps.ts';
import type { LogRecord, WallClock } from '../../engine/services.ts';
import { type IpsetAnswer, ipsetSteps, onlyReads, runIpset } from '../../engine/sets/index.ts';
import type { Names } from '../../grammar/names.ts';
import type { TableName } from '../../grammar/tables.ts';
import type { Family } from '../../packet/numbers.ts';
import type { Engine, EngineHost } from '../../tun/data-plane.ts';
import { loadExtension } from '../extension-files.ts';
import { builtinRegistry } from '../extensions.ts';
import { hostNames } from '../host-names.ts';
import type { EventKind, Happening } from '../watch/event-stream.ts';
import { ConnectionFeed, type PackedEvents } from './conntrack-feed.ts';
import { IncomingTables, type InstallRequest } from './incoming-tables.ts';

/** Rules of a chain, by their places. */
export interface RulePlaces {
  family: Family;
  name: TableName;
  chain: string;
  rules: readonly number[];
}

/** What one table has counted. */
export interface TableCounters extends PackedCounters {
  readonly family: Family;
  readonly name: TableName;
}

export type EngineRequest =
  | InstallRequest
  /** Sets the counters of rules to zero. */
  | { op: 'zero'; places: readonly RulePlaces[] }
  | { op: 'counters' }
  | { op: 'conntrack'; request: ConntrackRequest }
  | { op: 'drops' }
  /** The next piece of a snapshot of the connections, or with `begin` (ms since 1970) the first one of another. Undefined: that was all. */
  | { op: 'snapshot'; begin?: number }
  /** Connections of a snapshot go on; ms since 1970. */
  | { op: 'restore'; bytes: Uint8Array; wallClock: number }
  /** The kinds of events that somebody wants from now on. */
  | { op: 'watch'; kinds: readonly EventKind[] }
  /** Request `proc` of the control socket. */
  | { op: 'proc'; path: string | undefined; writes: readonly string[] | undefined }
  /** The extensions of a file, and away with one of them. */
  | { op: 'attach'; file: string }
  | { op: 'detach'; name: string }
  /** The MTU of a device from now on. */
  | { op: 'mtu'; device: string; mtu: number }
  /** What is known of the host around the firewall, in place of what was. */
  | { op: 'host'; facts: HostFacts }
  /** A call of nfacct. */
  | { op: 'nfacct'; argv: readonly string[]; stdin: string | undefined }
  | { op: 'sysctl'; name: string; value: string | number }
  /** They are to be as without anybody's doing. */
  | { op: 'sysctl-reset'; names: readonly string[] }
  /** A call of ipset; `age`: it speaks of so many ms ago. */
  | { op: 'ipset'; argv: readonly string[]; stdin: string | undefined; age?: number };

/** What the engine emits. */
export type EngineEvent =
  | { readonly log: LogRecord }
  | { readonly happened: Happening }
  | { readonly connections: PackedEvents };

/** What a dying engine can still say, for the next one. */
export interface LastWords {
  readonly counters: readonly TableCounters[];
  /** The text of `ipset save`. */
  readonly sets: string;
  /** A snapshot. */
  readonly connections: Uint8Array;
}

export interface IpsetDone {
  readonly answer: IpsetAnswer;
  /** Where the sets may have changed: what there is now, and its text. */
  readonly families?: readonly (readonly [name: string, family: Family | undefined])[];
  readonly text?: string;
}

/** Without the resolver, which would keep packets waiting: with a daemon, sets take host names of /etc/hosts no more than of the net. */
const quickNames: Names = { ...hostNames(), host: () => undefined };

export interface EngineOptions {
  mode: Mode;
  sysctls?: Readonly<Record<string, string | number>>;
}

/** Milliseconds between two looks at the timers when no packet comes. */
const TICK_MS = 100;

/** Random words in stock, drawn from the system a page at a time. */
function systemRandom(): () => number {
  const words = new Uint32Array(1024);
  let left = 0;
  return () => {
    if (left === 0) {
      randomFillSync(words);
      left = words.length;
    }
    return words[--left];
  };
}

/** For `-m time`. Asked anew each time: the host's clock may be set while we run, the monotonic one not. */
const wallClock: WallClock = {
  seconds: (now) => (Date.now() - (performance.now() - now)) / 1_000,
  minutesWest: 0,
};

export function createEngine(host: EngineHost): Engine {
  const { mode, sysctls } = host.options as EngineOptions;
  const numberOf = new Map(host.devices.map(({ name }, index) => [name, index]));
  const nameOf = host.devices.map(({ name }) => name);
  const watched = new Set<EventKind>();
  let snapshot: Snapshot | undefined;
  const firewall = new Firewall({
    mode,
    sysctls,
    registry: builtinRegistry(),
    random: systemRandom(),
    wallClock,
    transmit: (device, pkt) => {
      const number = numberOf.get(device);
      if (number !== undefined) host.transmit(number, pkt);
    },
    onLog: (record) => host.emit({ log: record } satisfies EngineEvent),
  });
  const incoming = new IncomingTables(firewall);

  const clocks = () => ({ now: firewall.now, epoch: Date.now() - performance.now() });
  const conntrack = new ConntrackService(firewall.tracker);
  const feed = new ConnectionFeed(
    firewall.tracker,
    (connections) => host.emit({ connections } satisfies EngineEvent),
    clocks,
  );

  const answers: { [Op in EngineRequest['op']]: (request: Extract<EngineRequest, { op: Op }>) => unknown } = {
    change: (request) => incoming.change(request),
    zero({ places }) {
      for (const { family, name, chain, rules } of places) {
        for (const index of rules) firewall.zero(family, name, chain, index);
      }
    },
    counters: () => readCounters(firewall),
    conntrack: ({ request }) => conntrack.answer(request, clocks()),
    drops: () => firewall.dropCounts(),
    snapshot({ begin }) {
      if (begin !== undefined) snapshot = new Snapshot(firewall.tracker, begin);
      return snapshot?.next();
    },
    restore: ({ bytes, wallClock }) =>
      restoreSnapshot(firewall.tracker, bytes, { now: performance.now(), wallClock, missed: true }),
    watch({ kinds }) {
      watched.clear();
      for (const kind of kinds) watched.add(kind);
      feed.want(watched.has('connection'));
      feed.wantExpectations(watched.has('expectation'), (happened) => host.emit({ happened } satisfies EngineEvent));
    },
    proc: ({ path, writes }) => (path === undefined ? firewall.procFiles() : editProc(firewall, path, writes)),
    sysctl: ({ name, value }) => firewall.setSysctl(name, value),
    'sysctl-reset': ({ names }) => firewall.resetSysctls(names),
    attach: ({ file }) => firewall.attach(loadExtension(file)),
    detach: ({ name }) => firewall.detach(name),
    mtu: ({ device, mtu }) => firewall.setMtu(device, mtu),
    host: ({ facts }) => firewall.setHost(facts),
    nfacct: ({ argv, stdin }) => runNfacct(firewall.accounts, argv, stdin),
    *ipset({ argv, stdin, age = 0 }): Steps<IpsetDone> {
      const { sets } = firewall;
      const call = (words: readonly string[], text?: string, ago = 0) =>
        ipsetSteps(sets, {
          argv: words,
          stdin: text,
          names: quickNames,
          // Time goes on between the steps.
          get now() {
            return firewall.now - ago;
          },
        });
      const answer = yield* call(argv, stdin, age);
      if (onlyReads(argv)) return { answer };
      const families = sets.all().map(({ name, family }) => [name, family] as const);
      return { answer, families, text: (yield* call(['save'])).stdout };
    },
  };

  return {
    receive: (device, pkt) => firewall.receive(nameOf[device], pkt),
    advance(now) {
      firewall.advance(now);
      feed.flush();
      return TICK_MS;
    },
    handle(request) {
      const asked = request as EngineRequest;
      return (answers[asked.op] as (request: EngineRequest) => unknown)(asked);
    },
    lastWords: (): LastWords => ({
      counters: finish(readCounters(firewall)),
      sets: runIpset(firewall.sets, { argv: ['save'], names: quickNames, now: firewall.now }).stdout,
      connections: wholeSnapshot(firewall.tracker, Date.now()),
    }),
  };
}

function editProc(firewall: Firewall, path: string, writes: readonly string[] = []): string {
  for (const text of writes) firewall.writeProc(path, text);
  const text = firewall.readProc(path);
  if (text === undefined) throw new Error(`${path}: no rule keeps such a file`);
  return text;
}

function* readCounters(firewall: Firewall): Steps<TableCounters[]> {
  const all: TableCounters[] = [];
  for (const family of [4, 6] as const) {
    for (const name of firewall.tables(family)) {
      all.push({ family, name, ...(yield* firewall.packedCounters(family, name)) });
    }
  }
  return all;
}
