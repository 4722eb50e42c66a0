package rehearse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"

	"routewhy/lookup/change"
)

// marker is the environment variable that tells a process that it is the second process.
const marker = "ROUTEWHY_REHEARSAL"

// Do rehearses commands, starting from a state. It takes some tens of milliseconds, and no
// longer than the context allows.
func Do(ctx context.Context, s *change.State, commands []Command) Result {
	snap := snapshotOf(s, commands)
	if why := unfit(snap, commands); why != "" {
		return Result{Why: why}
	}
	host, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return Result{Why: err.Error()}
	}
	j := job{Host: host, Snapshot: snap}
	for _, c := range commands {
		list := []tagged{}
		for _, one := range c {
			t, err := tag(one)
			if err != nil {
				return Result{Why: err.Error()}
			}
			list = append(list, t)
		}
		j.Commands = append(j.Commands, list)
	}
	in, err := json.Marshal(j)
	if err != nil {
		return Result{Why: err.Error()}
	}
	out, err := second(ctx, in)
	if err != nil {
		return Result{Why: err.Error()}
	}
	var r Result
	if err := json.Unmarshal(out, &r); err != nil {
		return Result{Why: "the rehearsal ended early"}
	}
	return r
}

// second runs the second process, in a user and a network namespace of its own.
func second(ctx context.Context, in []byte) ([]byte, error) {
	// The second process should end when the thread that started it, this one, ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := start(ctx, in, syscall.CLONE_NEWUSER|syscall.CLONE_NEWNET)
	if err != nil && os.Geteuid() == 0 && !errors.Is(err, context.DeadlineExceeded) {
		out, err = start(ctx, in, syscall.CLONE_NEWNET)
	}
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EUSERS):
		return nil, errors.New("this system does not allow a user namespace")
	case errors.Is(err, context.DeadlineExceeded):
		return nil, errors.New("the rehearsal took too long")
	}
	return out, err
}

// userMap maps root, so that the second process may make everything, and for root all other
// users too, which rules may name.
func userMap() []syscall.SysProcIDMap {
	one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	if os.Geteuid() != 0 {
		return one
	}
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return one
	}
	var all []syscall.SysProcIDMap
	for line := range strings.Lines(string(b)) {
		var m syscall.SysProcIDMap
		if _, err := fmt.Sscan(line, &m.ContainerID, new(int), &m.Size); err != nil {
			return one
		}
		m.HostID = m.ContainerID
		all = append(all, m)
	}
	return all
}

func start(ctx context.Context, in []byte, flags uintptr) ([]byte, error) {
	stdin, feed, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer feed.Close()
	result, stdout, err := os.Pipe()
	if err != nil {
		stdin.Close()
		return nil, err
	}
	defer result.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		stdin.Close()
		stdout.Close()
		return nil, err
	}
	defer null.Close()
	attr := &os.ProcAttr{
		Env: []string{marker + "=1", "GOMAXPROCS=1"}, Files: []*os.File{stdin, stdout, null},
		Sys: &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL},
	}
	if flags&syscall.CLONE_NEWUSER != 0 {
		attr.Sys.UidMappings = userMap()
		attr.Sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	p, err := os.StartProcess("/proc/self/exe", os.Args[:1], attr)
	stdin.Close()
	stdout.Close()
	if err != nil {
		return nil, err
	}
	go func() {
		_, _ = feed.Write(in) // if this fails, the result shows it
		feed.Close()
	}()
	stop := context.AfterFunc(ctx, func() { _ = p.Kill() })
	var out bytes.Buffer
	_, err = io.Copy(&out, io.LimitReader(result, 16<<20))
	state, waited := p.Wait()
	stop()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	case waited != nil:
		return nil, waited
	case !state.Success():
		return nil, fmt.Errorf("the rehearsal ended early: %s", state)
	}
	return out.Bytes(), nil
}
