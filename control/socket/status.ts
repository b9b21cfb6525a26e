// What a daemon says of itself.

import type { DropCount } from '../../engine/drops.ts';
import type { Mode } from '../../engine/firewall.ts';
import type { CountsByQueue } from '../../tun/data-plane.ts';
import type { Io } from '../../tun/holding.ts';
import type { Death, Keeper } from '../live/keeper.ts';
import type { AskEngine } from '../live/live-rules.ts';
import type { Settings } from '../settings.ts';
import type { Facts } from '../watch/observer.ts';

export interface Status {
  mode: Mode['kind'];
  /** Seconds since the start. */
  uptime: number;
  /** No counts while the data plane is being started again. */
  devices: Record<string, CountsByQueue | undefined>;
  drops: readonly DropCount[];
  dataPlane: DataPlaneStatus;
  /** Matches and targets that came from files, by file. */
  extensions: Record<string, readonly string[]>;
}

export interface DataPlaneStatus {
  state: 'running' | 'down';
  /** How packets are read and written; undefined while it is being started again. */
  io?: Io;
  restarts: number;
  lastDeath?: Death;
  /** Log lines and events that came faster than this program could take them. */
  eventsLost: number;
}

/** `started`: as performance.now() has it; `extensions`: those that came from files. */
export async function statusOf(
  { mode, devices }: Settings,
  keeper: Keeper | undefined,
  started: number,
  ask: AskEngine,
  extensions: Status['extensions'],
): Promise<Status> {
  const counts = keeper?.deviceCounts();
  const running = keeper?.running ?? false;
  return {
    mode,
    uptime: Math.floor((performance.now() - started) / 1000),
    devices: Object.fromEntries(devices.map(({ name }, index) => [name, counts?.[index]])),
    drops: running ? ((await ask({ op: 'drops' })) as DropCount[]) : [],
    dataPlane: {
      state: running ? 'running' : 'down',
      io: keeper?.io,
      restarts: keeper?.restarts ?? 0,
      lastDeath: keeper?.lastDeath,
      eventsLost: keeper?.eventsLost ?? 0,
    },
    extensions,
  };
}

/** For metrics. */
export function factsOf({ mode, devices }: Settings, keeper: Keeper | undefined, linesLost: number): Facts {
  const counts = keeper?.deviceCounts();
  return {
    mode,
    running: keeper?.running ?? false,
    restarts: keeper?.restarts ?? 0,
    eventsLost: keeper?.eventsLost ?? 0,
    linesLost,
    devices: devices.map(({ name }, index) => [name, counts?.[index]] as const),
  };
}
