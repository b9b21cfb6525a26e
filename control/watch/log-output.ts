// Where the daemon's lines go: those of LOG rules in the kernel's format, and its own. Standard error, a file, or the system's log. None of
// them is waited for: what a reader does not take in time is kept up to a bound, and beyond that counted and forgotten. The count is told
// as soon as there is room again.

import { closeSync, openSync } from 'node:fs';
import { inOneLine } from '../../engine/log-line.ts';
import { writeAtOnce } from '../../tun/os.ts';
import type { LogSettings } from '../settings.ts';
import { Syslog } from './syslog.ts';

export interface LogOutput {
  /** A line of a LOG rule, at its syslog level. */
  packet(level: number, text: string): void;
  /** A line of the daemon's own. */
  say(text: string): void;
  /** Opens files again: somebody has moved them away. Throws what the system says, and then the old one goes on. */
  reopen(): void;
  close(): void;
  /** Lines that nobody took. */
  readonly lost: number;
}

const INFO = 6;

/** Throws what the system says about the file. */
export function openLog({ to, level, facility }: LogSettings): LogOutput {
  const output = to === 'syslog' ? new SystemLog(facility) : new StreamLog(to === 'stderr' ? undefined : to.file);
  if (level === 7) return output;
  return {
    packet: (ofLine, text) => {
      if (ofLine <= level) output.packet(ofLine, inOneLine(text));
    },
    say: (text) => output.say(text),
    reopen: () => output.reopen(),
    close: () => output.close(),
    get lost() {
      return output.lost;
    },
  };
}

class SystemLog implements LogOutput {
  lost = 0;
  private readonly packets: Syslog;
  /** The daemon's own lines are no kernel's. */
  private readonly own = new Syslog('daemon');
  private told = 0;

  constructor(facility: LogSettings['facility']) {
    this.packets = new Syslog(facility);
  }

  packet(level: number, text: string): void {
    this.write(this.packets, level, text);
  }

  say(text: string): void {
    this.write(this.own, INFO, text);
  }

  private write(log: Syslog, level: number, text: string): void {
    if (!log.write(level, text)) this.lost++;
    else if (this.lost > this.told && this.own.write(4, lostLine(this.lost - this.told))) this.told = this.lost;
  }

  reopen(): void {}

  close(): void {
    this.packets.close();
    this.own.close();
  }
}

const lostLine = (count: number): string => `${count} log lines are lost: whoever reads the log was too slow`;

/** Octets that may wait. */
const LONGEST_QUEUE = 1 << 20;
const RETRY_MS = 20;
const STDERR = 2;

/** Standard error or a file. */
export class StreamLog implements LogOutput {
  lost = 0;
  private readonly path: string | undefined;
  private descriptor: number;
  private queue: Buffer[] = [];
  private queued = 0;
  private told = 0;
  private retry: NodeJS.Timeout | undefined;

  constructor(path: string | undefined, descriptor = STDERR) {
    this.path = path;
    this.descriptor = path === undefined ? descriptor : openLogFile(path);
  }

  /** Standard error gets the level in front, as systemd's journal and the kernel's own log have it. */
  packet(level: number, text: string): void {
    this.write(this.path === undefined ? `<${level}>${text}\n` : `${stamp()} ${text}\n`);
  }

  say(text: string): void {
    this.write(this.path === undefined ? `sekisho: ${text}\n` : `${stamp()} sekisho: ${text}\n`);
  }

  private write(line: string): void {
    const octets = Buffer.from(line);
    if (this.queued + octets.length > LONGEST_QUEUE) {
      this.lost++;
      return;
    }
    this.queue.push(octets);
    this.queued += octets.length;
    if (!this.retry) this.flush();
  }

  /** Writes what can be written now. */
  private flush(): void {
    this.retry = undefined;
    try {
      while (this.queue.length > 0) {
        const [first] = this.queue;
        const taken = writeAtOnce(this.descriptor, first);
        this.queued -= taken;
        if (taken === first.length) this.queue.shift();
        else this.queue[0] = first.subarray(taken);
        if (taken === 0) break;
      }
    } catch {
      // A full disk, a reader that is gone: what waited is lost, and the next line tries again.
      this.lost += this.queue.length;
      this.queue = [];
      this.queued = 0;
      return;
    }
    if (this.queue.length > 0) this.retry = setTimeout(() => this.flush(), RETRY_MS).unref();
    else this.tellLost();
  }

  private tellLost(): void {
    if (this.lost === this.told) return;
    const count = this.lost - this.told;
    this.told = this.lost;
    this.say(lostLine(count));
  }

  reopen(): void {
    if (this.path === undefined) return;
    const next = openLogFile(this.path);
    this.flush();
    closeSync(this.descriptor);
    this.descriptor = next;
  }

  close(): void {
    clearTimeout(this.retry);
    this.flush();
    clearTimeout(this.retry);
    if (this.path !== undefined) closeSync(this.descriptor);
  }
}

/** Readable for its owner and group: log lines tell who speaks with whom. */
const openLogFile = (path: string): number => openSync(path, 'a', 0o640);

const stamp = (): string => new Date().toISOString();
