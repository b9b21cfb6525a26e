// The helpers that come with the package.

import type { AnyHelper } from '../helper.ts';
import { amanda } from './amanda.ts';
import { ftp } from './ftp.ts';
import { irc } from './irc.ts';
import { netbiosNs } from './netbios-ns.ts';
import { pptp } from './pptp.ts';
import { sane } from './sane.ts';
import { sip } from './sip.ts';
import { snmp, snmpTrap } from './snmp.ts';
import { tftp } from './tftp.ts';

export const helpers: readonly AnyHelper[] = [amanda, ftp, irc, netbiosNs, pptp, sane, sip, snmp, snmpTrap, tftp];
