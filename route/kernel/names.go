package kernel

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// nameFolders are the folders in which iproute2 looks for its names. A later folder
// has precedence: distributions put their files below /usr, administrators below /etc.
func nameFolders() []string {
	return []string{"/usr/lib/iproute2", "/usr/share/iproute2", "/etc/iproute2"}
}

// readNames reads rt_tables and rt_protos, and the files *.conf in rt_tables.d
// and rt_protos.d, from folders. As in iproute2 (rtnl_rttable_init and
// rtnl_rtprot_init in lib/rt_names.c), a file hides the file of the same name in
// an earlier folder, and if a number has two names, the later one counts. A file
// that does not exist is no error. If other files cannot be read, the error is
// about the first of them.
func readNames(folders []string) (route.Names, error) {
	tables, terr := readNameFiles(folders, "rt_tables", 1<<32-1)
	protos, perr := readNameFiles(folders, "rt_protos", 1<<8-1)
	n := route.Names{
		Tables:    make(map[route.Table]string, len(tables)),
		Protocols: make(map[route.Protocol]string, len(protos)),
	}
	for num, name := range tables {
		n.Tables[route.Table(num)] = name
	}
	for num, name := range protos {
		n.Protocols[route.Protocol(num)] = name
	}
	if terr == nil {
		terr = perr
	}
	return n, terr
}

// readNameFiles reads the file kind and those in the folder kind.d. Numbers
// above limit are ignored.
func readNameFiles(folders []string, kind string, limit uint64) (map[uint64]string, error) {
	names := map[uint64]string{}
	var fault error
	read := func(path string) bool {
		b, err := os.ReadFile(path)
		if err == nil {
			parseNames(names, b, limit)
		} else if fault == nil && !errors.Is(err, fs.ErrNotExist) {
			fault = err
		}
		return err == nil
	}
	for _, folder := range slices.Backward(folders) {
		if read(filepath.Join(folder, kind)) {
			break
		}
	}
	parts := map[string]string{} // by name; a file of a later folder replaces an earlier one
	for _, folder := range folders {
		dir := filepath.Join(folder, kind+".d")
		entries, err := os.ReadDir(dir)
		if fault == nil && err != nil && !errors.Is(err, fs.ErrNotExist) {
			fault = err
		}
		for _, e := range entries {
			if name := e.Name(); strings.HasSuffix(name, ".conf") && !strings.HasPrefix(name, ".") {
				parts[name] = filepath.Join(dir, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		read(parts[name])
	}
	return names, fault
}

// parseNames parses lines that have a number, decimal or 0x hex, and a name. The rest of
// the line is ignored. Other lines are ignored too.
func parseNames(names map[uint64]string, b []byte, limit uint64) {
	for line := range bytes.Lines(b) {
		line, _, _ = bytes.Cut(line, []byte{'#'})
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		num, ok := parseNumber(string(fields[0]))
		if ok && num <= limit {
			names[num] = string(fields[1])
		}
	}
}

// parseNumber parses decimal and 0x hex numbers, but not octal: 010 is ten.
func parseNumber(s string) (uint64, bool) {
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		s, base = hex, 16
	}
	n, err := strconv.ParseUint(s, base, 64)
	return n, err == nil
}
