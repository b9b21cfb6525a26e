// Devices that rules name and that a daemon does not have: such a rule matches nothing, and with a policy DROP nothing passes.

import type { Settings } from '../control/settings.ts';
import { readText } from './input.ts';

/** A sentence for each device that the rule files of the settings name in vain: with the first place of it. */
export function unknownDevices({ rules, devices }: Pick<Settings, 'rules' | 'devices'>): string[] {
  const here = devices.map(({ name }) => name);
  const places = new Map<string, string>();
  for (const path of new Set(rules.map((file) => file.path))) {
    for (const [index, line] of readText(path).split('\n').entries()) {
      for (const name of named(line)) {
        const known = name === 'lo' || here.some((device) => fits(name, device));
        if (!known && !places.has(name)) places.set(name, `${path}:${index + 1}`);
      }
    }
  }
  return [...places].map(
    ([name, place]) => `rules name the device ${name} (${place}), which is not here: there are ${here.join(' and ')}`,
  );
}

/** What a line of save text asks for by name; "not that device" asks for none. */
function named(line: string): string[] {
  if (!/^(\[\d+:\d+\] )?(-[46] )?-A /.test(line)) return [];
  const bare = line.replace(/"(?:\\.|[^"\\])*"/g, '""');
  const words = Array.from(bare.matchAll(/(! )?(?:-i|-o|--physdev-in|--physdev-out) (\S+)/g));
  return words.flatMap(([, inverted, name]) => (inverted ? [] : [name]));
}

const fits = (name: string, device: string): boolean =>
  name.endsWith('+') ? device.startsWith(name.slice(0, -1)) : name === device;
