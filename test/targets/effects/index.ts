import type { Effects } from './effect.ts';
import { reject } from './reject.ts';

export const effects: readonly Effects[] = [reject];
