// What the tests and the demo need from the system. As root on Debian or Ubuntu the missing packages are installed;
// elsewhere they are named, and what can be done without them is done.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';

const PACKAGES = {
  'ip6tables-legacy-restore': 'iptables',
  ip: 'iproute2',
  iperf3: 'iperf3',
  ping: 'iputils-ping',
  curl: 'curl',
  // Whose scripts are run with our tools in place of the real ones.
  ferm: 'ferm',
  ufw: 'ufw',
  'fail2ban-client': 'fail2ban',
  shorewall: 'shorewall',
  firewalld: 'firewalld',
};

export const isRoot = process.getuid?.() === 0;

const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin'];
const has = (tool) =>
  directories.some((directory) => {
    try {
      accessSync(`${directory}/${tool}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

const lacking = (tools) => tools.filter((tool) => !has(tool));

/** Installs what is missing where that is possible; returns a reason for each thing that stays missing. */
export function ensureSystem(tools = Object.keys(PACKAGES)) {
  const reasons = [];
  if (!isRoot) return ['not root: no namespaces, no TUN devices, no kernel to compare with'];
  let missing = lacking(tools);
  if (missing.length > 0 && existsSync('/usr/bin/apt-get')) {
    const packages = [...new Set(missing.map((tool) => PACKAGES[tool]))];
    console.error(`installing ${packages.join(', ')} (needed by the tests and the demo)`);
    const options = {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    };
    const install = () =>
      spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options).status === 0;
    if (!install()) {
      spawnSync('apt-get', ['update', '-qq'], options);
      install();
    }
    missing = lacking(tools);
  }
  for (const tool of missing) reasons.push(`${tool} is missing (Debian package ${PACKAGES[tool]})`);
  if (!existsSync('/dev/net/tun')) reasons.push('/dev/net/tun is missing (modprobe tun)');
  return reasons;
}
