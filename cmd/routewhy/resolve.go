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

// resolve replaces a host name by every address that it has in the family
// (zero: both), in the resolver's order. What is no host name stays as it is.
//
// The name is looked up from the namespace of the caller, whatever --netns is.
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

// resolveError puts the resolver's error into our words. A name that is also a
// flag's was probably meant as the flag.
func resolveError(ctx context.Context, host string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		return fmt.Errorf("host %s: %w", host, err)
	}
	if !dns.IsNotFound {
		return fmt.Errorf("host %s: the resolver failed: %s", host, dns.Err)
	}
	err = fmt.Errorf("host %s: no such host", host)
	fs := new(options).flagSet(modes())
	if fs.Lookup(host) != nil {
		return withHint(err, fmt.Sprintf("the flag is --%s", host))
	}
	if host == "all" || host == "any" || typos(host, "default") <= 2 {
		return withHint(err, "routewhy default explains the default routes")
	}
	if near := nearestFlag(fs, host); near != "" && !strings.Contains(host, ".") {
		return withHint(err, fmt.Sprintf("did you mean the flag --%s?", near))
	}
	return err
}
