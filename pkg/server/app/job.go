package app

import "time"

// JobArgs are the arguments of a job; they are stored as JSON and must hold
// no secret that is still good when somebody reads the queue.
type JobArgs interface {
	// Kind names the job; it never changes once jobs of it may be queued.
	Kind() string
}

// JobOptions say how a job is queued.
type JobOptions struct {
	// Queue is where it goes; empty means DefaultQueue.
	Queue string
	// At is when it may start; zero means now.
	At time.Time
	// UniqueFor keeps a second job with the same arguments out for a period;
	// zero lets it in.
	UniqueFor time.Duration
	// MaxAttempts bounds the tries; zero means the queue's own bound.
	MaxAttempts int
}

// DefaultQueue is the queue that the workers of every release consume.
const DefaultQueue = "default"

// ReleaseQueue is the queue that only the workers of one release consume.
func ReleaseQueue(release string) string { return "release_" + release }

// PingJob proves that a worker consumes a queue.
type PingJob struct {
	Nonce string `json:"nonce"`
}

// Kind names the job.
func (PingJob) Kind() string { return "ping" }

// PingResult is what the worker that ran a PingJob left.
type PingResult struct {
	Nonce   string `json:"nonce"`
	Release string `json:"release"`
	Worker  string `json:"worker"`
}

// SweepSessionsJob removes sessions that are over.
type SweepSessionsJob struct{}

// Kind names the job.
func (SweepSessionsJob) Kind() string { return "sweep_sessions" }

// SweepAuditJob removes audit events that are older than AuditRetention.
type SweepAuditJob struct{}

// Kind names the job.
func (SweepAuditJob) Kind() string { return "sweep_audit" }

// AuditRetention is how long audit events are kept.
const AuditRetention = 400 * 24 * time.Hour

// SweepUsersJob removes accounts whose address was never confirmed.
type SweepUsersJob struct{}

// Kind names the job.
func (SweepUsersJob) Kind() string { return "sweep_users" }

// UnconfirmedRetention is how long an account is kept whose address nobody has
// confirmed, since the mail that asked for it and since it was used last.
const UnconfirmedRetention = 30 * 24 * time.Hour

// Periodic is a job that the scheduler enqueues again and again.
type Periodic struct {
	// Name is stable: the store remembers the last and the next run under it.
	Name  string
	Every time.Duration
	Args  JobArgs
}

// Periodics is what the scheduler enqueues.
func Periodics() []Periodic {
	return []Periodic{
		{Name: "heartbeat", Every: 30 * time.Second, Args: PingJob{Nonce: "heartbeat"}},
		{Name: "sweep_sessions", Every: 10 * time.Minute, Args: SweepSessionsJob{}},
		{Name: "sweep_tokens", Every: time.Hour, Args: SweepTokensJob{}},
		{Name: "sweep_users", Every: 24 * time.Hour, Args: SweepUsersJob{}},
		{Name: "sweep_audit", Every: 24 * time.Hour, Args: SweepAuditJob{}},
	}
}

// Schedule is what is known about the periodic jobs as a whole.
type Schedule struct {
	LastRun time.Time `json:"last_run"`
	NextRun time.Time `json:"next_run"`
}
