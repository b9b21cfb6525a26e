// The built-in extensions, named in one place for the programs and the daemon.

import { helpers } from '../conntrack/helpers/index.ts';
import { Registry } from '../engine/registry.ts';
import { matches } from '../matches/index.ts';
import { targets } from '../targets/index.ts';
import { modulesOfEnvironment } from './extension-files.ts';

/** With those of the files that SEKISHO_EXTENSIONS names. */
export const builtinRegistry = (): Registry => new Registry({ matches, targets, helpers }, ...modulesOfEnvironment());
