// A device on the command line: `NAME`, or `NAME,netns=NS,host=10.77.0.2/24,mtu=1500`; in router mode also
// `address=10.0.1.1/24,address=fd00:a::1/64,route=10.1.0.0/16`. `host-route=::/0` is one of the machine behind it.

import { checkRoute } from '../control/config/words.ts';
import type { DeviceSettings } from '../control/settings.ts';
import { parsePrefix } from '../tun/netlink.ts';

/** Throws an Error with a sentence for the person who typed it. */
export function parseDevice(text: string): DeviceSettings {
  const [name, ...settings] = text.split(',');
  if (!/^[^\s/:]{1,15}$/.test(name) || name === '.' || name === '..')
    throw new Error(`"${name}" is no device name: 1 to 15 characters, no blanks or slashes`);
  const hosts: string[] = [];
  const hostRoutes: string[] = [];
  const addresses: string[] = [];
  const routes: string[] = [];
  let netns: string | undefined;
  let mtu: number | undefined;
  for (const setting of settings) {
    const [key, value = ''] = setting.split(/=(.*)/s);
    switch (key) {
      case 'netns':
        if (value === '') throw new Error('netns= wants a name of "ip netns", a path, pid:NUMBER or new:NAME');
        netns = value;
        break;
      case 'host':
        hosts.push(prefix(value));
        break;
      case 'host-route':
        hostRoutes.push(checkRoute(value));
        break;
      case 'address':
        addresses.push(prefix(value));
        break;
      case 'route':
        routes.push(checkRoute(value));
        break;
      case 'mtu':
        mtu = Number(value);
        if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535)
          throw new Error(`mtu "${value}" is not within 68-65535`);
        break;
      default:
        throw new Error(`"${key}" is no setting of a device: netns, host, host-route, address, route or mtu`);
    }
  }
  return { name, netns, hosts, hostRoutes, addresses, routes, mtu };
}

function prefix(text: string): string {
  parsePrefix(text);
  return text;
}
