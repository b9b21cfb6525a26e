// What the tests and the demo need from the system. As root on Debian or Ubuntu the missing packages are installed;
// elsewhere they are named, and what can be done without them is done.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';

const PACKAGES = {
  'ip6tables-legacy-restore': 'iptables',
  ip: 'iproute2',
  nft: 'nftables',
  iperf3: 'iperf3',
  ping: 'iputils-ping',
  curl: 'curl',
};

/** For some tests, which are left out without them: the other tools that ours are compared with, and what scripts of tests start. */
const COMPANIONS = {
  conntrack: 'conntrack',
  ipset: 'ipset',
  nfacct: 'nfacct',
  python3: 'python3',
  script: 'bsdutils',
};

/** Firewalls whose scripts run on our tools in a test. Their packages start services: they are only put on machines made for tests (CI is set). */
const FIREWALLS = {
  ferm: 'ferm',
  ufw: 'ufw',
  'fail2ban-client': 'fail2ban',
  shorewall: 'shorewall',
  firewalld: 'firewalld',
};

/** Programs that speak through our helpers in a test; some start services too. */
const SPEAKERS = { vsftpd: 'vsftpd', 'in.tftpd': 'tftpd-hpa', sipp: 'sip-tester', pptp: 'pptp-linux', pptpd: 'pptpd' };

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
  install(lacking(tools).map((tool) => PACKAGES[tool]));
  const missing = lacking(tools);
  for (const tool of missing) reasons.push(`${tool} is missing (Debian package ${PACKAGES[tool]})`);
  if (!existsSync('/dev/net/tun')) reasons.push('/dev/net/tun is missing (modprobe tun)');
  return reasons;
}

/** What the tests use where it is there, and do without elsewhere. */
export function ensureOptional() {
  if (!isRoot) return;
  const packages = { ...COMPANIONS, ...(process.env.CI ? { ...FIREWALLS, ...SPEAKERS } : {}) };
  install(lacking(Object.keys(packages)).map((tool) => packages[tool]));
}

function install(packages) {
  if (packages.length === 0 || !existsSync('/usr/bin/apt-get')) return;
  console.error(`installing ${[...new Set(packages)].join(', ')} (needed by the tests and the demo)`);
  const options = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  const words = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  if (spawnSync('apt-get', words, options).status === 0) return;
  spawnSync('apt-get', ['update', '-qq'], options);
  spawnSync('apt-get', words, options);
}
