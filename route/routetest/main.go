package routetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// The environment of a re-executed test binary, and the reason why there was
// none, for the message of skipped tests.
const (
	envChild = "ROUTETEST_CHILD"
	envWhy   = "ROUTETEST_WHY"
)

// Main is for TestMain of a package whose tests use [New]. Where the process
// may make network namespaces it only runs the tests. Otherwise it runs the
// test binary again as root of a new user namespace. It exits the process.
func Main(m *testing.M) {
	if os.Getenv(envChild) != "" || canUnshare() {
		os.Exit(m.Run())
	}
	code, err := reexec()
	if err != nil {
		_ = os.Setenv(envWhy, err.Error()) // lost at worst: a less exact reason
		os.Exit(m.Run())
	}
	os.Exit(code)
}

// reexec runs this test binary in a new user namespace and gives its exit
// status, or an error if it could not be started.
func reexec() (int, error) {
	// The child is to die with its parent, which for Linux is this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	exe, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(exe, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), envChild+"=1")
	cmd.SysProcAttr = userNamespace()
	err = cmd.Run()
	var status *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &status) && status.Exited():
		return status.ExitCode(), nil
	case errors.As(err, &status):
		fmt.Fprintln(os.Stderr, "routetest: test binary in user namespace:", err)
		return 2, nil
	}
	return 0, fmt.Errorf("user namespace: %w", err)
}

// canUnshare reports whether this process may make network namespaces as it is.
func canUnshare() bool {
	may := make(chan bool)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is not fit for others
		may <- enterNamespace() == nil
	}()
	return <-may
}

// skip skips the test, or fails it where a skip counts as a failure.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("routetest: %s (a failure because CI is set)", why)
	}
	t.Skipf("routetest: %s", why)
}
