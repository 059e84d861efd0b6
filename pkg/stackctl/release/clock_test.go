package release

import (
	"strings"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestWhatStartsWorkByTheClockIsFound(t *testing.T) {
	for _, c := range []struct {
		name, image, command string
		want                 bool
	}{
		{"any", "shop:1", "celery -A shop beat -l info", true},
		{"any", "shop:1", "celery -A shop worker -B", true},
		{"any", "shop:1", "celery -A shop worker -Q beaten", false},
		{"any", "reports:10", "scheduler", true},
		{"any", "reports:10", "dev_scheduler", true},
		{"any", "reports:10", "worker", false},
		{"any", "shop:1", "python jobs/scheduler.py", true},
		{"any", "shop:1", "npm run start:scheduler", true},
		{"any", "shop:1", "celery worker --scheduler redis", false},
		{"any", "shop:1", "./bin/worker --with-scheduler", true},
		{"any", "shop:1", "subscriptions-scheduler-executor --dataset events", false},
		{"any", "shop:1", "sh -c while true; do php artisan schedule:run; sleep 60; done", true},
		{"any", "shop:1", "0 3 * * * gosu app cleanup", true},
		{"any", "shop:1", "*/5 * * * 1-5 /usr/bin/report", true},
		{"any", "shop:1", "1 2 3 4 5 6", false},
		{"any", "shop:1", "/cron.sh", true},
		{"any", "shop:1", "dagster-daemon run", true},
		{"any", "shop:1", "manage.py run_huey", true},
		{"any", "shop:1", "manage.py run_huey --no-periodic", false},
		{"any", "mcuadros/ofelia:0.3", "ofelia daemon --docker", true},
		{"any", "apache/airflow:2", "scheduler", false},
		{"timer", "flows:2", "airflow scheduler", false},
		{"airflow-scheduler", "flows:2", "scheduler", false},
		{"shop-scheduler", "shop:1", "", true},
		{"scheduler-ui", "shop:1", "", false},
		{"cron", "shop:1", "", true},
		{"cron-mails", "shop:1", "", true},
		{"clock", "shop:1", "", true},
		{"beat", "shop:1", "./start.sh", true},
		{"micron", "shop:1", "", false},
		{"heartbeat", "shop:1", "", false},
	} {
		s := stack.Service{Name: c.name, Image: c.image, Command: strings.Fields(c.command)}
		if got := startsByTheClock(s); got != c.want {
			t.Errorf("%s, %s, %q: %v", c.name, c.image, c.command, got)
		}
	}
}
