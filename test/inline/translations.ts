// How the client of a lab is translated on its way to the server.

import { ADDRESS } from './lab.ts';

export type Family = 4 | 6;
export type Translation = 'none' | 'source' | 'masquerade' | 'destination';

/** Who the client is to the server. Longer than what payloads say of the client, so that those grow. */
export const OUTSIDE = { 4: '10.77.0.200', 6: 'fd77::1:2:3:4' };
/** A router's own address on the outside, for MASQUERADE. */
export const ROUTER = { 4: '10.77.0.254', 6: 'fd77::ffff:1:254' };
/** Where clients find the server when it is forwarded to. */
export const VIRTUAL = { 4: '10.77.0.80', 6: 'fd77::80' };
export const SERVER = { 4: ADDRESS.server.v4, 6: ADDRESS.server.v6 };
export const CLIENT = { 4: ADDRESS.client.v4, 6: ADDRESS.client.v6 };

/** The address that clients call, and the one that the server is called from. */
export const ends = (family: Family, translation: Translation): { called: string; caller: string } => ({
  called: (translation === 'destination' ? VIRTUAL : SERVER)[family],
  caller: { none: CLIENT, source: OUTSIDE, masquerade: ROUTER, destination: CLIENT }[translation][family],
});

/** Rules of the nat table; `outside` is the device on the server's side. */
export const natRules = (family: Family, translation: Translation, outside: string): string =>
  ({
    none: '',
    source: `-A POSTROUTING -o ${outside} -j SNAT --to-source ${OUTSIDE[family]}`,
    masquerade: `-A POSTROUTING -o ${outside} -j MASQUERADE`,
    destination: `-A PREROUTING -d ${VIRTUAL[family]} -j DNAT --to-destination ${SERVER[family]}`,
  })[translation];

/** A second address of the client's host. */
export const CLIENT_TOO = '10.77.0.3';

/** Words for a daemon that routes between the two hosts. */
export const ROUTED = {
  mode: ['--mode', 'router'],
  client: `,host=${CLIENT_TOO}/32,route=${CLIENT[4]}/32,route=${CLIENT_TOO}/32,route=${CLIENT[6]}/128`,
  server: `,address=${ROUTER[4]}/32,address=${ROUTER[6]}/128,route=${SERVER[4]}/32,route=${SERVER[6]}/128`,
} as const;
