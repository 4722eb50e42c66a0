package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"routewhy/route"
)

// lookupFunc asks the system for the addresses of a host name, as
// [net.Resolver.LookupNetIP] does.
type lookupFunc func(ctx context.Context, network, host string) ([]netip.Addr, error)

// systemLookup is the system's resolver.
func systemLookup() lookupFunc { return net.DefaultResolver.LookupNetIP }

// resolve replaces a host name by every address that it has in the family (zero:
// both), in the resolver's order. A destination that is not a host name stays as it
// is.
//
// The name is looked up from the namespace of the caller, even if --netns names
// another one.
func resolve(ctx context.Context, d destination, family route.Family, lookup lookupFunc) ([]destination, error) {
	if d.kind != kindHost {
		return []destination{d}, nil
	}
	addrs, err := lookup(ctx, "ip", d.host)
	if err != nil {
		return nil, resolveError(ctx, d.host, err)
	}
	var found []destination
	seen := make(map[netip.Addr]bool)
	for _, a := range addrs {
		a = a.Unmap()
		if seen[a] || family != 0 && route.FamilyOf(a) != family {
			continue
		}
		seen[a] = true
		found = append(found, destination{
			kind: kindAddress, addr: a.WithZone(""), zone: a.Zone(), host: d.host, port: d.port,
		})
	}
	if len(found) == 0 && family != 0 {
		return nil, fmt.Errorf("host %s has no %s address", d.host, family)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("host %s has no address", d.host)
	}
	return found, nil
}

// resolveError puts the resolver's error into our words.
func resolveError(ctx context.Context, host string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
		return fmt.Errorf("host %s: %w", host, err)
	case dns.IsNotFound:
		err = fmt.Errorf("host %s: no such host", host)
	default:
		err = fmt.Errorf("host %s: the resolver failed: %s", host, dns.Err)
	}
	if hint := meant(host); hint != "" {
		return withHint(err, hint)
	}
	return err
}

// meant is a hint for a name that is not a host's name: a device, or a word that is
// similar to one of ours. It is empty if the name is similar to none.
func meant(host string) string {
	fs := new(options).flagSet(modes())
	near := nearestFlag(fs, host)
	switch lower := strings.ToLower(host); {
	case fs.Lookup(host) != nil:
		return fmt.Sprintf("the flag is --%s", host)
	case lower == "all" || lower == "any" || typos(lower, "default") <= 2:
		return "routewhy default explains the default routes"
	case isDevice(host):
		return fmt.Sprintf("%s is a device: routewhy 8.8.8.8 --oif %[1]s asks for a socket bound to it", host)
	case near != "" && !strings.Contains(host, "."):
		return fmt.Sprintf("did you mean the flag --%s?", near)
	}
	return ""
}

// isDevice reports whether this host has a device with this name.
func isDevice(name string) bool {
	_, err := net.InterfaceByName(name)
	return err == nil
}
