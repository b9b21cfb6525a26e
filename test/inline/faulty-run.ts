// `sekisho run` with an engine that can be made to fail (faulty-engine.ts): its path is the first word.

import { parseDevice } from '../../bin/device-spec.ts';
import { Daemon } from '../../control/daemon.ts';
import { statePaths } from '../../control/paths.ts';

const [engine, inside, outside, most = '8'] = process.argv.slice(2);
const devices = [parseDevice(inside), parseDevice(outside)];
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const daemon = await Daemon.start({
  mode: { kind: 'bridge', ports: [devices[0].name, devices[1].name] },
  devices,
  rules: [],
  paths: statePaths(),
  engine,
  backOff: { first: 20, longest: 100, most: Number(most), settled: 60_000, look: 1_500 },
  onLog: ({ text }) => say(text),
  say,
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
