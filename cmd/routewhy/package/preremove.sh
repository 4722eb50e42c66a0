#!/bin/sh
# Stops the recorder before its files go: dpkg says "remove", rpm says 0. An upgrade leaves it.
# Where systemd does not run, as in a chroot, the recorder is no longer enabled afterwards either.
# The histories in /var/lib/routewhy stay, as data of the administrator.
set -e
if [ "$1" = remove ] || [ "$1" = 0 ]; then
	if [ -d /run/systemd/system ]; then
		systemctl stop routewhy-record.service >/dev/null 2>&1 || :
	fi
	if command -v systemctl >/dev/null 2>&1; then
		systemctl --no-reload disable routewhy-record.service >/dev/null 2>&1 || :
	fi
fi
