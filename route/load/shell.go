package load

import (
	"path"
	"slices"
	"strings"
)

// shell is an interactive shell in another network namespace: what is typed after it until
// its end ran there.
type shell struct {
	place string // as [placeOf] gives it, or the name of a namespace of ip(8); empty: there is none
	netns bool   // place is such a name
	// outside is the prompt at which it was started, and inside that of its first command.
	outside, inside string
}

// shellIn finds a command that starts such a shell at a prompt.
func shellIn(s string) (shell, bool) {
	w := strings.Fields(s)
	if len(w) < 3 || !isShell(w[len(w)-1]) {
		return shell{}, false
	}
	i := slices.IndexFunc(w, func(s string) bool {
		return slices.Contains([]string{"ip", "nsenter", "docker", "podman", "kubectl", "crictl", "nerdctl"}, path.Base(s))
	})
	if i < 1 {
		return shell{}, false
	}
	before := strings.Join(w[:i], " ")
	if !endsInPrompt(before) {
		return shell{}, false
	}
	found := shell{outside: promptOf(before)}
	switch args := w[i+1:]; {
	case path.Base(w[i]) != "ip":
		found.place = placeOf(strings.Join(w[i:len(w)-1], " "))
	case len(args) > 3 && abbreviates(args[0], "netns") && abbreviates(args[1], "exec"):
		found.place, found.netns = args[2], true
	}
	return found, found.place != "" && found.outside != ""
}

func isShell(s string) bool {
	return slices.Contains([]string{"sh", "bash", "ash", "dash", "zsh", "fish", "su"}, path.Base(s))
}

// promptOf is a prompt without what was typed after it.
func promptOf(before string) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(before), "sudo"))
}

// inShell says of a command where it ran, if a shell was started before it. The prompt from
// outside means that the shell has ended, if that of the shell is another.
func (t *lines) inShell(c *context, s string) {
	if c.host == "" && c.where == "" {
		c.host = t.base.host // where Ansible ran it
	}
	at, _ := programAt(s)
	if t.shell.place == "" || at < 0 {
		return
	}
	prompt := promptOf(s[:at])
	switch {
	case prompt == "":
		return
	case t.shell.inside == "":
		t.shell.inside = prompt
	case prompt == t.shell.outside && t.shell.inside != prompt:
		t.shell = shell{}
		return
	}
	if c.where != "" || c.netns != "" {
		return
	}
	if c.host = ""; t.shell.netns {
		c.netns = t.shell.place
	} else {
		c.where = t.shell.place
	}
}

// leavesShell reports whether a line ends a shell.
func leavesShell(s string) bool {
	w := strings.Fields(s)
	last := w[len(w)-1]
	return (last == "exit" || last == "logout") && (len(w) == 1 || endsInPrompt(strings.Join(w[:len(w)-1], " ")))
}
