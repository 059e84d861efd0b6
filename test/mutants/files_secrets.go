package main

import "strings"

// secretFiles weaken secrets, or write them where others read.
var secretFiles = []mutant{
	{name: "a password that is a common word", gates: "G9", rule: "compose/weak-secret", files: secretOf("redis_password", "password123\n")},
	{name: "a secret of one character", gates: "G9", rule: "compose/weak-secret", files: secretOf("app_secret", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n")},
	{name: "a password of four characters and a digit", gates: "G9", rule: "compose/weak-secret", files: secretOf("staff_password", "staff1\n")},
	{name: "two secrets are one", gates: "G9", rule: "compose/weak-secret", files: func(p *project) { p.write("secrets/redis_password", p.read("secrets/postgres_password")) }},
	{name: "the guard's password in clear", gates: "G8", rule: "headers/users-file", files: secretOf("staff_htpasswd", "staff:Secret-and-long-password-1\n")},
	{name: "the guard's password by SHA-1", gates: "G8", rule: "headers/users-file", files: secretOf("staff_htpasswd", "staff:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")},
	{name: "the guard's password by MD5", gates: "G8", rule: "headers/users-file", files: secretOf("staff_htpasswd", "staff:$apr1$abcdefgh$W1N1T2h8p7Zb7hHqQ8rJ1/\n")},
	{name: "the guard's password by a cheap bcrypt", gates: "G8", rule: "headers/users-file", files: secretOf("staff_htpasswd", "staff:$2y$04$abcdefghijklmnopqrstuuN2L4R0o6x1z8Yw0F8q6Qn0c2Yw5bqGK\n")},
	{name: "a second user of the guard, by SHA-1", gates: "G8", rule: "headers/users-file", files: func(p *project) {
		p.append("secrets/staff_htpasswd", "\nbackdoor:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
	}},
	{name: "the guard's file has no users", gates: "G8", rule: "headers/users-file", files: secretOf("staff_htpasswd", "# nobody\n")},
	{name: "the edge does not get the guard's file", gates: "G8", rule: "headers/users-file", files: compose("    secrets: [staff_htpasswd]\n", "")},
	{name: "a secret in a comment of .env.example", gates: "G9", rule: "compose/committed-secret", files: func(p *project) { p.append(".env.example", "# the app's secret is "+p.secret("app_secret")+"\n") }},
	{name: "a secret in a comment of stackctl.yaml", gates: "G9", rule: "compose/committed-secret", files: func(p *project) { p.append(configFile, "\n# postgres: "+p.secret("postgres_password")+"\n") }},
	{name: "a secret in a comment of the compose file", gates: "G9", rule: "compose/committed-secret", files: func(p *project) { p.append(composeFile, "\n# postgres: "+p.secret("postgres_password")+"\n") }},
	{name: "a password in a health check", gates: "G9", rule: "compose/secret-in-command", files: checked(`[CMD-SHELL, "PGPASSWORD=hunter2hunter2 /server healthcheck worker"]`)},
	{name: "a password in a client's flag", gates: "G9", rule: "compose/secret-in-command", files: compose("REDISCLI_AUTH=$$(cat /run/secrets/redis_password) redis-cli ping", "redis-cli -a hunter2hunter2 ping")},
	{name: "a password written into the store's settings", gates: "G9", rule: "compose/secret-in-command", files: compose("requirepass $$(cat /run/secrets/redis_password)", "requirepass hunter2hunter2")},
	{name: "the database trusts the network", gates: "G9", rule: "compose/store-password", files: compose("--auth-host=scram-sha-256", "--auth-host=trust")},
	{name: "the database trusts everybody", gates: "G9", rule: "compose/store-password", files: compose("--auth-host=scram-sha-256", "--auth=trust")},
	{name: "the database takes passwords in clear", gates: "G9", rule: "compose/store-password", files: compose("      POSTGRES_INITDB_ARGS:", "      POSTGRES_HOST_AUTH_METHOD: password\n      POSTGRES_INITDB_ARGS:")},
	{name: "the application believes everybody, by default", gates: "G9", rule: "compose/proxy-trust", files: compose("${TRUSTED_PROXIES:-172.16.0.0/12,192.168.0.0/16}", "${TRUSTED_PROXIES:-0.0.0.0/0}")},
	{name: "the application believes everybody, by the environment file", gates: "G9", rule: "compose/proxy-trust", files: func(p *project) { p.write(".env", "TRUSTED_PROXIES=0.0.0.0/0,::/0\n") }},
	{name: "a secret as value of .env.example", gates: "G9", rule: "compose/example-secret", files: replaced(".env.example", "AUTH_RATE=120", "AUTH_RATE=ghp_"+strings.Repeat("a1B2", 9))},
}
