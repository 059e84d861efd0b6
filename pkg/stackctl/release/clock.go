package release

import (
	"regexp"
	"slices"
	"strings"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/stack"
)

var (
	// schedulers are commands that start other work by the clock, and know nothing
	// of a second one beside them: of queues, of frameworks, cron's, and scripts
	// that are called so.
	schedulers = regexp.MustCompile(`\bcelery\b.*\s(?:beat|-B|--beat)(?:\s|$)|\bcelery-?_?beat\b|\bbench schedule\b|\bclockwork\b|\bresque[:-]scheduler\b|\brqscheduler\b|\bschedule:(?:work|daemon|run)\b|` +
		`\s--with-(?:scheduler|beat|cron)(?:\s|$)|\b(?:supercronic|yacron|go-crond|ofelia)\b|\bdagster-daemon run\b|(?:^|[\s/])crond?(?:\.sh)?(?:\s|$)|(?:^|[\s/:])(?:\w+[_-])*scheduler(?:\.(?:py|js|ts|mjs|cjs|rb|php|jar|sh))?(?:\s|$)`)
	// cronLine is a line of a crontab as the whole command.
	cronLine = regexp.MustCompile(`^["'\s]*(?:[\d*/,-]+\s+){5}[^\s\d]`)
	// huey starts periodic tasks with every worker that is not told otherwise.
	huey       = regexp.MustCompile(`\b(?:run_huey|huey_consumer(?:\.py)?)\b`)
	noPeriodic = regexp.MustCompile(`\s(?:-n|--no-periodic)(?:\s|$)`)
	// clockNames are names of services that start work by the clock, whatever
	// script starts them.
	clockNames = regexp.MustCompile(`(?i)(?:^|[-_.])(?:(?:(?:celery)?beat|crond?|crontab|cronjobs?)(?:$|[-_.])|(?:schedulers?|clock)$)`)
)

// startsByTheClock reports whether a service starts work when it is due: two of
// it would start it twice. Airflow's schedulers know of each other.
func startsByTheClock(s stack.Service) bool {
	text := strings.Join(slices.Concat(s.Entrypoint, s.Command), " ")
	if strings.Contains(infer.Repository(s.Image)+" "+text+" "+strings.ToLower(s.Name), "airflow") {
		return false
	}
	return schedulers.MatchString(text) || cronLine.MatchString(text) || clockNames.MatchString(s.Name) || huey.MatchString(text) && !noPeriodic.MatchString(text)
}
