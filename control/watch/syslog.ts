// The system's log: a datagram to /dev/log for each line, never waiting for its reader.

import { DatagramSender } from '../../tun/os.ts';

/** Facilities by their number in RFC 5424 6.2.1; what has no name there cannot be asked for. */
const NUMBERS = {
  kern: 0,
  user: 1,
  daemon: 3,
  syslog: 5,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;
export type Facility = keyof typeof NUMBERS;
export const FACILITIES = Object.keys(NUMBERS) as Facility[];

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A line as syslog(3) of glibc sends it: RFC 3164 4.1, without the host's name. `level` is the severity, 0 to 7. */
export function syslogLine(facility: Facility, level: number, tag: string, text: string, date: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = String(date.getDate()).padStart(2);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `<${NUMBERS[facility] * 8 + level}>${MONTHS[date.getMonth()]} ${day} ${time} ${tag}: ${text}`;
}

export class Syslog {
  private readonly sender: DatagramSender;
  private readonly facility: Facility;

  constructor(facility: Facility, path = '/dev/log') {
    this.facility = facility;
    this.sender = new DatagramSender(path);
  }

  /** False: the line is lost. */
  write(level: number, text: string): boolean {
    return this.sender.send(syslogLine(this.facility, level, `sekisho[${process.pid}]`, text, new Date()));
  }

  close(): void {
    this.sender.close();
  }
}
