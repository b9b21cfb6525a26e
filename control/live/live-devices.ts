// What the kernel has of the devices (MTU, group), told to the engine: at its start, and while packets pass when somebody changes it by hand, as
// with `ip link set DEVICE mtu 1300`. The kernel itself would tell, to a socket in the namespace of each device; but such a socket keeps a
// namespace from going away, and Node has no way to wait for one. So it is looked at: a tenth or two of a millisecond each time.

import type { HostFacts } from '../../engine/host/facts.ts';
import type { Link } from '../../tun/netlink.ts';
import { type HostSide, linksOf } from '../devices.ts';
import { same } from '../settings.ts';
import type { AskEngine } from './live-rules.ts';

const LOOK_MS = 1_000;

export class LiveDevices {
  private readonly devices: readonly HostSide[];
  /** The namespace that they are made in. */
  private readonly madeIn: string | undefined;
  private host: HostFacts;
  private told: Readonly<Record<string, Link>> = {};
  private looking: NodeJS.Timeout | undefined;

  /** `host`: what is said of the host elsewhere, which goes before what the kernel says. */
  constructor(devices: readonly HostSide[], madeIn: string | undefined, host: HostFacts) {
    this.devices = devices;
    this.madeIn = madeIn;
    this.host = host;
  }

  /** Tells an engine all that there is to know. Rejects where `host` cannot be read. */
  async tell(ask: AskEngine, host = this.host): Promise<void> {
    const links = linksOf(this.devices, this.madeIn);
    for (const [device, { mtu }] of Object.entries(links)) await ask({ op: 'mtu', device, mtu });
    const groups = Object.fromEntries(Object.entries(links).map(([name, { group }]) => [name, group]));
    await ask({ op: 'host', facts: { ...host, deviceGroups: { ...groups, ...host.deviceGroups } } });
    this.host = host;
    this.told = links;
  }

  /** `ask`: undefined while there is nobody to ask. */
  watch(ask: () => AskEngine | undefined): void {
    this.looking = setInterval(() => {
      const engine = ask();
      const links = linksOf(this.devices, this.madeIn);
      // One that is gone ends the data plane, and the next one is told of the device that is made in its place.
      const there = this.devices.every(({ name }) => name in links);
      if (engine && there && !same(links, this.told)) void this.tell(engine).catch(() => {});
    }, LOOK_MS);
    this.looking.unref();
  }

  close(): void {
    clearInterval(this.looking);
  }
}
