// Package loopback provides the listeners of the simulators, which have no
// passwords and so stay on the machine.
package loopback

import (
	"context"
	"fmt"
	"net"
)

// Listen listens on an address of the loopback interface, "host:port".
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("the address %q must be host:port: %w", addr, err)
	}

	if ip := net.ParseIP(host); host != "localhost" && !ip.IsLoopback() {
		return nil, fmt.Errorf("the address %q is not on the loopback interface; the simulator has no password and stays there", addr)
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (choose another address with -addr): %w", addr, err)
	}

	return listener, nil
}
