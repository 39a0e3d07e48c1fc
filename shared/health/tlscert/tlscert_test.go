package tlscert_test

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health/tlscert"
)

func TestACertificateIsGoodUntilItsEnd(t *testing.T) {
	t.Parallel()

	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()

	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	until, err := tlscert.Dialer{Roots: roots}.Expires(t.Context(), server.Listener.Addr().String())
	require.NoError(t, err)
	require.Equal(t, server.Certificate().NotAfter, until)
}

func TestACertificateOfNobodyIsNotTrusted(t *testing.T) {
	t.Parallel()

	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	server.StartTLS()

	defer server.Close()

	_, err := tlscert.Dialer{}.Expires(t.Context(), server.Listener.Addr().String())
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
}

func TestAHostThatIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()

	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())

	_, err = tlscert.Dialer{}.Expires(t.Context(), listener.Addr().String())
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))
}
