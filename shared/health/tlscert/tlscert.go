// Package tlscert provides a look at the certificates of hosts, as a client
// sees them: whether they are to be trusted, and for how long.
package tlscert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
)

// Dialer looks at certificates. The zero Dialer trusts whom the system trusts.
type Dialer struct {
	// Roots are trusted in place of the system's; nil: the system's.
	Roots *x509.CertPool
}

var _ health.Certificates = Dialer{}

// Expires implements health.Certificates.
func (d Dialer) Expires(ctx context.Context, address string) (time.Time, error) {
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: d.Roots, MinVersion: tls.VersionTLS12}}

	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		code := errs.Unavailable
		if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
			code = errs.Invalid
		}

		return time.Time{}, errs.Wrap(err, code, "look at the certificate of %s", address)
	}

	shown, ok := connection.(*tls.Conn)
	if !ok {
		return time.Time{}, errs.New(errs.Internal, "look at the certificate of %s: the connection is not TLS", address)
	}

	chain := shown.ConnectionState().VerifiedChains[0]

	if err := shown.Close(); err != nil {
		return time.Time{}, errs.Wrap(err, errs.Unavailable, "close the connection to %s", address)
	}

	// A chain is as good as its first certificate to expire.
	var until time.Time

	for _, certificate := range chain {
		if until.IsZero() || certificate.NotAfter.Before(until) {
			until = certificate.NotAfter
		}
	}

	return until, nil
}
