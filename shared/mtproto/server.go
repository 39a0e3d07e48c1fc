package mtproto

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"net"
	"strconv"
	"strings"

	"github.com/gotd/td/telegram"
	"github.com/gotd/td/telegram/dcs"
	"github.com/gotd/td/tg"

	"github.com/lapak-id/lapak/shared/errs"
)

// firstDC is where a client that knows nothing begins, as gotd does.
const firstDC = 2

// ownServer gives the list of data centres that begins with one's own server;
// it names the others itself.
func ownServer(address string) (dcs.List, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return dcs.List{}, errs.Wrap(err, errs.Invalid, "MTProto server %q: use host:port", address)
	}

	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return dcs.List{}, errs.Wrap(err, errs.Invalid, "MTProto server %q: the port is a number from 1 to 65535", address)
	}

	return dcs.List{Options: []tg.DCOption{{ID: firstDC, IPAddress: host, Port: int(port), Static: true}}}, nil
}

// parsePublicKey reads an RSA key as PEM: PKIX or PKCS #1. Settings lose line
// breaks, so they do not matter.
func parsePublicKey(text string) (telegram.PublicKey, error) {
	wrong := func(err error) error {
		return errs.Wrap(err, errs.Invalid, "read the public key of the MTProto server: use the RSA key as PEM, with BEGIN and END")
	}

	_, inner, found := strings.Cut(text, "PUBLIC KEY-----")
	body, _, ended := strings.Cut(inner, "-----END")

	if !found || !ended {
		return telegram.PublicKey{}, wrong(nil)
	}

	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return telegram.PublicKey{}, wrong(err)
	}

	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return telegram.PublicKey{RSA: key}, nil
	}

	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return telegram.PublicKey{}, wrong(err)
	}

	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return telegram.PublicKey{}, wrong(nil)
	}

	return telegram.PublicKey{RSA: key}, nil
}
