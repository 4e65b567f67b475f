# boot.sh MACHINE BRIDGE MAC SUPPLY: one boot of a machine, in a network and a time of its own.
#
# It begins in the machine's folder, where its power supply has mounted its system. Its network
# card is one end of a cable; the other is at the bridge, in the network of the power supply.
set -eu
machine=$1 bridge=$2 mac=$3 supply=$4

outside() { nsenter --net="/proc/$supply/ns/net" ip link set "$machine" "$@"; }

mkdir -p "/sys/fs/cgroup/fleet-$machine/boot"
echo $$ >"/sys/fs/cgroup/fleet-$machine/boot/cgroup.procs"
ip link add eth0 address "$mac" type veth peer name "$machine" netns "$supply"
outside master "$bridge" up
# Asked after, since the cable may be pulled at any time.
[ ! -e cut ] || outside down
exec systemd-nspawn --directory=system --boot --machine="$machine" --register=no --keep-unit \
  --network-namespace-path=/proc/self/ns/net --capability=CAP_NET_ADMIN
