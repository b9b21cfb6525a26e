// The helpers that come with the package.

import type { AnyHelper } from '../helping/helper.ts';
import { amanda } from './amanda.ts';
import { ftp } from './ftp.ts';
import { h245 } from './h323/control.ts';
import { q931 } from './h323/q931.ts';
import { ras } from './h323/ras.ts';
import { irc } from './irc.ts';
import { netbiosNs } from './netbios-ns.ts';
import { pptp } from './pptp.ts';
import { sane } from './sane.ts';
import { sip } from './sip.ts';
import { snmp, snmpTrap } from './snmp.ts';
import { tftp } from './tftp.ts';

export const helpers: readonly AnyHelper[] = [
  amanda,
  ftp,
  h245,
  irc,
  netbiosNs,
  pptp,
  q931,
  ras,
  sane,
  sip,
  snmp,
  snmpTrap,
  tftp,
];
