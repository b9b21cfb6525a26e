// The rows of all helpers.

import { amandaRows } from './amanda.rows.ts';
import { broadcastRows } from './broadcast.rows.ts';
import { ftpRows } from './ftp.rows.ts';
import { h323Rows } from './h323.rows.ts';
import { ircRows } from './irc.rows.ts';
import { pptpRows } from './pptp.rows.ts';
import { saneRows } from './sane.rows.ts';
import { sipRows } from './sip.rows.ts';
import { snmpRows } from './snmp.rows.ts';
import type { HelperRow } from './talk.ts';
import { tftpRows } from './tftp.rows.ts';

export interface HelperSheet {
  readonly helper: string;
  readonly rows: readonly HelperRow[];
}

export const sheets: readonly HelperSheet[] = [
  { helper: 'amanda', rows: amandaRows },
  { helper: 'broadcasts', rows: broadcastRows },
  { helper: 'ftp', rows: ftpRows },
  { helper: 'h323', rows: h323Rows },
  { helper: 'irc', rows: ircRows },
  { helper: 'pptp', rows: pptpRows },
  { helper: 'sane', rows: saneRows },
  { helper: 'sip', rows: sipRows },
  { helper: 'snmp', rows: snmpRows },
  { helper: 'tftp', rows: tftpRows },
];
