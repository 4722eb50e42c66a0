//go:build !linux

package routetest

import (
	"errors"
	"runtime"
	"syscall"

	"routewhy/route"
)

func errNotLinux() error {
	return errors.New("network namespaces need Linux, this is " + runtime.GOOS)
}

func enterNamespace() error { return errNotLinux() }

func threadID() int { return 0 }

func onMainThread() bool { return false }

func userNamespace() *syscall.SysProcAttr { return nil }

func (ns *Namespace) addRule(*route.Rule) error { return errNotLinux() }

func (ns *Namespace) deleteRule(*route.Rule) error { return errNotLinux() }

func settled() (bool, error) { return false, errNotLinux() }

func barrier() error { return errNotLinux() }
