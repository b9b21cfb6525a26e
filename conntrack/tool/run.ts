// The conntrack tool: words in, texts and an exit code out. Asks a ConntrackService for everything, in the same thread or through a
// daemon's socket. Source of its words and ways: conntrack 1.4.7, asked.

import type { Errno } from '../editor.ts';
import { type Flow, type FlowPage, unpack } from '../flow.ts';
import type { Command } from './command.ts';
import { ERRORS, errorText } from './errors.ts';
import { askedExpectation, showExpectation, showExpectEvent, wantedExpectation } from './expect.ts';
import { COMPARED, isMeant, matches } from './filter.ts';
import { asked, changesOf, named, wanted } from './given.ts';
import { helpText } from './help.ts';
import { memoryText } from './memory-text.ts';
import { parseCommand } from './parse.ts';
import { Printer } from './printer.ts';
import { Complaint } from './values.ts';
import type { ToolWorld } from './world.ts';

export const VERSION = 'conntrack v1.4.7 (conntrack-tools)';
const TRY = "Try `conntrack -h' or 'conntrack --help' for more information.\n";

/** Runs the tool; the value is the exit code. Never rejects for any words. */
export async function runConntrack(argv: readonly string[], world: ToolWorld): Promise<number> {
  try {
    if (argv.length > 1 && (argv[0] === '-R' || argv[0] === '--load-file')) return await loadFile(argv[1], world);
    return await new Run(read(argv, world), world).run();
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    world.err(`${VERSION}: ${error.message}\n${error.code === 2 ? TRY : ''}`);
    return error.code;
  }
}

function read(argv: readonly string[], world: ToolWorld): Command {
  const said: string[] = [];
  try {
    return parseCommand(argv, world.names, said);
  } finally {
    for (const warning of said) world.err(`${warning}\n`);
  }
}

/** Commands of a file, a line each: all are read before the first is carried out, and the first that fails ends it. */
async function loadFile(path: string, world: ToolWorld): Promise<number> {
  const text = world.file(path);
  if (text === undefined) throw new Complaint(`Failed to open file ${path} for reading`);
  const runs: Run[] = [];
  for (const line of text.split('\n')) {
    const argv = splitLine(line);
    if (argv.length === 0) continue;
    const command = read(argv, world);
    if (command.table !== 'conntrack' || !'IAUDF'.includes(command.letter))
      throw new Complaint(`Cannot use command \`${nameOf(command, argv)}' with --load-file`);
    runs.push(new Run(command, world, true));
  }
  let code = 0;
  for (let at = 0; at < runs.length; ) {
    const alike = createdTogether(runs, at);
    if (alike.length > 1) await alike[0].create(alike);
    else code |= await runs[at].run();
    at += alike.length;
  }
  return code;
}

/** Connections made by one request. */
const MOST_TOGETHER = 512;

/** The run at `at`, and those behind it that make connections with the same command. */
function createdTogether(runs: readonly Run[], at: number): Run[] {
  const { letter } = runs[at].command;
  if (letter !== 'I' && letter !== 'A') return [runs[at]];
  let end = at + 1;
  while (end < runs.length && end - at < MOST_TOGETHER && runs[end].command.letter === letter) end++;
  return runs.slice(at, end);
}

const nameOf = ({ letter, table }: Command, argv: readonly string[]): string => {
  if (letter === 'h' && !argv.some((word) => /^-\w*h|^--h/.test(word))) return 'unknown';
  return table === 'expect' ? `-${letter} expect` : `-${letter}`;
};

