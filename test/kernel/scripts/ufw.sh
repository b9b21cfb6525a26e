ufw --force enable
ufw allow 22/tcp
ufw limit ssh
ufw deny from 10.0.0.0/8 to any port 53 proto udp
ufw route allow in on eth0 out on eth1
ufw status verbose
