// Command api answers machines and the status page.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/lapak-id/lapak/shared/api"
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/table/dynamo"
)

type settings struct {
	State string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
}

func main() {
	boot.Run(func(base boot.Base, settings settings) (any, error) {
		state := dynamo.New(dynamodb.NewFromConfig(base.AWS), settings.State, "index1", base.Clock)

		return api.New(state, base.Clock).HTTP, nil
	})
}
