// Rates of packets and octets, averaged over time: what RATEEST feeds and the rateest match reads, by name, one for both families.
//
// The kernel samples the counters with a timer, every quarter of a second times 2^intervalLog. Here the samples that are due are made up
// for when somebody comes by, which gives the same numbers. net/core/gen_estimator.c est_timer(), gen_estimator_read()

export interface EstimatorSettings {
  /** 0 to 5: a sample each 250 ms, 500 ms ... 8 s. */
  readonly intervalLog: number;
  /** 1 to 30: the weight of a new sample is 2^-ewmaLog. */
  readonly ewmaLog: number;
}

/** Averages carry so many bits below the point. */
const SCALE = 256;

export class RateEstimator {
  readonly settings: EstimatorSettings;
  private nextAt: number;
  private packets = 0;
  private octets = 0;
  private packetRate = 0;
  private octetRate = 0;

  /** `now` is when the first interval begins, monotonic ms. */
  constructor(settings: EstimatorSettings, now: number) {
    this.settings = settings;
    this.nextAt = now + this.interval;
  }

  private get interval(): number {
    return 250 * 2 ** this.settings.intervalLog;
  }

  add(octets: number, now: number): void {
    if (now >= this.nextAt) this.catchUp(now);
    this.packets++;
    this.octets += octets;
  }

  packetsPerSecond(now: number): number {
    this.catchUp(now);
    return Math.floor(this.packetRate / SCALE);
  }

  octetsPerSecond(now: number): number {
    this.catchUp(now);
    return Math.floor(this.octetRate / SCALE);
  }

  private catchUp(now: number): void {
    for (; now >= this.nextAt; this.nextAt += this.interval) {
      const [packets, octets] = [this.packetRate, this.octetRate];
      this.packetRate = this.sample(this.packets, packets);
      this.octetRate = this.sample(this.octets, octets);
      const still = this.packets === 0 && this.octets === 0 && packets === this.packetRate && octets === this.octetRate;
      this.packets = 0;
      this.octets = 0;
      // Nothing came, and what is left does not fade any more: the rest of a long pause changes nothing.
      if (still) this.nextAt += Math.floor((now - this.nextAt) / this.interval) * this.interval;
    }
  }

  private sample(count: number, average: number): number {
    const { intervalLog, ewmaLog } = this.settings;
    const weight = 2 ** ewmaLog;
    const rate = count * 2 ** (10 - intervalLog);
    return average + Math.floor(rate / weight) - Math.floor(average / weight);
  }
}

/** The key of CompileContext.shared() under which a name's estimator is. */
export const estimatorKey = (name: string): string => `rateest ${name}`;
