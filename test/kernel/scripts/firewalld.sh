ip tuntap add dev eth0 mode tun
work=$(mktemp -d)
mkdir -p /run/dbus
sed -i 's/^FirewallBackend=.*/FirewallBackend=iptables/; s/^IndividualCalls=.*/IndividualCalls=no/' /etc/firewalld/firewalld.conf
dbus-daemon --system --fork --print-pid > "$work/dbus" 2> /dev/null
firewalld --nofork --nopid > "$work/log" 2>&1 &
for _ in $(seq 300); do [ "$(firewall-cmd --state 2> /dev/null)" = running ] && break; sleep 0.2; done
firewall-cmd --state
firewall-cmd --zone=public --add-service=http
firewall-cmd --zone=public --add-rich-rule='rule family="ipv6" source address="2001:db8::/32" port port="8080" protocol="tcp" log prefix="web " limit value="3/m" accept'
firewall-cmd --zone=external --add-interface=eth0
firewall-cmd --zone=external --add-forward-port=port=80:proto=tcp:toport=8080:toaddr=10.0.0.5
iptables-save
ip6tables-save
kill %1
wait
kill "$(cat "$work/dbus")"
grep -h "not supported" "$work/log"
rm -rf "$work"
