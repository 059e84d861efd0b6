package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStoresByURL holds what an address of a store means, and what is refused.
func TestStoresByURL(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("0f1e2d3c4b5a69788796a5b4c3d2e1f0"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(more map[string]string) (Settings, error) {
		return Load("api", func(name string) (string, bool) {
			if strings.HasSuffix(name, "_PASSWORD_FILE") || name == "APP_SECRET_FILE" {
				return secret, true
			}
			v, ok := more[name]
			return v, ok
		})
	}
	s, err := load(map[string]string{"DATABASE_URL": "postgres://site@db.example.org:6432/shop", "REDIS_URL": "rediss://limits@redis.example.org:6380"})
	if err != nil {
		t.Fatal(err)
	}
	if d := s.Database; d.Host != "db.example.org" || d.Port != 6432 || d.Name != "shop" || d.User != "site" || !d.TLS || d.Password == "" {
		t.Errorf("database %+v", d)
	}
	if r := s.Redis; r.Addr != "redis.example.org:6380" || r.User != "limits" || !r.TLS {
		t.Errorf("redis %+v", r)
	}
	if s, err = load(map[string]string{"DATABASE_URL": "postgresql://db.example.org?sslmode=disable", "REDIS_URL": "redis://[2001:db8::1]"}); err != nil {
		t.Fatal(err)
	}
	if s.Database.TLS || s.Database.Name != "app" || s.Database.User != "app" || s.Redis.TLS || s.Redis.Addr != "[2001:db8::1]:6379" {
		t.Errorf("without TLS: %+v %+v", s.Database, s.Redis)
	}
	for _, c := range []map[string]string{
		{"DATABASE_URL": "postgres://db.example.org?sslmode=require"},
		{"DATABASE_URL": "postgres://app:pass-in-url@db.example.org"},
		{"DATABASE_URL": "postgres://db.example.org?host=/tmp"},
		{"DATABASE_URL": "mysql://db.example.org"},
		{"DATABASE_URL": "postgres://db.example.org", "DATABASE_CA_FILE": secret},
		{"REDIS_URL": "http://redis.example.org"},
		{"REDIS_URL": "rediss://:pass-in-url@redis.example.org"},
		{"REDIS_URL": "rediss://redis.example.org/1"},
		{"REDIS_URL": "rediss://redis.example.org", "REDIS_CA_FILE": "/nowhere"},
	} {
		if _, err := load(c); err == nil || strings.Contains(err.Error(), "pass-in-url") {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// TestDatabaseRolesAreReadFromFiles holds how migrate is told of the roles, and that
// what is wrong is told without the passwords.
func TestDatabaseRolesAreReadFromFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"db": "owner-0f1e2d3c4b5a6978", "api": "api-8796a5b4c3d2e1f0x\n", "empty": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(role, roles string) (Settings, error) {
		env := map[string]string{"DATABASE_PASSWORD_FILE": filepath.Join(dir, "db"), "DATABASE_ROLES": strings.ReplaceAll(roles, "DIR", dir)}
		return Load(role, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	}
	s, err := load("migrate", "app_api=DIR/api, ")
	if err != nil || len(s.DatabaseRoles) != 1 || s.DatabaseRoles["app_api"] != "api-8796a5b4c3d2e1f0x" {
		t.Errorf("%v, %v", s.DatabaseRoles, err)
	}
	if f := rolePasswords(s); f != nil {
		t.Errorf("%+v", f)
	}
	for roles, problem := range map[string]string{
		"app_api=DIR/nowhere": "cannot read the secret", "app_api=DIR/empty": "is empty", "app_api": "each entry must be like",
		"=DIR/api": "each entry must be like", "app_api=DIR/api,app_api=DIR/api": "names app_api twice",
	} {
		if _, err := load("migrate", roles); err == nil || !strings.Contains(err.Error(), "DATABASE_ROLES: ") || !strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), "8796a5b4") {
			t.Errorf("%s: %v", roles, err)
		}
	}
	for roles, problem := range map[string]string{"app_api=DIR/db": "also another's", "app_api=DIR/api,app_admin=DIR/api": "also another's"} {
		s, err := load("migrate", roles)
		if f := rolePasswords(s); err != nil || f == nil || !strings.Contains(f.Problem, problem) {
			t.Errorf("%s: %+v, %v", roles, f, err)
		}
	}
}
