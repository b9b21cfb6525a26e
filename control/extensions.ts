// The built-in extensions, named in one place for the programs and the daemon.

import { Registry } from '../engine/registry.ts';
import { helpers } from '../conntrack/helpers/index.ts';
import { matches } from '../matches/index.ts';
import { targets } from '../targets/index.ts';

export const builtinRegistry = (): Registry => new Registry({ matches, targets, helpers });
