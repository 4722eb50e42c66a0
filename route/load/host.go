package load

import (
	"net/netip"
	"path"
	"slices"
	"strings"
)

// A command may have run in another place than those before it: in a container, on
// another host, in the network namespace of a process. Its listing is kept apart, like
// that of `ip netns exec`.

// maxPlace is how many bytes of a place's name are kept.
const maxPlace = 80

// placeOf is the place in which a command ran, from the text before the command: the words
// of the program that ran it there, such as "docker exec web"; empty: no such program.
func placeOf(before string) string {
	for _, sign := range []string{"&&", "||", ";", "|"} {
		if i := strings.LastIndex(before, sign); i >= 0 {
			before = before[i+len(sign):]
		}
	}
	w := strings.Fields(before)
	for i := range w {
		w[i] = strings.Trim(w[i], "\"'`(<[{*:")
	}
	for i, word := range w {
		if rest := w[i+1:]; entersPlace(path.Base(word), rest) {
			words := slices.DeleteFunc(append([]string{path.Base(word)}, rest...), func(s string) bool {
				return slices.Contains([]string{"", "--", "sh", "bash", "-c", "-lc", "sudo", "env", "-it", "-i"}, s) || s == "-t" && word != "nsenter"
			})
			name := strings.Join(words, " ")
			return name[:min(len(name), maxPlace)]
		}
	}
	return ""
}

// entersPlace reports whether a program with its arguments runs a command with another
// network stack than its own.
func entersPlace(program string, args []string) bool {
	switch strings.TrimLeft(program, promptSigns) {
	case "docker", "podman", "nerdctl", "crictl", "ctr", "lxc", "incus", "kubectl", "oc", "k3s", "docker-compose", "machinectl", "pct", "kubectl.exe":
		return slices.Contains(args, "exec") || slices.Contains(args, "run") || slices.Contains(args, "debug") || slices.Contains(args, "shell") || slices.Contains(args, "unshare")
	case "lxc-attach", "sshpass", "systemd-nspawn":
		return true
	case "ssh", "rsh", "mosh":
		return len(args) > 0
	case "vagrant", "multipass", "limactl", "gcloud", "toolbox":
		return slices.Contains(args, "ssh") || slices.Contains(args, "exec") || slices.Contains(args, "shell")
	case "adb":
		return slices.Contains(args, "shell")
	case "nsenter":
		return slices.ContainsFunc(args, func(s string) bool {
			long := strings.HasPrefix(s, "--")
			return long && (strings.HasPrefix(s, "--net") || s == "--all") || !long && strings.HasPrefix(s, "-") && strings.ContainsAny(strings.TrimLeft(s, "-0123456789"), "na")
		})
	}
	return false
}

// promptHost matches a prompt that names its host: root@web1:~#, [root@web1 ~]#.
var promptHost = lazily(`^[\[(]?[\w.-]+@([\w.-]+)[:\s~\])].*$`)

// hostIn is the host that the prompt before a command names; empty: none.
func hostIn(before string) string {
	before = strings.TrimSpace(before)
	if before == "" || !endsInPrompt(before) {
		return ""
	}
	m := promptHost().FindStringSubmatch(before)
	if m == nil {
		return ""
	}
	host := strings.ToLower(m[1])
	if _, err := netip.ParseAddr(host); err != nil {
		host, _, _ = strings.Cut(host, ".")
	}
	return host[:min(len(host), maxPlace)]
}

// inPlace completes the network namespace of a command's listing by the place and the host
// where the command ran. The first host that a prompt names is the one that the files are
// about, like listings without a prompt.
func (l *loader) inPlace(c *context) {
	place := c.where
	if place == "" && c.host != "" {
		if l.host == "" {
			l.host = c.host
		}
		if c.host != l.host || c.host == l.netns {
			place = c.host
		}
	}
	if place != "" {
		c.netns = strings.TrimSpace(place + " " + c.netns)
		l.hosts = true
	}
}

// ansibleHeading is what Ansible prints before the output of a command on a host.
var ansibleHeading = lazily(`^([\w.-]+) \| (?:CHANGED|SUCCESS|FAILED)!? \| rc=\d+ >>$`)

// passedLink stands for a device of another network namespace.
const passedLink = -1

// passOver reports whether a line is one of a listing that is of another network namespace
// or host: nothing in it is about this one. Routes, rules and columns are left out where
// they are taken.
func (t *lines) passOver(s string, indent int, w []string) bool {
	switch {
	case linkLine().MatchString(s):
		t.endColumns()
		t.spoke()
		t.link, t.indent = passedLink, indent
		return true
	case t.link != 0 && (indent > t.indent && !ruleLine().MatchString(s) || t.isDeviceWord(w)):
		return true
	case t.columns != nil:
		return false
	}
	return isSetting(s) || settingLine().MatchString(s) || oneLine().MatchString(s) || briefLine().MatchString(s) || ipv6Line().MatchString(s) ||
		unameLine().MatchString(s) || isNeighbour(w) || w[0] == "id" && len(w) > 1 && w[1][0] >= '0' && w[1][0] <= '9'
}
