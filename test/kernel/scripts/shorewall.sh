ip tuntap add dev eth0 mode tun
ip tuntap add dev eth1 mode tun
ip address add 192.0.2.1/24 dev eth0
ip address add 10.0.0.1/24 dev eth1
ip link set eth0 up
ip link set eth1 up
work=$(mktemp -d)
cp /usr/share/doc/shorewall/examples/two-interfaces/* "$work"
sed -i 's/^STARTUP_ENABLED=.*/STARTUP_ENABLED=Yes/; s/^LOGFILE=.*/LOGFILE=\/dev\/null/; s/^LOAD_HELPERS_ONLY=.*/LOAD_HELPERS_ONLY=Yes/; s/^HELPERS=.*/HELPERS=amanda,ftp,h323,irc,netbios-ns,pptp,sane,sip,snmp,tftp/' "$work/shorewall.conf"
shorewall start "$work" 2>&1 | sed "s|$work|.|"
shorewall status 2>&1 | grep -i "^shorewall is"
rm -rf "$work"
