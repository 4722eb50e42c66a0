package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// sample is one run of a command.
type sample struct {
	wall, cpu time.Duration
	peak      int64 // kilobytes
}

// samples are the runs of a command.
type samples []sample

// pair runs two commands in turn, after one run of each that does not count.
func (b *bench) pair(a, o *exec.Cmd, runs int) (samples, samples, error) {
	var as, os samples
	for i := range runs + 1 {
		x, err := once(a)
		if err != nil {
			return nil, nil, err
		}
		y, err := once(o)
		if err != nil {
			return nil, nil, err
		}
		if i > 0 {
			as, os = append(as, x), append(os, y)
		}
	}
	return as, os, nil
}

// times runs one command.
func (b *bench) times(c *exec.Cmd) (samples, error) {
	var out samples
	for range b.runs {
		x, err := once(c)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// once runs a command, and throws away its output. It is no failure if the command ends
// with status 1, as --diff does.
func once(c *exec.Cmd) (sample, error) {
	cmd := exec.Command(c.Path, c.Args[1:]...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	begin := time.Now()
	err := cmd.Run()
	wall := time.Since(begin)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return sample{}, fmt.Errorf("%s: %w: %s", cmd, err, bytes.TrimSpace(complaint.Bytes()))
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return sample{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), int64(usage.Maxrss)}, nil //nolint:unconvert // 32 bits on some machines
}

func median[T int64 | float64 | time.Duration](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}

func (s samples) wall() time.Duration {
	var all []time.Duration
	for _, x := range s {
		all = append(all, x.wall)
	}
	return median(all)
}

func (s samples) cpu() time.Duration {
	var all []time.Duration
	for _, x := range s {
		all = append(all, x.cpu)
	}
	return median(all)
}

// ratio is the median of the ratios of adjacent runs.
func (s samples) ratio(o samples) string {
	var all []float64
	for i := range s {
		all = append(all, float64(s[i].wall)/float64(o[i].wall))
	}
	return fmt.Sprintf("%.2f", median(all))
}

// peak is the most memory that a run took.
func (s samples) peak() string {
	var most int64
	for _, x := range s {
		most = max(most, x.peak)
	}
	return fmt.Sprintf("%.1f", float64(most)/1024)
}

func sec(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// count is a number with its thousands separated.
func count(n float64) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func size(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return "?"
	}
	return fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)
}

// toFile keeps what a command prints.
func toFile(name string, cmd *exec.Cmd) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	cmd.Stdout = f
	return errors.Join(cmd.Run(), f.Close())
}

// gets turns the first addresses of a list into commands for `ip -batch`.
func gets(list, name string, n int) error {
	in, err := os.Open(list)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	for lines := bufio.NewScanner(in); n > 0 && lines.Scan(); n-- {
		_, _ = io.WriteString(w, "route get "+lines.Text()+"\n")
	}
	return errors.Join(w.Flush(), out.Close())
}
