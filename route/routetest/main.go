package routetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// Environment variables: one marks a test binary that was run again, the other has
// the reason why that was not possible, for the message of skipped tests.
const (
	envChild = "ROUTETEST_CHILD"
	envWhy   = "ROUTETEST_WHY"
)

// Main is for TestMain of a package whose tests use [New]. If the process may
// make network namespaces, Main only runs the tests. Otherwise it runs the
// test binary again as root of a new user namespace. It exits the process.
func Main(m *testing.M) {
	if os.Getenv(envChild) != "" || canUnshare() {
		os.Exit(m.Run())
	}
	code, err := reexec()
	if err != nil {
		_ = os.Setenv(envWhy, err.Error()) // if that fails, the reason is only less exact
		os.Exit(m.Run())
	}
	os.Exit(code)
}

// reexec runs this test binary in a new user namespace. It gives the exit status,
// or an error if the binary could not be started.
func reexec() (int, error) {
	// The child must die with its parent. For Linux, the parent is this thread.
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
		runtime.LockOSThread() // never unlocked: no other goroutine may use the thread
		may <- enterNamespace() == nil
	}()
	return <-may
}

// skip skips the test, or fails it if skipping counts as a failure.
func skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("routetest: %s (a failure because CI is set)", why)
	}
	t.Skipf("routetest: %s", why)
}
