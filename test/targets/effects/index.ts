import type { Effects } from './effect.ts';
import { log } from './log.ts';
import { reject } from './reject.ts';
import { rewrites } from './rewrites.ts';

export const effects: readonly Effects[] = [reject, log, ...rewrites];
