// The rows of all helpers.

import { ftpRows } from './ftp.rows.ts';
import type { HelperRow } from './talk.ts';

export interface HelperSheet {
  readonly helper: string;
  readonly rows: readonly HelperRow[];
}

export const sheets: readonly HelperSheet[] = [{ helper: 'ftp', rows: ftpRows }];
