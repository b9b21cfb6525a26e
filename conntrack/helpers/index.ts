// The helpers that come with the package.

import type { AnyHelper } from '../helper.ts';
import { ftp } from './ftp.ts';

export const helpers: readonly AnyHelper[] = [ftp];
