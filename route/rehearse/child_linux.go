package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
	"routewhy/route/kernel"
)

// Second reports whether this process was started by Do. If it was, Second does the work of
// the second process. A program that calls Do must call Second first, and must end if
// Second returns true.
func Second() bool {
	if os.Getenv(marker) == "" {
		return false
	}
	runtime.LockOSThread()
	r, err := perform(context.Background(), os.Stdin)
	if err != nil {
		r = Result{Why: err.Error()}
	}
	_ = json.NewEncoder(os.Stdout).Encode(r) // if the reader is gone, nobody needs the result
	return true
}

// stage is the namespace in which commands are rehearsed.
type stage struct {
	ctx  context.Context
	host *kernel.Host
	ask  *kernel.Requester
	job  *job
}

func perform(ctx context.Context, in io.Reader) (Result, error) {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return Result{}, err
	}
	ask, err := kernel.NewRequester(j.Host)
	if err != nil {
		return Result{}, err
	}
	defer ask.Close()
	host, err := kernel.Open("")
	if err != nil {
		return Result{}, err
	}
	defer host.Close()
	s := &stage{ctx: ctx, host: host, ask: ask, job: &j}
	if err := s.build(); err != nil {
		return Result{}, err
	}
	return s.play()
}

// read reads the namespace.
func (s *stage) read() (*change.State, error) {
	snap, err := s.host.Read(s.ctx, route.Query{AllDevices: true, NewDevices: true})
	if err != nil {
		return nil, err
	}
	return change.New(lookup.New(snap)), nil
}

// send makes one change.
func (s *stage) send(c change.Change) (Answer, error) {
	if w, ok := c.(*change.Sysctl); ok {
		return write(w.Path, w.Value)
	}
	r, err := Encode(c, nil)
	if err != nil {
		return Answer{}, err
	}
	errno, message, err := s.ask.Request(s.ctx, r.Type, r.Flags, r.Body)
	return Answer{errno, message}, err
}

// write writes a setting of the namespace. Only settings below net belong to a namespace.
func write(path, value string) (Answer, error) {
	if !strings.HasPrefix(path, "net/") || !filepath.IsLocal(path) {
		return Answer{}, fmt.Errorf("%s is no setting of a network namespace", path)
	}
	err := os.WriteFile(filepath.Join("/proc/sys", filepath.FromSlash(path)), []byte(value), 0)
	var errno syscall.Errno
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
		return Answer{}, fmt.Errorf("%s cannot be written in a namespace of its own", path)
	}
	if errors.As(err, &errno) {
		return Answer{Errno: route.Errno(errno)}, nil
	}
	return Answer{}, err
}

// play makes the changes of the commands in this namespace, and also with package change.
func (s *stage) play() (Result, error) {
	state, err := s.read()
	if err != nil {
		return Result{}, err
	}
	var r Result
	for _, list := range s.job.Commands {
		var said, expected Answer
		for i := range list {
			c, err := list[i].untag()
			if err != nil {
				return Result{}, err
			}
			out := state.Apply(c)
			state = out.State
			if said, err = s.send(c); err != nil {
				return Result{}, err
			}
			if no := out.Refusal; no != nil {
				expected = Answer{no.Errno, no.Message}
				if no.MessageUnsure && said == (Answer{Errno: no.Errno}) {
					expected = said
				}
			}
			if said != (Answer{}) || out.Refusal != nil {
				break
			}
		}
		r.Answers, r.Expected = append(r.Answers, said), append(r.Expected, expected)
	}
	r.Differs, err = s.differs(state)
	return r, err
}

// patience is how long to wait for what the kernel does by itself after a change.
const patience = 300 * time.Millisecond

// differs lists what is different from the result of package change. It waits for some
// time before it accepts that something differs.
func (s *stage) differs(want *change.State) ([]change.Leftover, error) {
	for wait := time.Millisecond; ; wait *= 2 {
		have, err := s.read()
		if err != nil {
			return nil, err
		}
		left := slices.DeleteFunc(change.Differences(want, have), unimportant)
		if len(left) == 0 || wait > patience {
			return left, nil
		}
		time.Sleep(wait)
	}
}

// unimportant reports whether a difference comes from the devices that are used instead of
// the host's, or from what IPv6 does on a link by itself.
func unimportant(l change.Leftover) bool {
	switch l.Code {
	case change.LeftDeviceState, change.LeftAddrOrder, change.LeftUnread, change.LeftUnmerged, change.LeftNeighbour, change.LeftLifetime, change.LeftAdvertised, change.LeftTemporary, change.LeftTimers,
		change.LeftHardware, change.LeftPort, change.LeftAttribute, change.LeftFirst:
		return true
	case change.LeftSetting:
		return true // a setting of a device that is used instead of the host's
	}
	a := l.Prefix.Addr()
	return a.IsValid() && a.Is6() && (a.IsLinkLocalUnicast() || a.IsMulticast() || l.Code == change.LeftRoute && l.Table == route.TableLocal)
}
