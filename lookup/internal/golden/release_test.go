package golden

import "testing"

func TestOlderThan(t *testing.T) {
	for release, want := range map[string]bool{
		"6.1.0-56-amd64": true, "6.12.117+deb12-amd64": true, "6.12": true, "5.15.0": true, "6.12-rc3": true, "6.12.": true,
		"6.13.0": false, "6.13": false, "6.18.44-fc": false, "7.0.0": false, "": false, "next": false,
	} {
		if got := olderThan(release, 6, 13); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}
