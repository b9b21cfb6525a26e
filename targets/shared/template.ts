// What CT and NOTRACK do to a packet.

import type { Template } from '../../conntrack/template.ts';
import type { Action } from '../../engine/extension.ts';
import { CONTINUE } from '../../engine/verdict.ts';
import { CT_NEW, CT_UNTRACKED } from '../../packet/packet.ts';

export const UNTRACKED: Template = {
  untracked: true,
  mark: 0,
  zoneOriginal: 0,
  zoneReply: 0,
  helper: undefined,
  timeout: undefined,
  events: undefined,
  expectEvents: undefined,
};

/**
 * The first of them that a packet meets decides: a later one leaves it alone. Later rules of the raw table see the packet untracked at
 * once, or the template as its connection. xt_CT.c xt_ct_target().
 */
export const setTemplate =
  (template: Template): Action =>
  (pkt) => {
    if (pkt.template === undefined && pkt.ctState === 0) {
      pkt.template = template;
      pkt.ctState = template.untracked ? CT_UNTRACKED : CT_NEW;
    }
    return CONTINUE;
  };
