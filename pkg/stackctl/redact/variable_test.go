package redact

import "testing"

func TestWhatASecretIs(t *testing.T) {
	for _, c := range []struct {
		name, value string
		secret      bool
	}{
		{"DB_PASS", "hunter2hunter2", true},
		{"POSTGRES_PASSWORD", "postgres", true},
		{"DATABASE_URL", "postgres://app:s3cr3tpw@db:5432/app", true},
		{"DATABASE_URL", "postgres://app:p@ss/w@db:5432/app", true},
		{"DATABASE_URL", "postgres://app@db:5432/app", false},
		{"DATABASE_URL", "postgres://app:${PW}@db:5432/app", false},
		{"NC_DB", "pg://db:5432?u=postgres&p=jolly&d=root", true},
		{"NC_DB", "pg://db:5432?u=postgres&p=${PW}&d=root", false},
		{"SEARCH", "https://example.test/?user=all&page=2", false},
		{"_APP_OPENSSL_KEY_V1", "your-secret-key-1", true},
		{"SORT_KEY_2", "created_at", false},
		{"CONNECTION", "Server=db;User Id=sa;Password=Abc!2345;", true},
		{"CONNECTION", "host=db user=app password=abc12345 dbname=x", true},
		{"RABBITMQ_ERLANG_COOKIE", "plainwords", true},
		{"RELEASE_COOKIE", "plainwords", true},
		{"SESSION_COOKIE", "plainwords", false},
		{"FASTCGI_PASS", "php:9000", false},
		{"NGINX_PROXY_PASS", "unix:/run/app.sock", false},
		{"PROXY_PASS", "plainwords", true},
		{"DB_PASS", "php:9000", true},
		{"SIGNING_KEY", "8f7a6b5c4d3e2f1a", true},
		{"APP_KEY", "base64:q83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJo=", true},
		{"SECRET_KEY_BASE", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", true},
		{"SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0001/B0002/abcdefABCDEF0123456789", true},
		{"ALERTS", "https://discord.com/api/webhooks/123456/abc-DEF_ghi", true},
		{"CALLBACK", "https://example.test/in?token=abcdef123456", true},
		{"STRIPE", "sk_live_0123456789abcdefgh", true},
		{"NEXT_PUBLIC_STRIPE_KEY", "pk_live_0123456789abcdefgh", false},
		{"VITE_SUPABASE_ANON_KEY", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.3q2-7wAAAAAAAAAA", false},
		{"ANON_KEY", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.3q2-7wAAAAAAAAAA", false},
		{"SERVICE_ROLE_KEY", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZSJ9.3q2-7wAAAAAAAAAA", true},
		{"REACT_APP_MAPS_KEY", "AIza0123456789abcdefghijklmnopqrstuvwxy", false},
		{"REACT_APP_API_TOKEN", "0123456789abcdef0123456789abcdef", false},
		{"NEXT_PUBLIC_STRIPE_KEY", "sk_live_0123456789abcdefgh", true},
		{"HCAPTCHA_SITE_KEY", "10000000-ffff-ffff-ffff-000000000001", false},
		{"HCAPTCHA_SECRET_KEY", "0x0000000000000000000000000000000000000001", true},
		{"PASSWORD_RESET_TIMEOUT", "3600", false},
		{"PASSWORD_RESET_TIMEOUT", "259200", false},
		{"ACCESS_TOKEN_EXPIRE_MINUTES", "11520", false},
		{"TOKEN_TTL", "24h", false},
		{"PASSWORD_MIN_LENGTH", "12", false},
		{"POSTGRES_PASSWORD_FILE", "/run/secrets/password", false},
		{"JWT_ALGORITHM", "HS256", false},
		{"OAUTH_TOKEN_URL", "https://id.example.test/token", false},
		{"MAIL_PASS_SCHEME", "BLF-CRYPT", false},
		{"JWT_ADMIN_ROLES", "service_role", false},
		{"JWT_AUD", "authenticated", false},
		{"JWT_ACCEPTED_ISSUERS", "shop,office", false},
		{"JWT_ASAP_KEYSERVER", "keys.example.test", false},
		{"AUTHENTICATION_APIKEY_USERS", "editor@example.test", false},
		{"AUTHENTICATION_APIKEY_ALLOWED_KEYS", "WVF5YThaHlkYwhGU", true},
		{"TOKEN_STORAGE_BACKEND", "database", false},
		{"PASSWORD_HASHERS", "argon2", false},
		{"TOKEN_SCOPES", "read write", false},
		{"JWT_ROLES", "sk_live_0123456789abcdefgh", true},
		{"SORT_KEY", "created_at", false},
		{"REQUIRE_PASSWORD", "true", false},
		{"GIT_COMMIT", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", false},
		{"NODE_ENV", "production", false},
		{"TZ", "Europe/Berlin", false},
		{"SECRET_KEY", "", false},
	} {
		if got := SecretReason(c.name, c.value); (got != "") != c.secret {
			t.Errorf("%s=%s: %q", c.name, c.value, got)
		}
	}
}
