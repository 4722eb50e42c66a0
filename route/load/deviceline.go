package load

import (
	"errors"
	"strings"

	"routewhy/route"
	"routewhy/route/kernel"
)

// isDeviceWord reports whether a line is one of the further lines of a device, although
// it is not indented: some pastes lose the indentation.
func (t *lines) isDeviceWord(w []string) bool {
	switch w[0] {
	case "inet", "inet6", "valid_lft", "altname", "RX:", "TX:", "link/ether", "link/loopback", "link/none", "link/ppp", "link/sit", "link/ipip", "link/gre", "link/tunnel6", "link/[65534]":
		return true
	}
	return t.counts && strings.Trim(w[0], "0123456789") == "" && !beginsRoute(w)
}

// deviceLine reads one of the further lines of a device.
func (t *lines) deviceLine(w []string) error {
	t.counts = t.counts || w[0] == "RX:" || w[0] == "TX:"
	if t.skipped() {
		return nil
	}
	switch w[0] {
	case "inet", "inet6":
		if len(w) < 2 {
			return errors.New("it ends in the middle")
		}
		return t.address(t.link, w)
	case "valid_lft":
		return t.lifetimes(w)
	}
	return t.linkDetail(t.link, w)
}

// address reads an address. If that fails, or if only some addresses are listed, it
// notes that not all addresses are known.
func (t *lines) address(link int, w []string) error {
	if t.skipped() {
		return nil
	}
	err := t.parseAddress(link, w)
	if err != nil || t.partial != "" {
		t.partAddrs = true
	}
	if t.kind == kindAddrs && t.family != 0 {
		t.found(route.FactAddrs, t.family)
	} else {
		t.found(route.FactAddrs, 0, route.IPv4, route.IPv6)
	}
	return err
}

// sysctl reads "net.ipv4.conf.eth0/100.rp_filter = 1": a dot in a device's name
// is shown as a slash (sysctl(8)).
func (t *lines) sysctl(s string) error {
	if m := settingLine().FindStringSubmatch(s); m != nil {
		t.setting(strings.Clone(m[1]), m[2])
		return nil
	}
	key, value, _ := strings.Cut(s, "=")
	key = strings.TrimSpace(key)
	if !strings.HasPrefix(key, "net.") {
		return nil // the setting may be any program's
	}
	t.setting(settingPath(key), value)
	return nil
}

// settingPath is the path of a setting below /proc/sys: a name has dots for slashes, and
// slashes for dots.
func settingPath(key string) string {
	path := []byte(key)
	for i, c := range path {
		switch c {
		case '.':
			path[i] = '/'
		case '/':
			path[i] = '.'
		}
	}
	return string(path)
}

// isSetting reports whether a line is a setting of the network, as sysctl(8) prints it.
func isSetting(s string) bool {
	if !strings.HasPrefix(s, "net.") {
		return false
	}
	key, _, ok := strings.Cut(s, " = ")
	return ok && !strings.ContainsAny(key, " \t:=")
}

func (t *lines) setting(path, value string) {
	t.known++
	t.found(route.FactSysctls, 0)
	if kernel.IsSetting(path) {
		t.snap.Sysctls[path] = strings.Clone(strings.TrimSpace(value))
	}
}
