// Rules that give connections a helper: which are taken.

export const given: readonly (readonly [words: string, families: readonly (4 | 6)[]])[] = [
  ['-p tcp -j CT --helper ftp', [4, 6]],
  ['-p udp -j CT --helper ftp', []],
  ['-p tcp -j CT --helper FTP', []],
  ['-p tcp -j CT --helper ftp-2121', []],
  ['-p tcp -j CT --helper nothing', []],
  ['! -p tcp -j CT --helper ftp', []],
  ['-j CT --helper ftp', []],
  ['-p udp -j CT --helper tftp', [4, 6]],
  ['-p tcp -j CT --helper tftp', []],
  ['-p udp -j CT --helper amanda', [4, 6]],
  ['-p udp -j CT --helper RAS', [4, 6]],
  ['-p tcp -j CT --helper RAS', []],
  ['-p tcp -j CT --helper Q.931', [4, 6]],
  ['-p udp -j CT --helper Q.931', []],
  ['-p tcp -j CT --helper h323', []],
  ['-p tcp -j CT --helper sane', [4, 6]],
  ['-p tcp -j CT --helper irc', [4]],
  ['-p udp -j CT --helper netbios-ns', [4]],
  ['-p udp -j CT --helper snmp', [4]],
  ['-p udp -j CT --helper snmp_trap', [4]],
  ['-p icmp -j CT --helper ftp', []],
];

export const rulesOf = (words: string): string => `*raw\n-A PREROUTING ${words}\nCOMMIT\n`;
