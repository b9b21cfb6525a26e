import { diversions } from './diversions.ts';
import { headers } from './headers.ts';
import { hmark } from './hmark.ts';
import { log } from './log.ts';
import { marks } from './marks.ts';
import { nat } from './nat.ts';
import { others } from './others.ts';
import { reject } from './reject.ts';
import { signals } from './signals.ts';
import type { Subject } from './subject.ts';
import { tracking } from './tracking.ts';

export const subjects: readonly Subject[] = [
  ...reject,
  ...log,
  ...marks,
  ...hmark,
  ...tracking,
  ...headers,
  ...nat,
  ...signals,
  ...diversions,
  ...others,
];
