// Every built-in match. Adding one takes its file, its test, and a line here.

import type { AnyMatch } from '../engine/extension.ts';
import { addrtype } from './addrtype.ts';
import { comment } from './comment.ts';
import { connmark } from './connmark.ts';
import { conntrack } from './conntrack.ts';
import { frag } from './frag.ts';
import { hl } from './hl.ts';
import { icmp } from './icmp.ts';
import { icmp6 } from './icmp6.ts';
import { iprange } from './iprange.ts';
import { length } from './length.ts';
import { limit } from './limit.ts';
import { mac } from './mac.ts';
import { mark } from './mark.ts';
import { multiport } from './multiport.ts';
import { physdev } from './physdev.ts';
import { state } from './state.ts';
import { tcp } from './tcp.ts';
import { ttl } from './ttl.ts';
import { udp } from './udp.ts';

export const matches: readonly AnyMatch[] = [
  addrtype,
  comment,
  connmark,
  conntrack,
  frag,
  hl,
  icmp,
  icmp6,
  iprange,
  length,
  limit,
  mac,
  mark,
  multiport,
  physdev,
  state,
  tcp,
  ttl,
  udp,
];
