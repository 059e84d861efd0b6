//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inBrowser runs the web app's own browser tests in Chromium against the
// deployed site, accessibility checks included.
func inBrowser(t *testing.T, env ...string) {
	t.Helper()
	shots := filepath.Join(repo, "build", "screenshots")
	if err := os.MkdirAll(shots, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("npm", "run", "--silent", "e2e")
	cmd.Dir = filepath.Join(repo, "web")
	cmd.Env = append(append(os.Environ(),
		"BASE_URL=https://"+domain,
		"HOST_RULES=MAP *"+domain+":443 "+on(t).Address.String()+":443",
		"IGNORE_HTTPS_ERRORS=1", // the local authority is in no browser's list; gate G1 judges the certificate
		"SCREENSHOTS="+shots), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestPeopleCanUseTheSiteInABrowser walks every flow of end users and of staff,
// mails and Google sign-in included, and leaves no account behind.
func TestPeopleCanUseTheSiteInABrowser(t *testing.T) {
	p := ensureGood(t)
	forgetCounters(t)
	staff, password := "ada-browser@example.org", "correct horse battery staple 7"
	if made := p.with(password+"\n", "exec", "--stdin", "admin", "--", "/server", "create-staff", "--email", staff); made.exit != 0 {
		t.Fatalf("make a staff account: %s%s", made.out, made.err)
	}
	// The tests delete the accounts that they make; a visit that had to be made anew may have left one.
	t.Cleanup(func() { query(t, "DELETE FROM users WHERE email = '"+staff+"' OR email LIKE 'e2e-%@example.com'") })
	inBrowser(t,
		"MAIL_URL="+on(t).Mail, "GOOGLE=1", "STAFF_URL=https://admin."+domain,
		"STAFF_BASIC=staff:"+strings.TrimSpace(read(t, filepath.Join(on(t).secrets, "staff_password"))), "STAFF_ACCOUNT="+staff+" "+password)
}

// TestASiteWithoutItsAPISaysSo: with the API stopped the pages load and tell
// what is the matter; with it back everything works.
func TestASiteWithoutItsAPISaysSo(t *testing.T) {
	ensureServing(t)
	back := stopped(t, "api")
	inBrowser(t, "API_DOWN=1")
	back()
	c := client(t)
	until(t, 30*time.Second, "the site answers again", func() bool { return serves(t, c) })
}

// stopped stops the containers of a service on the droplet; the function that
// it gives, or the end of the test, starts them again.
func stopped(t *testing.T, service string) (back func()) {
	t.Helper()
	ids := containers(t, service)
	onDroplet(t, "docker stop -t 2 "+ids)
	done := false
	back = func() {
		if !done {
			done = true
			onDroplet(t, "docker start "+ids)
		}
	}
	t.Cleanup(back)
	return back
}

// containers are the IDs of a service's running containers.
func containers(t *testing.T, service string) string {
	t.Helper()
	ids := strings.Join(strings.Fields(onDroplet(t, "docker ps -q --filter label=com.docker.compose.service="+service)), " ")
	if ids == "" {
		t.Fatalf("no container of %s runs", service)
	}
	return ids
}

// query asks the site's database and gives the answer's text.
func query(t *testing.T, sql string) string {
	t.Helper()
	return strings.TrimSpace(onDroplet(t, "docker exec -i "+containers(t, "postgres")+` sh -c 'psql -qtA -U "$POSTGRES_USER" -d "$POSTGRES_DB"' <<'SQL'`+"\n"+sql+";\nSQL"))
}

// forgetCounters clears the site's rate limits: all tests come from one address.
func forgetCounters(t *testing.T) {
	t.Helper()
	onDroplet(t, "docker exec "+containers(t, "redis")+` sh -c 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) redis-cli --no-auth-warning flushall'`)
}
