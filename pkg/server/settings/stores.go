package settings

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// database reads where PostgreSQL is: from DATABASE_URL, where it is set, or from
// the single variables. The password is a file in both cases.
func (r *reader) database() Database {
	d := Database{
		Host: r.text("DATABASE_HOST", "localhost"), Port: r.port("DATABASE_PORT", 5432),
		Name: r.text("DATABASE_NAME", "app"), User: r.text("DATABASE_USER", "app"),
		Password: r.secret("DATABASE_PASSWORD_FILE", "/run/secrets/postgres_password"),
	}
	const name = "DATABASE_URL"
	u := r.store(name, "postgres", "postgresql")
	if u == nil {
		return d
	}
	d.Host, d.Port = u.Hostname(), r.portOf(name, u, 5432)
	if path := strings.TrimPrefix(u.Path, "/"); path != "" {
		d.Name = path
	}
	if user := u.User.Username(); user != "" {
		d.User = user
	}
	q := u.Query()
	d.TLS = true
	switch mode := q.Get("sslmode"); mode {
	case "", "verify-full":
	case "disable":
		d.TLS = false
	default:
		r.fail(name, fmt.Sprintf("has sslmode=%s; it must be verify-full or disable: the others take any certificate", mode))
	}
	q.Del("sslmode")
	if len(q) > 0 {
		r.fail(name, "has a parameter that is not known here; only sslmode is")
	}
	d.CA = r.authorities("DATABASE_CA_FILE")
	return d
}

// roles reads database roles with the files of their passwords, as ROLE=FILE,…
func (r *reader) roles(name string) map[string]string {
	passwords := map[string]string{}
	for entry := range strings.SplitSeq(r.text(name, ""), ",") {
		entry = strings.TrimSpace(entry)
		role, file, named := strings.Cut(entry, "=")
		switch {
		case entry == "":
		case !named || role == "" || file == "":
			r.fail(name, fmt.Sprintf("has %q; each entry must be like app_api=/run/secrets/db_api_password", entry))
		case passwords[role] != "":
			r.fail(name, fmt.Sprintf("names %s twice", role))
		default:
			passwords[role] = r.secretIn(name, file)
		}
	}
	return passwords
}

// redis reads where Redis is: from REDIS_URL, where it is set, or from REDIS_ADDR.
func (r *reader) redis() Redis {
	s := Redis{Addr: r.text("REDIS_ADDR", "localhost:6379"), Password: r.secret("REDIS_PASSWORD_FILE", "/run/secrets/redis_password")}
	const name = "REDIS_URL"
	u := r.store(name, "redis", "rediss")
	if u == nil {
		return s
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		r.fail(name, "has a path or parameters; it must be like rediss://redis.example.org:6380")
	}
	s.Addr = net.JoinHostPort(u.Hostname(), strconv.Itoa(int(r.portOf(name, u, 6379))))
	s.User, s.TLS, s.CA = u.User.Username(), u.Scheme == "rediss", r.authorities("REDIS_CA_FILE")
	return s
}

// store reads the address of a store; nil: there is none, or it is none.
func (r *reader) store(name string, schemes ...string) *url.URL {
	v := r.text(name, "")
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Hostname() == "" || u.Scheme != schemes[0] && u.Scheme != schemes[1] {
		r.fail(name, fmt.Sprintf("is no address; it must be like %s://host:port", schemes[1])) // its text may hold a password
		return nil
	}
	if _, set := u.User.Password(); set {
		r.fail(name, "holds a password; leave it to the secret file")
	}
	return u
}

func (r *reader) portOf(name string, u *url.URL, fallback uint16) uint16 {
	if u.Port() == "" {
		return fallback
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || n == 0 {
		r.fail(name, "has a port that is none")
	}
	return uint16(n)
}

// authorities reads the certificates that a store's own is judged by.
func (r *reader) authorities(name string) []byte {
	path := r.text(name, "")
	if path == "" {
		return nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		r.fail(name, fmt.Sprintf("cannot read the certificates: %v", err))
	} else if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		r.fail(name, fmt.Sprintf("%s holds no certificate", path))
	}
	return pem
}
