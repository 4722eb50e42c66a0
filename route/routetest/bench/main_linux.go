package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// The program starts itself again for each of its parts, so that the memory of
// one part is not measured with another.
func run() error {
	routewhy := flag.String("routewhy", "./routewhy", "the program to measure")
	runs := flag.Int("runs", 7, "how often each command runs")
	part := flag.String("part", "", "a part of the work (used by the program itself)")
	flag.Parse()
	switch *part {
	case "receive":
		return receive(flag.Args())
	case "routes":
		return writeRoutes(os.Stdout)
	case "addresses":
		return writeAddresses(os.Stdout)
	case "measure":
		return measureAll(*routewhy, *runs)
	}
	program, err := filepath.Abs(*routewhy)
	if err != nil {
		return err
	}
	cmd := self("-part", "measure", "-routewhy", program, "-runs", fmt.Sprint(*runs))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w (in a network namespace of its own: root is needed)", err)
	}
	return nil
}

// self is a command that is this program.
func self(args ...string) *exec.Cmd { return exec.Command("/proc/self/exe", args...) }

// bench is what the measurements share.
type bench struct {
	routewhy string
	runs     int
	dir      string // for files
}

func measureAll(routewhy string, runs int) error {
	dir, err := os.MkdirTemp("", "routewhy-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{routewhy, runs, dir}
	fmt.Printf("%s, %s, %d processors, Linux %s\n\n", time.Now().Format(time.DateOnly), processor(), runtime.NumCPU(), release())
	fmt.Println("| measured | median | beside it | median | ratio | at most | peak MB |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
	for _, step := range []func() error{b.ordinary, b.install, b.question, b.whole, b.dump, b.batch, b.files} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// row prints a row of the table.
func row(cells ...string) { fmt.Println("| " + strings.Join(cells, " | ") + " |") }

// ip carries out the lines of a batch file for ip(8).
func ip(lines string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(lines)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// links makes the devices that all set-ups use. They send packets nowhere.
const links = `link set lo up
link add v0 type veth peer name v0p
link add w0 type veth peer name w0p
link add x0 type veth peer name x0p
link set v0 up
link set v0p up
link set w0 up
link set w0p up
link set x0 up
link set x0p up
addr add 192.0.2.2/24 dev v0
addr add 198.51.100.2/24 dev w0
addr add 203.0.113.2/24 dev x0
addr add 2001:db8:1::2/64 dev v0 nodad
addr add 2001:db8:2::2/64 dev w0 nodad
addr add 2001:db8:3::2/64 dev x0 nodad
route add default via 192.0.2.1 metric 100
route add default via 2001:db8:1::1 dev v0
`

// ordinary measures a host of 20 routes.
func (b *bench) ordinary() error {
	lines := links
	for i := range 14 {
		lines += fmt.Sprintf("route add 10.%d.0.0/16 via 192.0.2.%d\n", i, 3+i)
	}
	if err := ip(lines); err != nil {
		return err
	}
	a, o, err := b.pair(b.command("8.8.8.8"), exec.Command("ip", "route", "get", "8.8.8.8"), 4*b.runs)
	if err != nil {
		return err
	}
	row("`routewhy 8.8.8.8`, 20 routes, CPU", ms(a.cpu()), "`ip route get 8.8.8.8`", ms(o.cpu()), "", "3 ms", a.peak())
	return nil
}

// install adds the full table.
func (b *bench) install() error {
	routes := self("-part", "routes")
	pipe, err := routes.StdoutPipe()
	if err != nil {
		return err
	}
	if err := routes.Start(); err != nil {
		return err
	}
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin, cmd.Stderr = pipe, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ip -batch: %w", err)
	}
	return routes.Wait()
}

// question measures one question about the full table.
func (b *bench) question() error {
	a, o, err := b.pair(b.command("8.8.8.8"), self("-part", "receive", "4"), b.runs)
	if err != nil {
		return err
	}
	row("`routewhy 8.8.8.8`, full table", sec(a.wall()), "receive the dump and count", sec(o.wall()), a.ratio(o), "1.15", a.peak())
	return nil
}

// whole measures the questions that look at all routes, or that try a change of them.
func (b *bench) whole() error {
	for _, c := range []struct {
		args  []string
		limit string
	}{
		{[]string{"--sockets"}, "1.5"},
		{[]string{"--check"}, "1.5"},
		{[]string{"--try", "ip route add 203.0.113.128/25 via 192.0.2.1"}, "1.5"},
		{[]string{"--try", "ip link set x0 down"}, ""},
		{[]string{"--coverage"}, ""},
	} {
		a, o, err := b.pair(b.command(c.args...), self("-part", "receive", "4", "6"), b.runs)
		if err != nil {
			return err
		}
		row("`routewhy "+quoted(c.args)+"`", sec(a.wall()), "receive both dumps and count", sec(o.wall()), a.ratio(o), c.limit, a.peak())
	}
	return nil
}

// quoted are arguments as a shell takes them.
func quoted(args []string) string {
	out := slices.Clone(args)
	for i, a := range out {
		if strings.Contains(a, " ") {
			out[i] = "'" + a + "'"
		}
	}
	return strings.Join(out, " ")
}

// dump measures all tables as text and as JSON.
func (b *bench) dump() error {
	for _, c := range []struct {
		ours, theirs []string
		limit        string
	}{
		{[]string{"--dump"}, []string{"route", "show", "table", "all"}, "0.75"},
		{[]string{"--dump", "-v"}, []string{"route", "show", "table", "all"}, ""},
		{[]string{"--dump", "--json"}, []string{"-j", "route", "show", "table", "all"}, "0.75"},
	} {
		a, o, err := b.pair(b.command(c.ours...), exec.Command("ip", c.theirs...), b.runs)
		if err != nil {
			return err
		}
		row("`routewhy "+strings.Join(c.ours, " ")+"`", sec(a.wall()), "`ip "+strings.Join(c.theirs, " ")+"`", sec(o.wall()), a.ratio(o), c.limit, a.peak())
	}
	return nil
}

// addresses is how many questions a batch asks. ip is asked a tenth of them.
const addresses = 1_000_000

// batch measures decisions per second after the load: how much longer a batch takes
// than an empty one.
func (b *bench) batch() error {
	list, short, empty := b.dir+"/addresses", b.dir+"/gets", b.dir+"/empty"
	if err := toFile(list, self("-part", "addresses")); err != nil {
		return err
	}
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		return err
	}
	if err := gets(list, short, addresses/10); err != nil {
		return err
	}
	for _, c := range []struct {
		flags []string
		limit string
	}{{nil, "1,000,000"}, {[]string{"--json"}, "600,000"}} {
		full := b.command(append(c.flags, "--batch", list)...)
		a, o, err := b.pair(full, b.command(append(c.flags, "--batch", empty)...), b.runs)
		if err != nil {
			return err
		}
		theirs, _, err := b.pair(exec.Command("ip", "-j", "-batch", short), exec.Command("true"), b.runs)
		if err != nil {
			return err
		}
		ours := addresses / (a.cpu() - o.cpu()).Seconds()
		beside := addresses / 10 / theirs.wall().Seconds()
		row("`routewhy "+strings.Join(append(c.flags, "--batch"), " ")+"`, a second of one processor", count(ours),
			"`ip -j -batch`, `route get`, a second", count(beside), fmt.Sprintf("%.0f", ours/beside), "at least "+c.limit+", ratio 10", a.peak())
	}
	return nil
}

// files measures snapshots of the full table.
func (b *bench) files() error {
	plain, small, changed := b.dir+"/plain.json", b.dir+"/small.json.zst", b.dir+"/changed.json.zst"
	for _, name := range []string{plain, small} {
		if out, err := b.command("--save", name).CombinedOutput(); err != nil {
			return fmt.Errorf("--save: %w: %s", err, out)
		}
	}
	row("snapshot of the full table", size(plain), "compressed (.zst)", size(small), "", "40 MB, 8 MB", "")
	a, err := b.times(b.command("-q", "--load", small, "8.8.8.8"))
	if err != nil {
		return err
	}
	row("`routewhy --load` of it", sec(a.wall()), "", "", "", "3 s", a.peak())
	if err := ip(tenChanges()); err != nil {
		return err
	}
	if out, err := b.command("--save", changed).CombinedOutput(); err != nil {
		return fmt.Errorf("--save: %w: %s", err, out)
	}
	if a, err = b.times(b.command("--diff", small, changed)); err != nil {
		return err
	}
	row("`routewhy --diff`, ten routes changed", sec(a.wall()), "", "", "", "5 s", a.peak())
	return nil
}

// tenChanges are routes of a kind that no table has.
func tenChanges() string {
	var lines strings.Builder
	for i := range 10 {
		fmt.Fprintf(&lines, "route add 100.64.%d.0/25 via 198.51.100.1\n", i)
	}
	return lines.String()
}

func (b *bench) command(args ...string) *exec.Cmd { return exec.Command(b.routewhy, args...) }

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "?"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// processor is the processor's name.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "?"
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "?"
}
