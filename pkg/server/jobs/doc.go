// Package jobs owns the job queue: enqueueing inside a transaction, the
// workers, the scheduler and the results of jobs. It must not know HTTP or how
// accounts are stored.
package jobs
