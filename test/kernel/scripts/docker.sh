# What a container engine calls at its start and for a published port.
iptables -t nat -N DOCKER
iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER '!' --dst 127.0.0.0/8
iptables -t filter -N DOCKER
iptables -t filter -N DOCKER-ISOLATION-STAGE-1
iptables -t filter -N DOCKER-ISOLATION-STAGE-2
for chain in DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2; do
  iptables --wait -t filter -C $chain -j RETURN 2>/dev/null || iptables --wait -A $chain -j RETURN
done
iptables -t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
iptables -t nat -I DOCKER -i docker0 -j RETURN
iptables -D FORWARD -i docker0 -o docker0 -j DROP 2>/dev/null; echo $?
iptables -I FORWARD -i docker0 -o docker0 -j ACCEPT
iptables -I FORWARD -i docker0 ! -o docker0 -j ACCEPT
iptables -I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -I FORWARD -o docker0 -j DOCKER
iptables -I FORWARD -j DOCKER-ISOLATION-STAGE-1
iptables -I DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
iptables -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
iptables --wait -t filter -N DOCKER-USER
iptables --wait -t filter -A DOCKER-USER -j RETURN
iptables --wait -t filter -I FORWARD -j DOCKER-USER
iptables --wait -t nat -A DOCKER -p tcp -d 0/0 --dport 8080 -j DNAT --to-destination 172.17.0.2:80 ! -i docker0
iptables --wait -t filter -A DOCKER ! -i docker0 -o docker0 -p tcp -d 172.17.0.2 --dport 80 -j ACCEPT
iptables --wait -t nat -A POSTROUTING -p tcp -s 172.17.0.2 -d 172.17.0.2 --dport 80 -j MASQUERADE
iptables --wait -t nat -S
iptables -nvL
iptables -t nat -L -n --line-numbers
