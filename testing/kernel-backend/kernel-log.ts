// What LOG and TRACE print for a namespace: lines of /dev/kmsg. Log and switch (a namespace other than the first logs only while it is on) are
// the machine's: one process after the other uses them.

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libc, must, O_CLOEXEC, O_NONBLOCK, O_RDONLY } from '../../tun/libc.ts';
import { KernelUnavailable } from './unavailable.ts';

const LOCK_EX = 2;
const LOCK_UN = 8;
const SEEK_END = 2;
const EPIPE = 32;

export interface LogLine {
  readonly level: number;
  readonly msg: string;
}

export class KernelLog {
  // Opened before the thread leaves for a namespace of its own: the switch is there in the first one only.
  private readonly turn = openSync(join(tmpdir(), 'sekisho-kernel-log.lock'), 'w');
  private readonly switchFile = openIfThere('/proc/sys/net/netfilter/nf_log_all_netns', 'r+');
  private switchWas = '0';
  private log = -1;
  private readonly record = new Uint8Array(8_192);

  /** Waits until it is our turn. */
  start(): void {
    if (this.switchFile < 0) {
      throw new KernelUnavailable('nf_log_all_netns cannot be written here: LOG prints nothing in a namespace');
    }
    must(libc().flock(this.turn, LOCK_EX), 'lock of the kernel log');
    const was = new Uint8Array(16);
    this.switchWas = new TextDecoder().decode(was.subarray(0, readSync(this.switchFile, was, 0, 16, 0))).trim();
    writeSync(this.switchFile, '1\n', 0);
    this.log = must(libc().open('/dev/kmsg', O_RDONLY | O_NONBLOCK | O_CLOEXEC), '/dev/kmsg');
    libc().lseek(this.log, 0, SEEK_END);
  }

  /** Lines since the last time, of packets on those devices. */
  read(devices: readonly string[]): LogLine[] {
    const lines: LogLine[] = [];
    while (this.log >= 0) {
      const length = libc().read(this.log, this.record, this.record.length);
      if (length < 0 && libc().errno() === EPIPE) continue; // records were overwritten before we came
      if (length < 0) break;
      // "6,339,5140900,-;message\n key=value"; Documentation/ABI/testing/dev-kmsg
      const [head, ...rest] = new TextDecoder().decode(this.record.subarray(0, length)).split(';');
      const msg = rest.join(';').split('\n')[0];
      if (devices.some((name) => msg.includes(`IN=${name} `) || msg.includes(`OUT=${name} `))) {
        lines.push({ level: Number(head.split(',')[0]) & 7, msg });
      }
    }
    return lines;
  }

  /** The next one's turn. Nothing happens when it was not started. */
  stop(): void {
    if (this.log < 0) return;
    closeSync(this.log);
    this.log = -1;
    writeSync(this.switchFile, `${this.switchWas}\n`, 0);
    libc().flock(this.turn, LOCK_UN);
  }

  /** For good. */
  close(): void {
    this.stop();
    closeSync(this.turn);
    if (this.switchFile >= 0) closeSync(this.switchFile);
  }
}

function openIfThere(path: string, flags: string): number {
  try {
    return openSync(path, flags);
  } catch {
    return -1;
  }
}
