/** Switches that protocols look at; sysctl.ts sets them. */
export interface Knobs {
  checksum: number;
  acct: number;
  timestamp: number;
  tcpLoose: number;
  tcpBeLiberal: number;
  tcpMaxRetrans: number;
  tcpIgnoreInvalidRst: number;
  /** Protocol whose invalid packets are told of, 255 for all; 0: none. */
  logInvalid: number;
}
