#!/usr/bin/env bash
# Starts a Docker Engine where none answers: by systemd where that runs the
# machine, else by hand. An engine that answers is left alone.
set -euo pipefail

say() { printf 'prepare: %s\n' "$*"; }
answers() { timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null; }

# The droplets' systemd and their edges watch files; the kernel's own bound is enough for ten of them.
watches=/proc/sys/fs/inotify/max_user_instances
if [ -w "$watches" ] && [ "$(cat "$watches")" -lt 1024 ]; then
	say "letting more programs watch files (fs.inotify.max_user_instances = 1024)"
	echo 1024 >"$watches" || true
fi

if version=$(answers); then
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	say "no Docker Engine answers; start one, and let this user reach its socket"
	exit 2
fi

if [ "$(cat /proc/1/comm)" = systemd ]; then
	say "starting the Docker Engine (systemctl start docker)"
	systemctl start docker
else
	# Without systemd nobody has mounted the cgroups that containers need.
	if ! grep -q '^[^ ]* /sys/fs/cgroup' /proc/mounts; then
		say "mounting cgroups on /sys/fs/cgroup"
		mount -t tmpfs -o mode=0755 tmpfs /sys/fs/cgroup
		for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
			mkdir -p "/sys/fs/cgroup/$controller"
			mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" || rmdir "/sys/fs/cgroup/$controller"
		done
	fi
	# The droplet's systemd needs its own named hierarchy beside version 1 controllers.
	if grep -q '^[^ ]* /sys/fs/cgroup tmpfs' /proc/mounts && ! grep -q 'name=systemd' /proc/mounts; then
		mkdir -p /sys/fs/cgroup/systemd
		mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
	fi
	say "starting the Docker Engine by hand, since systemd does not run this machine; its log is /var/log/dockerd.log"
	setsid nohup dockerd </dev/null >>/var/log/dockerd.log 2>&1 &
fi

for _ in $(seq 300); do
	if version=$(answers); then
		say "Docker Engine $version answers"
		exit 0
	fi
	sleep 0.2
done
say "the Docker Engine does not answer after a minute; its last words:"
if [ "$(cat /proc/1/comm)" = systemd ]; then
	journalctl -u docker -n 15 --no-pager >&2
else
	tail -n 15 /var/log/dockerd.log >&2
fi
exit 1
