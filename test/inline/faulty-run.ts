// `sekisho run` with threads and an engine that can be made to fail (faulty-thread.ts, faulty-engine.ts): their paths are the first words.

import { parseDevice } from '../../bin/device-spec.ts';
import { Daemon } from '../../control/daemon.ts';
import { statePaths } from '../../control/paths.ts';
import { DEFAULT_LOG } from '../../control/settings.ts';

const [program, engine, inside, outside, most = '8', queues = '1'] = process.argv.slice(2);
const devices = [parseDevice(inside), parseDevice(outside)] as const;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const daemon = await Daemon.start({
  settings: {
    mode: 'bridge',
    devices,
    queues: Number(queues),
    io: undefined,
    busyPollUs: 0,
    namespace: undefined,
    paths: statePaths(),
    rules: [],
    sets: undefined,
    sysctls: {},
    extensions: [],
    host: {},
    log: DEFAULT_LOG,
    metrics: undefined,
    saveEveryMs: 60_000,
  },
  program,
  engine,
  backOff: { first: 20, longest: 100, most: Number(most), settled: 60_000, look: 1_000 },
  log: { packet: ({ text }) => say(text), lost: () => 0 },
  say,
  reload: async () => '',
  onGone(error) {
    say(`gone: ${error.message}`);
    process.exit(1);
  },
  onStop: () => {},
});
say('control socket');
process.once('SIGTERM', () => {
  void daemon.stop().then(() => process.exit(0));
});
