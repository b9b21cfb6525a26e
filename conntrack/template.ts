// What the CT and NOTRACK targets leave on a packet in the raw table, for the tracker that runs right after it.

export interface Template {
  readonly untracked: boolean;
  /** Zone per direction: 0 is the default zone. */
  readonly zoneOriginal: number;
  readonly zoneReply: number;
  readonly helper: string | undefined;
  /** Name of a timeout policy. */
  readonly timeout: string | undefined;
  /** Bits of IPCT_ events that are reported; undefined: all. */
  readonly events: number | undefined;
  readonly expectEvents: number | undefined;
}
