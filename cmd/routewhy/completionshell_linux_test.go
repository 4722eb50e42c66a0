package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// completionHost makes a host with things to complete, without touching the machine's own.
const completionHost = `set -e
mount -t tmpfs none /run
mkdir /run/netns /run/routes
touch /run/netns/blue
ip link set lo up
ip link add uplink0 type veth peer name peer0
ip addr add 192.0.2.77/24 dev uplink0
ip addr add 2001:db8:77::1/64 dev uplink0 nodad
ip link set uplink0 up
ip rule add table 51820
cd "$DIR"
exec tmux -S "$DIR/socket" -f /dev/null new-session -d -x 200 -y 50 "$@"
`

// TestShellsComplete types command lines into real shells, and presses Tab.
func TestShellsComplete(t *testing.T) {
	tests := []struct{ typed, want string }{
		{"--coverag", "--coverage"},
		{"--color alw", "--color always"},
		{"--color=nev", "--color=never"},
		{"8.8.8.8 --oif upl", "8.8.8.8 --oif uplink0"},
		{"8.8.8.8 --from 192.", "8.8.8.8 --from 192.0.2.77"},
		{"::1 --from 2001:db8:7", "::1 --from 2001:db8:77::1"},
		{"--netns bl", "--netns blue"},
		{"--dump --table 518", "--dump --table 51820"},
		{"--dump --table loc", "--dump --table local"},
		{"--check RW06", "--check RW06"},
		{"--check RW012 RW01", "--check RW012 RW01"},
		{"--explain RW00", "--explain RW00"},
		{"8.8.8.8 --why-not upl", "8.8.8.8 --why-not uplink0"},
		{"8.8.8.8 --errno EHOSTU", "8.8.8.8 --errno EHOSTUNREACH"},
		{"--load snap", "--load snapshot.json"},
		{"--diff snap", "--diff snapshot.json"},
		{"--expect snap", "--expect snapshot.json"},
		{"--batch snap", "--batch snapshot.json"},
		{"defau", "default"},
	}
	for _, shell := range shells() {
		t.Run(shell, func(t *testing.T) {
			s := startShell(t, shell)
			for _, test := range tests {
				if got, ok := s.completes(test.typed, test.want); !ok {
					t.Errorf("%s: it shows %q; want %q", test.typed, got, test.want)
				}
			}
		})
	}
}

// shellSession is a shell in tmux, on a host of its own.
type shellSession struct {
	t      *testing.T
	socket string
}

// startShell starts a shell that has read its completion script.
func startShell(t *testing.T, shell string) *shellSession {
	for _, tool := range []string{shell, "tmux", "ip", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("no %s on this host", tool)
			}
			t.Skipf("no %s on this host", tool)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("only root can make a host with things to complete")
	}
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"script":        completion(shell, new(options).flagSet(modes())),
		"snapshot.json": "{}",
		"rc": map[string]string{
			"bash": "PS1='ready> '\nsource script\n",
			"zsh":  "PS1='ready> '\nautoload -U compinit\ncompinit -D -u\nsource script\nunsetopt autolist automenu listbeep\n",
			"fish": "function fish_prompt; echo 'ready> '; end\nset -g fish_autosuggestion_enabled 0\nsource script\n",
		}[shell],
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// The test's own program is routewhy when it is called by that name.
	if err := os.Symlink(program, filepath.Join(dir, "routewhy")); err != nil {
		t.Fatal(err)
	}
	command := map[string]string{
		"bash": "exec bash --noprofile --rcfile rc -i",
		"zsh":  "cp rc .zshrc; exec env ZDOTDIR=$PWD zsh -d -i",
		"fish": "exec fish --no-config -i -C 'source rc'",
	}[shell]
	setup := exec.Command("unshare", "-n", "-m", "sh", "-c", completionHost, "sh", command)
	setup.Env = append(os.Environ(), "DIR="+dir, "HOME="+dir, "TERM=xterm", "LC_ALL=C.UTF-8", "PATH="+dir+":"+os.Getenv("PATH"))
	if out, err := setup.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s := &shellSession{t, filepath.Join(dir, "socket")}
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", s.socket, "kill-server").Run() })
	if !s.waits(func(line string) bool { return line == "ready>" }) {
		t.Fatalf("no prompt: %q", s.line())
	}
	return s
}

// completes types a command line and Tab, and reports whether the line becomes so. It returns
// the last line that was seen.
func (s *shellSession) completes(typed, want string) (string, bool) {
	s.keys("C-u")
	if !s.waits(func(line string) bool { return line == "ready>" }) {
		return s.line(), false
	}
	s.keys("-l", "routewhy "+typed)
	s.waits(func(line string) bool { return line == "ready> routewhy "+typed })
	s.keys("Tab")
	ok := s.waits(func(line string) bool { return line == "ready> routewhy "+want })
	return s.line(), ok
}

func (s *shellSession) keys(keys ...string) {
	if out, err := exec.Command("tmux", append([]string{"-S", s.socket, "send-keys"}, keys...)...).CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
}

// line is the last line with a prompt.
func (s *shellSession) line() string {
	out, err := exec.Command("tmux", "-S", s.socket, "capture-pane", "-p").CombinedOutput()
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	last := ""
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "ready>") {
			last = strings.TrimRight(line, " \n")
		}
	}
	return last
}

// waits waits until the line is as wanted. False: it does not become so.
func (s *shellSession) waits(wanted func(string) bool) bool {
	for range 100 {
		if wanted(s.line()) {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}
