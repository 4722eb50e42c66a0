package routetest

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Result says what happened to the commands that were given to [Namespace.Batch].
type Result struct {
	// Commands is how many there were.
	Commands int
	// Refused are those that failed, in order.
	Refused []Refusal
}

// Refusal is a command that failed, and the reason that was given.
type Refusal struct{ Command, Why string }

func (r *Result) refuse(command, why string) {
	r.Refused = append(r.Refused, Refusal{command, strings.TrimSpace(why)})
}

// Run carries out commands inside the namespace, in order, and fails the test
// if one of them fails. See [Namespace.Batch] for what a command may be.
func (ns *Namespace) Run(t testing.TB, commands ...string) {
	t.Helper()
	for _, r := range ns.Batch(commands).Refused {
		t.Errorf("%s: %s", r.Command, r.Why)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// Batch carries out commands inside the namespace, in order, even if some of
// them fail. It returns when their effects have settled (see
// [Namespace.Settle]).
//
// A command is a line for sh(1). Commands that only call ip(8) or `sysctl -qw`
// are fast, because they do not start one process each. A `sleep` of less than a
// second is assumed to wait for the kernel, and is replaced by Settle. Lines that
// begin with "rule6.18" are rules that an older ip(8) has no words for: see
// [Rule618].
func (ns *Namespace) Batch(commands []string) Result {
	res := Result{Commands: len(commands)}
	ns.Do(func() {
		for len(commands) > 0 {
			n := 1
			switch cmd := commands[0]; classify(cmd) {
			case kindIP:
				n = batchLength(commands)
				ns.ip(commands[:n], &res)
			case kindSysctl:
				ns.sysctl(cmd, &res)
			case kindSleep:
				ns.sleep(cmd)
			case kindRule:
				ns.rule618(cmd, &res)
			case kindShell:
				ns.shell(cmd, &res)
			}
			commands = commands[n:]
		}
		ns.Settle()
	})
	return res
}

type kind int

const (
	kindShell kind = iota
	kindIP
	kindSysctl
	kindSleep
	kindRule
)

// shellSyntax are the characters that have a special meaning in a shell or in a
// batch of ip(8).
const shellSyntax = "|&;<>()$`\"'*?[]#~\\!{}\n"

func classify(cmd string) kind {
	words := strings.Fields(cmd)
	if len(words) < 2 || strings.ContainsAny(cmd, shellSyntax) {
		return kindShell
	}
	switch {
	case words[0] == rule618Word:
		return kindRule
	case words[0] == "ip" && !strings.HasPrefix(words[1], "-"),
		words[0] == "ip" && (words[1] == "-4" || words[1] == "-6") && len(words) > 2:
		return kindIP
	case words[0] == "sysctl" && words[1] == "-qw":
		return kindSysctl
	case words[0] == "sleep" && len(words) == 2:
		if _, err := time.ParseDuration(words[1] + "s"); err == nil {
			return kindSleep
		}
	}
	return kindShell
}

// batchLength is how many of the first commands can share one call of ip(8). One
// call has only one family, and it remembers the indices of devices.
func batchLength(commands []string) int {
	for i := 1; i < len(commands); i++ {
		before, cmd := commands[i-1], commands[i]
		if classify(cmd) != kindIP || ipFamily(cmd) != ipFamily(before) ||
			movesLinks(before) && !movesLinks(cmd) || renumbersLinks(before) {
			return i
		}
	}
	return len(commands)
}

// ipFamily is the family option of a call of ip(8), or empty.
func ipFamily(cmd string) string {
	if word := strings.Fields(cmd)[1]; word[0] == '-' {
		return word
	}
	return ""
}

// movesLinks reports whether a command may change a device's carrier. The tables
// are told about that later.
func movesLinks(cmd string) bool { return strings.Contains(cmd, "link set") }

func renumbersLinks(cmd string) bool {
	return strings.Contains(cmd, "link del") || strings.Contains(cmd, "link set") && strings.Contains(cmd, " name ")
}

// ip carries out commands with one call of ip(8). A marker follows each command. It
// is not a command, so it fails, and the output shows how far ip got. ip gives up
// at once if it cannot read an argument. Then the rest goes to another call.
func (ns *Namespace) ip(commands []string, res *Result) {
	const marker = "=" // no object's name, nor an abbreviation of one
	family := ipFamily(commands[0])
	for rest := commands; len(rest) > 0; {
		args := []string{"-force", "-batch", "-"}
		if family != "" {
			args = append([]string{family}, args...)
		}
		var in, out bytes.Buffer
		for _, cmd := range rest {
			cmd = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(cmd), "ip"))
			fmt.Fprintf(&in, "%s\n%s\n", strings.TrimPrefix(cmd, family), marker)
		}
		cmd := exec.Command("ip", args...)
		cmd.Stdin, cmd.Stderr = &in, &out
		err := cmd.Run()
		n, why := ipRefusals(out.String(), rest, res)
		if n < len(rest) { // it gave up
			if why == "" {
				why = fmt.Sprint(err)
			}
			res.refuse(rest[n], why)
			n++
		}
		rest = rest[n:]
	}
	if movesLinks(commands[len(commands)-1]) {
		ns.Settle()
	}
}

// ipRefusals reads what ip(8) said about commands with markers between them. It
// gives the number of commands that ip finished, and what ip said after
// that.
func ipRefusals(out string, commands []string, res *Result) (tried int, left string) {
	failed := regexp.MustCompile(`(?m)^Command failed -:(\d+)\n`)
	for {
		at := failed.FindStringSubmatchIndex(out)
		if at == nil {
			return tried, out
		}
		line, _ := strconv.Atoi(out[at[2]:at[3]]) // digits
		if line%2 == 1 {
			res.refuse(commands[line/2], out[:at[0]])
		}
		tried, out = line/2, out[at[1]:]
	}
}

// sysctl writes settings as sysctl(8) does: dots and slashes in a name are swapped
// if a dot comes first.
func (ns *Namespace) sysctl(cmd string, res *Result) {
	for _, word := range strings.Fields(cmd)[2:] {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			res.refuse(cmd, word+": no value")
			continue
		}
		if err := ns.Sysctl(SysctlPath(name), value); err != nil {
			res.refuse(cmd, err.Error())
		}
	}
}

// SysctlPath is the path below /proc/sys of a setting in sysctl(8)'s spelling. In
// this spelling, dots and slashes are swapped if a dot comes first.
func SysctlPath(name string) string {
	if i := strings.IndexAny(name, "./"); i < 0 || name[i] == '/' {
		return name
	}
	return strings.NewReplacer(".", "/", "/", ".").Replace(name)
}

func (ns *Namespace) sleep(cmd string) {
	d, _ := time.ParseDuration(strings.Fields(cmd)[1] + "s") // classify has checked that it is a number
	if d < time.Second {
		ns.Settle()
		return
	}
	time.Sleep(d)
}

func (ns *Namespace) shell(cmd string, res *Result) {
	if out, err := exec.Command("sh", "-c", cmd).CombinedOutput(); err != nil {
		res.refuse(cmd, fmt.Sprintf("%s (%v)", out, err))
	}
}

func (ns *Namespace) rule618(cmd string, res *Result) {
	r, gone, err := parseRule618(cmd)
	switch {
	case err != nil:
	case gone:
		err = ns.deleteRule(r)
	default:
		err = ns.addRule(r)
	}
	if err != nil {
		res.refuse(cmd, err.Error())
	}
}
