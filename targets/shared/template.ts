// What CT and NOTRACK do to a packet.

import type { Template } from '../../conntrack/template.ts';
import type { Action } from '../../engine/extension.ts';
import { CONTINUE } from '../../engine/verdict.ts';

export const UNTRACKED: Template = {
  untracked: true,
  zoneOriginal: 0,
  zoneReply: 0,
  helper: undefined,
  timeout: undefined,
  events: undefined,
  expectEvents: undefined,
};

/** The first of them that a packet meets decides: a later one leaves it alone. xt_CT.c xt_ct_target(). */
export const setTemplate =
  (template: Template): Action =>
  (pkt) => {
    if (pkt.template === undefined && pkt.ctState === 0) pkt.template = template;
    return CONTINUE;
  };
