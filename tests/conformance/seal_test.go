package conformance_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/seal"
	"github.com/lapak-id/lapak/shared/seal/kms"
	"github.com/lapak-id/lapak/shared/seal/sealtest"
	"github.com/lapak-id/lapak/shared/table/memory"
)

func TestSeal(t *testing.T) {
	t.Parallel()

	on(t, []string{emulator, realAWS}, func(t *testing.T, at target) {
		t.Helper()

		client := awskms.NewFromConfig(at.config)

		made, err := client.CreateKey(t.Context(), &awskms.CreateKeyInput{Description: aws.String(at.prefix)})
		require.NoError(t, err)

		id := aws.ToString(made.KeyMetadata.KeyId)

		t.Cleanup(func() { // the suite's cases run beside each other, until after this function
			_, err := client.ScheduleKeyDeletion(context.WithoutCancel(t.Context()), &awskms.ScheduleKeyDeletionInput{
				KeyId: aws.String(id), PendingWindowInDays: aws.Int32(7),
			})
			assert.NoError(t, err)
		})

		sealtest.Run(t, func(*testing.T) (seal.Sealer, seal.Sealer) {
			state := memory.New(clock.System{}, fault.None{})

			return kms.New(client, id, state, clock.System{}), kms.New(client, id, state, clock.System{})
		})
	})
}
