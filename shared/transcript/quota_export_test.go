package transcript

import (
	"context"

	"github.com/lapak-id/lapak/shared/errs"
)

// Fail gives a job up, as a worker does.
func Fail(ctx context.Context, jobs *Service, store string, user int64, job string) error {
	return end(ctx, jobs, ticket{Store: store, User: user, Job: job}, func(job *Job) { job.State = Failed })
}

// Finish ends a job with a result, as a worker does.
func Finish(ctx context.Context, jobs *Service, store string, user int64, job string, result Summary) error {
	return end(ctx, jobs, ticket{Store: store, User: user, Job: job}, func(job *Job) {
		job.State, job.Result = Transcribed, &result
	})
}

func end(ctx context.Context, jobs *Service, of ticket, change func(*Job)) error {
	_, err := jobs.transition(ctx, of, func(job *Job) error {
		if !job.State.Cancellable() {
			return errs.New(errs.Conflict, "job %s is %s", job.ID, job.State)
		}

		change(job)

		return nil
	})

	return err
}
