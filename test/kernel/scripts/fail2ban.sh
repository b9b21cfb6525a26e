work=$(mktemp -d)
touch "$work/auth.log"
cp -a /etc/fail2ban "$work/conf"
printf '[Definition]\ndbfile = None\n' > "$work/conf/fail2ban.local"
cat > "$work/conf/jail.local" <<END
[DEFAULT]
backend = polling
[sshd]
enabled = true
port = ssh
logpath = $work/auth.log
banaction = iptables-multiport
END
ask() { fail2ban-client -s "$work/socket" "$@" > /dev/null; }
# Bans are carried out some time after they were taken.
until_listed() { for _ in $(seq 100); do "$1" -S | grep -q -- "$2" && return; sleep 0.1; done; echo "no $2"; }
until_gone() { for _ in $(seq 100); do "$1" -S | grep -q -- "$2" || return; sleep 0.1; done; echo "still $2"; }
fail2ban-client -c "$work/conf" -s "$work/socket" -p "$work/pid" --logtarget "$work/log" start > /dev/null 2>&1
for _ in $(seq 100); do ask ping > /dev/null 2>&1 && break; sleep 0.1; done
ask set sshd banip 192.0.2.7
until_listed iptables 192.0.2.7
ask set sshd banip 2001:db8::7
until_listed ip6tables 2001:db8::7
iptables -S
ip6tables -S
ask set sshd unbanip 192.0.2.7
until_gone iptables 192.0.2.7
ask set sshd banip 192.0.2.8
until_listed iptables 192.0.2.8
iptables -S
ask stop
grep -h ERROR "$work/log"
rm -rf "$work"
