package conformance_test

import (
	"testing"

	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/secret/secrettest"
	"github.com/lapak-id/lapak/shared/secret/ssm"
)

func TestSecret(t *testing.T) {
	t.Parallel()

	on(t, []string{emulator, realAWS}, func(t *testing.T, at target) {
		t.Helper()

		client := awsssm.NewFromConfig(at.config)

		secrettest.Run(t, func(*testing.T) secret.Vault {
			return ssm.New(client, "/"+at.prefix, clock.System{}, 0)
		})
	})
}
