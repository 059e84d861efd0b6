# Prints what is on a host, changes nothing. Arguments: deploy user, project
# path, the packages that matter (one word), then folders.
# Each line is base64 and a name, so that no content can look like a name.
export LC_ALL=C PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
user=$1 packages=$2
shift 2

tell() { base64 -w0; printf ' %s\n' "$1"; }
ask() { name=$1; shift; "$@" 2>/dev/null </dev/null | tell "$name"; }

ask system cat /etc/os-release
ask arch uname -m
ask container systemd-detect-virt --container
ask apparmor cat /sys/module/apparmor/parameters/enabled

# The index is as old as the newest list of packages.
newest=$(stat -c %Y /var/lib/apt/lists/*_Packages* /var/lib/apt/lists/*InRelease 2>/dev/null | sort -n | tail -n1)
[ -z "$newest" ] || ask index expr "$(date +%s)" - "$newest"
ask interrupted dpkg --audit
# shellcheck disable=SC2086
ask packages sh -c 'dpkg-query -W -f "\${db:Status-Status} \${Package}\n" "$@" | sed -n "s/^installed //p"' sh $packages
ask docker-ce sh -c 'apt-cache policy docker-ce | sed -n "s/^ *Candidate: //p"'
ask engine sh -c 'dockerd --version | sed -n "s/^Docker version \([^,]*\).*/\1/p"'
ask engine-offered sh -c 'apt-cache policy docker.io | sed -n "s/^ *Candidate: //p"'
[ ! -s /var/lib/docker/swarm/docker-state.json ] || echo yes | tell swarm
[ ! -s /var/lib/docker/swarm/certificates/swarm-node.crt ] || ask swarm-node cat /var/lib/docker/swarm/certificates/swarm-node.crt
[ ! -s /var/lib/stackctl/swarm ] || ask swarm-mark cat /var/lib/stackctl/swarm
# Containers that run and that the engine does not know. It is asked last: it knows one from before its first process
# until after its last. Where the host is a container itself every process is in one, and where several engines run
# nobody can tell whose a container is.
in='^[0-9]+:[^:]*:(/system\.slice)?/docker[-/][0-9a-f]{64}'
if ! grep -qsE "$in" /proc/1/cgroup && [ "$(grep -xhs dockerd /proc/[0-9]*/comm | wc -l)" = 1 ]; then
	found=$(grep -HoEs "$in" /proc/[0-9]*/cgroup | sed -E 's#^/proc/([0-9]+)/.*([0-9a-f]{64})$#\2 \1#' | sort -u -k 1,1)
	if [ -n "$found" ] && known=$(docker ps --all --quiet --no-trunc 2>/dev/null); then
		echo "$found" | while read -r id process; do
			case $known in
			*"$id"*) ;;
			*) echo "$id $(cat "/proc/$process/comm" 2>/dev/null || echo ended)" ;;
			esac
		done | tell strays
	fi
fi
ask units systemctl show -p Id -p ActiveState -p UnitFileState docker.service ufw.service fail2ban.service \
	firewalld.service apt-daily.timer apt-daily-upgrade.timer systemd-timesyncd.service chrony.service ntpsec.service
for file in /etc/docker/daemon.json /etc/ssh/sshd_config /etc/ssh/sshd_config.d/00-stackctl.conf \
	/etc/ufw/after.rules /etc/ufw/after6.rules /etc/default/ufw \
	/etc/fail2ban/jail.d/stackctl.local /etc/apt/apt.conf.d/52stackctl /etc/fstab; do
	[ ! -f "$file" ] || ask "file=$file" cat "$file"
done

ask user getent passwd "$user"
ask groups id -nG "$user"
ask password sh -c 'passwd -S "$1" | cut -d " " -f 2' sh "$user"
home=$(getent passwd "$user" | cut -d: -f6)
if [ -n "$home" ]; then
	[ ! -f "$home/.ssh/authorized_keys" ] || ask keys cat "$home/.ssh/authorized_keys"
	ask keymodes stat -c '%U %a' "$home/.ssh" "$home/.ssh/authorized_keys"
fi
ask sshd sshd -T

ask ufw ufw status verbose
ask ufw-added ufw show added
ask chain4 iptables -w 5 -S DOCKER-USER
ask chain6 ip6tables -w 5 -S DOCKER-USER
ask ipv6 ip6tables -w 5 -S INPUT
ask uplinks sh -c '{ ip -4 route show default; ip -6 route show default; } | sed -n "s/.* dev \([^ ]*\).*/\1/p" | sort -u'
ask swap cat /proc/swaps
ask memory sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo
ask rootfs sh -c 'df -kT / | awk "NR==2 {print \$2, \$5}"'
for folder; do
	[ ! -d "$folder" ] || ask "folder=$folder" stat -c '%U %a' "$folder"
done
ask pending ls /var/lib/stackctl/undo
ask clock timedatectl show -p NTP -p NTPSynchronized -p CanNTP
echo yes | tell whole