/** Words of a line, with quotes around those that have blanks; `#` begins a comment line. */
function splitLine(line: string): string[] {
  if (/^\s*(#|$)/.test(line)) return [];
  return [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

class Run {
  readonly command: Command;
  private readonly world: ToolWorld;
  private readonly printer: Printer;
  /** Of a file: no counts are told. */
  private readonly quiet: boolean;
  private count = 0;

  constructor(command: Command, world: ToolWorld, quiet = false) {
    this.command = command;
    this.world = world;
    this.quiet = quiet;
    this.printer = new Printer(command, world.clock);
  }

  async run(): Promise<number> {
    const { command } = this;
    if (command.memory) return this.memory();
    if (command.table === 'expect' && 'LIGDFE'.includes(command.letter)) return this.expect();
    switch (command.letter) {
      case 'h':
        await this.world.out(helpText(command.protocol));
        return 0;
      case 'V':
        await this.world.out(`${VERSION}\n`);
        return 0;
      case 'C':
        return this.counter();
      case 'S':
        return this.statistics();
      case 'F':
        return this.flush();
      case 'I':
      case 'A':
        return this.create();
      case 'L':
        return this.list();
      case 'D':
        return this.remove();
      case 'U':
        return this.update();
      case 'G':
        return this.get();
      case 'E':
        return this.events();
    }
  }

  private fail(errno: Errno): never {
    throw new Complaint(`Operation failed: ${errorText(errno, this.command)}`, 1);
  }

  /** The closing line, and the exit code. */
  private done(what: string, code: number): number {
    if (!this.quiet) this.world.err(`${VERSION}: ${this.count} ${what}.\n`);
    return code;
  }

  // --- Listing -----------------------------------------------------------------------------------------------------------

  /** All connections in pages. */
  private async *pages(zero = false): AsyncGenerator<Flow[]> {
    const { family } = this.command;
    for (let from = 0; from >= 0; ) {
      const page: FlowPage = await this.world.ask({ do: 'list', from, family, zero });
      yield [...unpack(page)];
      from = page.next;
    }
  }

  private async list(): Promise<number> {
    const { command } = this;
    const { given, status, table } = command;
    this.checkFilters();
    if (given.has('status') && status.mask === 0 && table === 'conntrack') this.fail('EINVAL');
    // Connections that wait for a packet's end, or for a reader of their end: what current kernels show of either is nothing.
    if (table === 'conntrack') {
      for await (const flows of this.pages(given.has('zero')))
        await this.print(flows.filter((flow) => matches(flow, command)));
    }
    await this.world.out(this.printer.end());
    return this.done('flow entries have been shown', 0);
  }

  private checkFilters(): void {
    const { given, table } = this.command;
    if (table !== 'conntrack') return;
    if (given.has('zero') && COMPARED.some((name) => given.has(name)))
      throw new Complaint("Can't use -z with filtering parameters");
    if (given.has('mask-src') && !given.has('src')) throw new Complaint("Can't use --mask-src without --src");
    if (given.has('mask-dst') && !given.has('dst')) throw new Complaint("Can't use --mask-dst without --dst");
  }

  private async print(flows: readonly Flow[]): Promise<void> {
    if (flows.length === 0) return;
    const lines = flows.map((flow) => this.printer.flow(flow)).filter((line) => line !== '');
    this.count += lines.length;
    await this.world.out(lines.join(''));
  }

  private async memory(): Promise<number> {
    const report = await this.world.ask({ do: 'memory' });
    await this.world.out(await memoryText(report, this.pages(), this.command));
    return 0;
  }

  // --- One by one --------------------------------------------------------------------------------------------------------

  private async get(): Promise<number> {
    const { command } = this;
    const given = asked(command);
    const answer = given ? await this.world.ask({ do: 'get', given }) : 'EINVAL';
    if (typeof answer === 'string') this.fail(answer);
    const flows = [...unpack(answer)].filter((flow) => matches(flow, command));
    for (const flow of flows) flow.use++;
    await this.print(flows);
    return this.done('flow entries have been shown', this.count > 0 ? 0 : 1);
  }

  /** `runs`: those whose connections are made by the same request. */
  async create(runs: readonly Run[] = [this]): Promise<number> {
    const { letter } = this.command;
    const content = letter === 'A';
    const given = runs.map((run) => wanted(run.command));
    const done = await this.world.ask({ do: 'create', given, content, by: this.world.by });
    const failed = done.find((errno) => errno !== null && !(content && errno === 'EEXIST'));
    if (failed) this.fail(failed);
    this.count += done.filter((errno) => errno === null).length;
    return this.done(letter === 'A' ? 'flow entries have been added' : 'flow entries have been created', 0);
  }

  private async remove(): Promise<number> {
    const { command, world } = this;
    this.checkFilters();
    for await (const flows of this.pages()) {
      const meant = flows.filter((flow) => matches(flow, command));
      if (meant.length === 0) continue;
      const given = meant.map((flow) => ({ ...named(flow), id: flow.id }));
      const done = await world.ask({ do: 'delete', given, by: world.by });
      // What went away by itself meanwhile is not counted.
      const gone = meant.filter((_, index) => done[index] === null);
      const failed = done.find((errno) => errno !== null && errno !== 'ENOENT');
      if (failed) this.fail(failed);
      await this.print(gone);
    }
    return this.done('flow entries have been deleted', this.count > 0 ? 0 : 1);
  }

  private async update(): Promise<number> {
    const { command } = this;
    this.checkFilters();
    for await (const flows of this.pages()) {
      const changed: Flow[] = [];
      for (const flow of flows) {
        const now = isMeant(flow, command) ? await this.updateOne(flow) : undefined;
        if (now) changed.push(now);
      }
      await this.print(changed);
    }
    return this.done('flow entries have been updated', this.count > 0 ? 0 : 1);
  }

  /** What it is then; undefined: there was nothing to change, or it went away meanwhile. */
  private async updateOne(flow: Flow): Promise<Flow | undefined> {
    const { command, world } = this;
    const change = changesOf(flow, command);
    if (!change) return undefined;
    if (command.family === undefined) {
      // The real tool asks for the family of its words, which name none; the kernel has no such table.
      world.err(`Operation failed: ${ERRORS.EOPNOTSUPP}\n`);
      this.fail('EOPNOTSUPP');
    }
    // Differs: the real tool reads the answers out of step, so that it shows the first of several only, and gives up at the second's error.
    const errno = await world.ask({ do: 'update', given: { ...named(flow), ...change }, by: world.by });
    if (errno) world.err(`Operation failed: ${errorText(errno, command)}\n`);
    const answer = await world.ask({ do: 'get', given: named(flow) });
    if (answer === 'ENOENT') return undefined;
    if (typeof answer === 'string') this.fail(answer);
    const [now] = unpack(answer);
    now.use++;
    return now;
  }

  private async flush(): Promise<number> {
    for (let from = 0; from >= 0; ) from = (await this.world.ask({ do: 'flush', from, by: this.world.by })).next;
    this.world.err(`${VERSION}: connection tracking table has been emptied.\n`);
    return 0;
  }

  // --- Expectations ------------------------------------------------------------------------------------------------------

  private async expect(): Promise<number> {
    const { command, world } = this;
    switch (command.letter) {
      case 'I':
        return this.expected(await world.ask({ do: 'expect-create', expect: wantedExpectation(command) }));
      case 'G': {
        const found = await world.ask({ do: 'expect-get', expect: askedExpectation(command) });
        if (typeof found === 'string') this.fail(found);
        await world.out(showExpectation(found, command));
        return 0;
      }
      case 'D':
        // Differs: the real tool says that 0 were shown, and exits with 1.
        this.expected(await world.ask({ do: 'expect-delete', expect: askedExpectation(command) }));
        this.count = 1;
        return this.done('expectations have been deleted', 0);
      case 'F':
        await world.ask({ do: 'expect-flush' });
        world.err(`${VERSION}: expectation table has been emptied.\n`);
        return 0;
      case 'E':
        return this.expectEvents();
      default:
        return this.listExpectations();
    }
  }

  private expected(errno: Errno | null | undefined): number {
    if (errno) this.fail(errno);
    return 0;
  }

  private async listExpectations(): Promise<number> {
    const { command, world } = this;
    const found = await world.ask({ do: 'expectations', family: command.family });
    this.count = found.length;
    const text = found.map((one) => showExpectation(one, command)).join('');
    const xml = command.output.has('xml') && found.length > 0;
    await world.out(xml ? `<?xml version="1.0" encoding="utf-8"?>\n<expect>\n${text}</expect>\n` : text);
    return this.done('expectations have been shown', 0);
  }

  private async expectEvents(): Promise<number> {
    const { command, world } = this;
    for await (const { expect = [], lost } of world.events('expectation')) {
      if (lost > 0) world.err(lostText(lost));
      this.count += expect.length;
      await world.out(expect.map((event) => showExpectEvent(event, command, world.now())).join(''));
    }
    return this.done('expectation events have been shown', 0);
  }

  // --- Counts ------------------------------------------------------------------------------------------------------------

  private async counter(): Promise<number> {
    const { connections, expectations } = await this.world.ask({ do: 'statistics' });
    const count = this.command.table === 'expect' ? expectations : connections;
    await this.world.out(this.command.output.has('json') ? `${JSON.stringify({ count })}\n` : `${count}\n`);
    return 0;
  }

  private async statistics(): Promise<number> {
    const answer = await this.world.ask({ do: 'statistics' });
    await this.world.out(this.printer.statistics(answer, this.command.table === 'expect'));
    return 0;
  }

  // --- Events ------------------------------------------------------------------------------------------------------------

  private async events(): Promise<number> {
    const { command, world } = this;
    this.checkFilters();
    if (command.bufferSize !== undefined)
      world.err(
        `NOTICE: Netlink socket buffer size has been set to ${Math.max(LEAST_BUFFER, 2 * command.bufferSize)} bytes.\n`,
      );
    for await (const { events, lost } of world.events('connection')) {
      if (lost > 0) world.err(lostText(lost));
      for (const event of events) {
        if (command.events.size > 0 && !command.events.has(event.type)) continue;
        if (!matches(event.flow, command)) continue;
        this.count++;
        await world.out(this.printer.event(event, world.now()));
      }
    }
    await world.out(this.printer.end());
    return this.done('flow events have been shown', 0);
  }
}

/** The kernel doubles what is asked for, and gives at least that. Our events have a queue of their own. */
const LEAST_BUFFER = 2_304;

const lostText = (lost: number): string =>
  `WARNING: We have hit ENOBUFS! We are losing events.\n${lost === Number.POSITIVE_INFINITY ? 'Some' : lost} events were lost: they came faster than they were read.\n`;
