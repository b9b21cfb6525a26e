// A line of the control socket, taken apart. Nothing in it is trusted.

import { parseFilter } from '../watch/event-filter.ts';
import type { OverviewWish } from '../watch/overview.ts';
import { parseConntrackRequest } from './conntrack-requests.ts';
import { isToolName, type Request, TOOLS, type ToolName } from './protocol.ts';

/** Takes a line apart. Throws an Error whose text may be sent back; nothing in a message is trusted. */
export function parseRequest(line: string): Request {
  if (holdsTooMany(line)) throw new Error(`a request has at most ${MOST_VALUES} values`);
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    throw new Error('not a JSON text');
  }
  if (typeof message !== 'object' || message === null) throw new Error('a request is a JSON object');
  const { op, program, argv, json, stdin, filter, request, file, name } = message as Record<string, unknown>;
  switch (op) {
    case 'status':
    case 'reload':
    case 'stop':
      return { op };
    case 'metrics':
      return { op, json: json === true || undefined };
    case 'watch':
      return { op, filter: parseFilter(filter) };
    case 'overview':
      return { op, wish: parseWish(message as Record<string, unknown>) };
    case 'conntrack':
      return { op, request: parseConntrackRequest(request) };
    case 'proc':
      return procRequest(message as Record<string, unknown>);
    case 'attach':
      if (typeof file !== 'string' || !file.startsWith('/')) throw new Error('"file" is a path from the root on');
      return { op, file };
    case 'detach':
      if (typeof name !== 'string') throw new Error('"name" is a string');
      return { op, name };
    case 'tool':
    case 'ipset':
    case 'nfacct':
      if (op === 'tool' && !isToolName(program)) throw new Error(`"program" is one of ${TOOLS.join(', ')}`);
      if (!isTexts(argv)) throw new Error('"argv" is a list of strings');
      if (stdin !== undefined && typeof stdin !== 'string') throw new Error('"stdin" is a string');
      return op !== 'tool'
        ? { op, argv, stdin }
        : { op, program: program as ToolName, argv, json: json === true || undefined, stdin };
    default:
      throw new Error('unknown "op"');
  }
}

/** Of lists and objects: a text of many small ones is a hundred times as long in memory. More words than the system lets a command have. */
const MOST_VALUES = 262_144;

/** Whether a JSON text has too many values, which a comma or a bracket, outside strings, stands in front of. */
function holdsTooMany(line: string): boolean {
  let values = 0;
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (char === '"') at = endOfString(line, at);
    else if ((char === ',' || char === '[' || char === '{') && ++values > MOST_VALUES) return true;
  }
  return false;
}

/** Where the closing quote is, or the end of the text. */
function endOfString(line: string, open: number): number {
  for (let at = line.indexOf('"', open + 1); at !== -1; at = line.indexOf('"', at + 1)) {
    let escapes = 0;
    while (line[at - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return at;
  }
  return line.length;
}

/** Lines of an overview that a terminal could show. */
const MOST_LINES = 1_000;

function parseWish({ wish }: Record<string, unknown>): OverviewWish {
  const { lines = 50, sort = 'rate', filter = '' } = (wish ?? {}) as Record<string, unknown>;
  if (typeof lines !== 'number' || !(lines >= 0 && lines <= MOST_LINES))
    throw new Error(`"lines" is 0 to ${MOST_LINES}`);
  if (sort !== 'rate' && sort !== 'total') throw new Error('"sort" is rate or total');
  if (typeof filter !== 'string') throw new Error('"filter" is a string');
  return { lines, sort, filter };
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((word) => typeof word === 'string');

function procRequest({ path, writes }: Record<string, unknown>): Request {
  if (path !== undefined && typeof path !== 'string') throw new Error('"path" is a string');
  if (writes !== undefined && (path === undefined || !isTexts(writes))) {
    throw new Error('"writes" is a list of strings, beside a "path"');
  }
  return { op: 'proc', path, writes };
}
