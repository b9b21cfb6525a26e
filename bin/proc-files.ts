// What rules keep of addresses and flows, asked of the daemon: lists of recent, tables of hashlimit. Texts are those of /proc.

import { ask } from '../control/client.ts';
import { statePaths } from '../control/paths.ts';
import { reached } from './ask-daemon.ts';

type Files = readonly (readonly [path: string, text: string])[];

async function read(path: string, writes?: string[]): Promise<readonly [string, string]> {
  return [path, (await ask(statePaths().socket, { op: 'proc', path, writes })) as string];
}

async function readAll(wanted: (path: string) => boolean): Promise<Files> {
  const paths = (await ask(statePaths().socket, { op: 'proc' })) as string[];
  return Promise.all(paths.filter(wanted).map((path) => read(path)));
}

/** One file as it is, several under their names. */
const show = (files: Files, alone: boolean): string =>
  alone ? files.map(([, text]) => text).join('') : files.map(([path, text]) => `==> ${path} <==\n${text}`).join('\n');

export const recent = (name: string | undefined, edits: string[]): Promise<number> =>
  reached(async () => {
    if (name !== undefined) return show([await read(`xt_recent/${name}`, edits)], true);
    return show(await readAll((path) => path.startsWith('xt_recent/')), false);
  });

interface Families {
  readonly 4?: boolean;
  readonly 6?: boolean;
}

export const hashlimit = (name: string | undefined, only: Families): Promise<number> =>
  reached(async () => {
    const folders = [...(only[6] ? [] : ['ipt_hashlimit']), ...(only[4] ? [] : ['ip6t_hashlimit'])];
    const files = await readAll((path) =>
      folders.some((folder) => (name === undefined ? path.startsWith(`${folder}/`) : path === `${folder}/${name}`)),
    );
    if (name !== undefined && files.length === 0) throw new Error(`no rule keeps a table ${name}`);
    return show(files, name !== undefined && files.length === 1);
  });
