package routetest

import (
	_ "embed"
	"strings"

	"golang.org/x/tools/txtar"
)

// Corner is a set-up that random ones rarely hit. In such a set-up the specification
// says nothing or was once misread, or a single fact decides. The kernel is asked what
// is right.
type Corner struct {
	Name string
	// Setup is what comes after CornerBase.
	Setup Setup
	// Queries are arguments of `ip route get`. The device nosuch stands for one
	// that does not exist.
	Queries []string
}

// NoSuchDevice is the index that stands for the device nosuch.
const NoSuchDevice = 77

//go:embed corners.txtar
var cornerFile []byte

// CornerBase is the set-up that each corner extends. It has two devices, v0 and w0, with
// an address of each family, and their other ends.
func CornerBase() Setup { return corners()[0].Setup }

// Corners gives all corners.
func Corners() []Corner { return corners()[1:] }

// corners are the parts of the file. The first is the base.
func corners() []Corner {
	var all []Corner
	for _, part := range txtar.Parse(cornerFile).Files {
		c := Corner{Name: part.Name}
		for line := range strings.Lines(string(part.Data)) {
			line = strings.TrimSuffix(line, "\n")
			if query, ok := strings.CutPrefix(line, "get "); ok {
				c.Queries = append(c.Queries, query)
			} else {
				c.Setup = append(c.Setup, line)
			}
		}
		all = append(all, c)
	}
	return all
}
