package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"routewhy/route"
)

// What a completion script asks this program for, with --completion.
const (
	listDevices    = "devices"
	listVRFs       = "vrfs"
	listAddresses  = "addresses"
	listTables     = "tables"
	listNamespaces = "namespaces"
)

func completionLists() []string {
	return []string{listDevices, listVRFs, listAddresses, listTables, listNamespaces}
}

// printList prints the names of some things of a host, one on each line. A name that a
// terminal may obey is left out.
func printList(ctx context.Context, o *options, s stdio) error {
	names, err := o.namesListed(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if printable(name) == name {
			fmt.Fprintln(s.Stdout, name)
		}
	}
	return nil
}

func (o *options) namesListed(ctx context.Context) ([]string, error) {
	if o.shell == listNamespaces {
		return namespaces(os.DirFS("/run/netns")), nil
	}
	src, err := openHost(o.netns)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	snap, err := src.Read(ctx, route.Query{NoRoutes: true, NoNeighbours: true})
	if err != nil {
		return nil, err
	}
	switch o.shell {
	case listAddresses:
		return ownAddresses(snap), nil
	case listTables:
		return tableNames(snap), nil
	}
	return deviceNames(snap, o.shell == listVRFs), nil
}

// namespaces are the names that ip-netns(8) gave to namespaces.
func namespaces(dir fs.FS) []string {
	var names []string
	entries, _ := fs.ReadDir(dir, ".") // if there is no folder, there are no names
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func deviceNames(snap *route.Snapshot, vrfs bool) []string {
	var names []string
	for i := range snap.Links {
		if l := &snap.Links[i]; !vrfs || l.Kind == "vrf" {
			names = append(names, l.Name)
		}
	}
	return names
}

func ownAddresses(snap *route.Snapshot) []string {
	var names []string
	for i := range snap.Addrs {
		if a := snap.Addrs[i].Prefix.Addr().WithZone("").String(); !slices.Contains(names, a) {
			names = append(names, a)
		}
	}
	return names
}

// tableNames are the tables that have names, and those that rules lead to, by their names
// and numbers.
func tableNames(snap *route.Snapshot) []string {
	names := []string{"local", "main", "default"}
	numbers := []string{}
	for id, name := range snap.Names.Tables {
		if id != 0 {
			names = append(names, name)
		}
	}
	for i := range snap.Rules {
		if id := snap.Rules[i].Table; id != 0 {
			names = append(names, snap.Names.Table(id))
			numbers = append(numbers, strconv.FormatUint(uint64(id), 10))
		}
	}
	slices.Sort(names)
	slices.Sort(numbers)
	return slices.Compact(slices.Concat(slices.Compact(names), slices.Compact(numbers)))
}
