package infer

import (
	"regexp"
	"slices"
)

// lastingWords are what people name services that go on until they are stopped.
var lastingWords = []string{"worker", "workers", "queue", "sidekiq", "celery", "beat", "horizon", "consumer", "listener", "scheduler", "cron", "daemon", "bot", "poller", "watcher"}

// lasting are commands that go on: workers of queues, servers, clocks.
var lasting = regexp.MustCompile(`\b(?:sidekiq|resque|delayed_job|good_job|solid_queue|jobs:work|queue:(?:work|listen)|horizon|schedule:(?:work|daemon)|messenger:consume|celery\b.*\b(?:worker|beat)|rq\s+worker|rqworker|dramatiq|huey_consumer|run_huey|qcluster|puma|unicorn|gunicorn|uvicorn|hypercorn|daphne|runserver|supervisord|crond?|nodemon|pm2)\b`)

// lasts reports whether a service goes on, by its name or its command, whatever
// restarts it.
func lasts(s Service) bool {
	return lasting.MatchString(commandText(s)) || slices.ContainsFunc(words(s.Name), func(w string) bool { return slices.Contains(lastingWords, w) })
}
