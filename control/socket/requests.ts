// What is asked on the control socket (protocol.ts), and who answers it.

import type { LiveConnections } from '../live/live-connections.ts';
import type { LiveExtensions } from '../live/live-extensions.ts';
import type { AskEngine, Edited, LiveRules } from '../live/live-rules.ts';
import type { LiveSets } from '../live/live-sets.ts';
import type { RuleStore } from '../stored/rule-store.ts';
import { familyOf, runTool } from '../tool/tool.ts';
import { unhurried } from '../unhurried.ts';
import { compileFilter, type EventFilter } from '../watch/event-filter.ts';
import { EVENT_KINDS, type EventBus, type Watcher } from '../watch/event-stream.ts';
import type { Observer } from '../watch/observer.ts';
import { answerToJson } from './conntrack-requests.ts';
import type { Request, ToolAnswer, ToolRequest } from './protocol.ts';
import type { Status } from './status.ts';

/** The parts of a daemon that know. */
export interface Parts {
  readonly ask: AskEngine;
  readonly bus: EventBus;
  readonly rules: LiveRules;
  readonly store: RuleStore;
  readonly sets: LiveSets;
  readonly extensions: LiveExtensions;
  readonly connections: LiveConnections;
  readonly observer: Observer;
  status(): Promise<Status>;
  /** Resolves with what there is to say about it. */
  reload(): Promise<string>;
  stop(): void;
}

/** Characters of rules above which V8 is told to take its time. */
const MANY = 1 << 16;

export class Requests {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  async serve(request: Request): Promise<unknown> {
    const { ask, sets, extensions, connections, observer } = this.parts;
    switch (request.op) {
      case 'tool':
        return this.tool(request);
      case 'ipset':
        return sets.run(request.argv, request.stdin);
      case 'status':
        return this.parts.status();
      case 'conntrack':
        return answerToJson(await connections.answer(request.request));
      case 'attach':
        return extensions.attach(request.file);
      case 'detach':
        return extensions.detach(request.name);
      case 'nfacct':
        return ask({ op: 'nfacct', argv: request.argv, stdin: request.stdin });
      case 'proc':
        return ask({ op: 'proc', path: request.path, writes: request.writes });
      case 'metrics':
        return (await observer.metrics())[request.json ? 'families' : 'text'];
      case 'overview':
        return observer.overview(request.wish);
      case 'watch':
        return this.watch(request.filter);
      case 'reload':
        return `reloaded${await this.parts.reload()}`;
      case 'stop':
        // The answer first, then the end.
        setImmediate(() => this.parts.stop());
        return 'stopping';
    }
  }

  private watch(filter: EventFilter): Watcher {
    return this.parts.bus.watch({ kinds: filter.kinds ?? EVENT_KINDS, wants: compileFilter(filter) });
  }

  /** Runs a tool on the rules; what it changed is stored before it is told. */
  private async tool({ program, argv, json, stdin = '' }: Omit<ToolRequest, 'op'>): Promise<ToolAnswer> {
    const { rules, store } = this.parts;
    const family = familyOf(program);
    let problem: Error | undefined;
    const edit = (): Promise<Edited> =>
      rules.edit(
        family,
        (ruleset) => runTool({ program, argv, json, stdin, date: new Date() }, ruleset),
        (changed, inForce) =>
          store.keep(family, changed, inForce).catch((error: Error) => {
            problem = error;
          }),
      );
    const { answer } = await (stdin.length > MANY ? unhurried(edit) : edit());
    if (!problem) return answer;
    const stderr = `${answer.stderr}${program}: ${problem.message}. The rules are in force, but not stored: they end with the daemon. Mend that, and the next change stores them all, or the next saving within a minute.\n`;
    return { ...answer, stderr, exitCode: answer.exitCode || 4 };
  }
}
