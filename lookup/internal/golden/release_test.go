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

func TestKeepsHop(t *testing.T) {
	type answer struct{ so, sure bool }
	yes, no, perhaps := answer{true, true}, answer{false, true}, answer{}
	for release, want := range map[string]answer{
		"7.0.0": yes, "7.1": yes, "6.12.112": yes, "6.12.117+deb12-amd64": yes, "6.1.189": yes, "6.1.0-56-amd64": yes,
		"6.12.111": no, "6.1.188": no, "6.18.44-fc": no, "6.18.2": no,
		"6.18.45": perhaps, "6.19.1": perhaps, "6.12.0-124.el10": perhaps, "6.1.0-18-amd64": perhaps, "6.6.99": perhaps, "5.15.0": perhaps, "": perhaps, "next": perhaps,
	} {
		if so, sure := keepsHop(release); (answer{so, sure}) != want {
			t.Errorf("%q: %v %v", release, so, sure)
		}
	}
}
