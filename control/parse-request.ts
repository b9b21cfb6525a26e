// A line of the control socket, taken apart. Nothing in it is trusted.

import { parseConntrackRequest } from './conntrack-requests.ts';
import { parseFilter } from './event-filter.ts';
import { isToolName, type Request, TOOLS, type ToolName } from './protocol.ts';

/** Takes a line apart. Throws an Error whose text may be sent back; nothing in a message is trusted. */
export function parseRequest(line: string): Request {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    throw new Error('not a JSON text');
  }
  if (typeof message !== 'object' || message === null) throw new Error('a request is a JSON object');
  const { op, program, argv, stdin, filter, request } = message as Record<string, unknown>;
  switch (op) {
    case 'status':
    case 'connections':
    case 'reload':
    case 'stop':
      return { op };
    case 'conntrack':
      return { op, request: parseConntrackRequest(request) };
    case 'watch':
      return { op, filter: parseFilter(filter) };
    case 'proc':
      return procRequest(message as Record<string, unknown>);
    case 'tool':
    case 'ipset':
      if (op === 'tool' && !isToolName(program)) throw new Error(`"program" is one of ${TOOLS.join(', ')}`);
      if (!isTexts(argv)) throw new Error('"argv" is a list of strings');
      if (stdin !== undefined && typeof stdin !== 'string') throw new Error('"stdin" is a string');
      return op === 'ipset' ? { op, argv, stdin } : { op, program: program as ToolName, argv, stdin };
    default:
      throw new Error('unknown "op"');
  }
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
