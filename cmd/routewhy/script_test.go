package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"routewhy/route/rehearse"
)

func TestMain(m *testing.M) {
	if rehearse.Second() {
		os.Exit(0)
	}
	testscript.Main(m, map[string]func(){"routewhy": checked, "listener": listener, "router": router})
}

// checked runs the program. It ends with status 70 if a report does not print the same
// after it was converted to JSON and back, or if what is written does not fit its schema.
func checked() {
	var out schemaCheck
	status := start(func(s *stdio) {
		out.Writer = s.Stdout
		s.Stdout = &out
		s.Told = func(r any) {
			noteCodes(r)
			if err := roundTrip(r); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(70)
			}
		}
	})
	if err := out.check(os.Args[1:], status); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 70
	}
	os.Exit(status)
}

// TestScripts runs the scripts in testdata/script. With UPDATE=1 in the
// environment, `cmp stdout FILE` and `cmp stderr FILE` rewrite FILE in them. All scripts
// together tell of every code.
func TestScripts(t *testing.T) {
	codes := t.TempDir()
	t.Cleanup(func() { everyCodeTold(t, codes) })
	testscript.Run(t, testscript.Params{
		Setup: func(env *testscript.Env) error {
			env.Setenv(codesDir, codes)
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "host": host},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "netns":
				return canUnshare(t), nil
			case "sourceleg": // a source chooses among the legs of a route
				return release() >= 6016, nil
			// These are features that make kernel-test has, but not every kernel.
			case "vrf":
				return supported("ip link add red type vrf table 10"), nil
			case "wireguard":
				return supported("ip link add wg0 type wireguard"), nil
			case "mpls":
				return supported("ip link set lo up && ip route add 10.9.0.0/16 encap mpls 100 dev lo"), nil
			case "root":
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// release is the running kernel's, 6018 for 6.18; zero: unknown.
func release() int {
	var major, minor int
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	if n, _ := fmt.Sscanf(string(text), "%d.%d", &major, &minor); n < 2 {
		return 0
	}
	return major*1000 + minor
}

// filtered is the error that the kernel's reverse-path filter names.
func filtered() string {
	if release() < 6013 {
		return "EXDEV"
	}
	return "EINVAL"
}

// canUnshare reports whether scripts may make network namespaces. In CI they must be
// able to; if they are not, the test fails.
func canUnshare(t *testing.T) bool {
	if os.Getenv("CI") != "" {
		return true
	}
	_, err := exec.LookPath("ip")
	if err == nil {
		err = exec.Command("unshare", append(unshareFlags(), "true")...).Run()
	}
	if err != nil {
		t.Logf("scripts that need a network namespace are left out: %v", err)
	}
	return err == nil
}

// supported reports whether the kernel takes a command in a fresh namespace.
func supported(command string) bool {
	return exec.Command("unshare", append(unshareFlags(), "sh", "-c", command)...).Run() == nil
}

func unshareFlags() []string {
	if os.Getuid() == 0 {
		return []string{"-n"}
	}
	return []string{"-Urn"}
}

// unfiltered switches off the reverse-path filter, which a new network namespace inherits
// from the machine's own.
const unfiltered = "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done; "

// host is the script command `host FILE`. It makes a network namespace and sets it up
// with the shell commands in the file. It puts a command `in` on the path that runs
// another command inside the namespace. FILTERED is what the kernel says about a
// packet that the reverse-path filter drops, for cmpenv.
func host(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: host FILE")
	}
	sleeper := exec.Command("unshare", append(unshareFlags(), "sh", "-c", unfiltered+"echo ready; exec sleep 600")...)
	out, err := sleeper.StdoutPipe()
	ts.Check(err)
	ts.Check(sleeper.Start())
	ts.Defer(func() {
		_ = sleeper.Process.Kill()
		_ = sleeper.Wait()
	})
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		ts.Fatalf("no network namespace: %v", err)
	}
	enter := "-n"
	if os.Getuid() != 0 {
		enter = "-U --preserve-credentials -n"
	}
	dir := ts.MkAbs("bin")
	in := fmt.Sprintf(inScript, sleeper.Process.Pid, enter, filepath.Join(dir, "settle"))
	ts.Check(os.MkdirAll(dir, 0o755))
	// A process that is forked at this time would hold the file open for writing, so
	// the file could not be run yet ("text file busy").
	syscall.ForkLock.RLock()
	err = errors.Join(os.WriteFile(filepath.Join(dir, "in"), []byte(in), 0o755), os.WriteFile(filepath.Join(dir, "settle"), []byte(settle), 0o644))
	syscall.ForkLock.RUnlock()
	ts.Check(err)
	ts.Setenv("PATH", dir+string(os.PathListSeparator)+ts.Getenv("PATH"))
	ts.Setenv("NSPID", strconv.Itoa(sleeper.Process.Pid))
	ts.Setenv("LANG", "C.UTF-8")
	ts.Setenv("FILTERED", filtered())
	ts.Check(ts.Exec("in", "sh", "-e", ts.MkAbs(args[0])))
	ts.Check(ts.Exec("in", "sh", "-c", settle))
}

// inScript runs a command in the namespace. After commands whose effect the kernel
// completes later, it waits.
const inScript = `#!/bin/sh
case " $* " in
*" nodad "* | *" link set "*" up "*) nsenter -t %[1]d %[2]s "$@" && exec nsenter -t %[1]d %[2]s sh %[3]s ;;
*) exec nsenter -t %[1]d %[2]s "$@" ;;
esac
`

// settle waits until the tables know which devices have a carrier, and until IPv6 addresses
// have their local routes, also those without DAD (addrconf_dad_work).
const settle = `settled() {
	! ip -o link | grep -Eq 'LOWER_UP.* state (DOWN|LOWERLAYERDOWN)' || return 1
	routes=$(ip -6 route show table all type local)
	ip -6 -o addr | grep -v -e tentative -e dadfailed | while read -r _ dev _ addr _; do
		ip link show dev "$dev" | grep -q LOWER_UP || continue
		case $routes in *"local ${addr%/*} "*) ;; *) exit 1 ;; esac
	done
}
for i in $(seq 100); do
	settled && exit 0
	sleep 0.02
done
exit 0
`

// exits is the script command `exits STATUS COMMAND...`: the command must end
// with that exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	status := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if status != want {
		ts.Fatalf("exit status %d; want %d", status, want)
	}
}
