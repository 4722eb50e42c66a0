#!/bin/sh
# systemd reads the unit, which an upgrade may have changed. There is no script for after the
# removal: dpkg would keep it, and with it the package's name. The recorder is stopped by then,
# and systemd forgets the unit by itself.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload >/dev/null 2>&1 || :
fi
