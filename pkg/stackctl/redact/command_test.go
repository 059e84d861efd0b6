package redact_test

import (
	"fmt"
	"testing"

	"stackctl/pkg/stackctl/redact"
)

func TestSecretsInACommandAreFound(t *testing.T) {
	for text, want := range map[string]string{
		"PGPASSWORD=hunter2 psql":                            "[{PGPASSWORD hunter2}]",
		"redis-cli -a hunter2 ping":                          "[{-a hunter2}]",
		"requirepass hunter2":                                "[{requirepass hunter2}]",
		"redis-server --requirepass hunter2 --appendonly no": "[{--requirepass hunter2}]",
		"meilisearch --master-key k9Hd8sKd":                  "[{--master-key k9Hd8sKd}]",
		"--data-dir /data --api-key=xyz9382 --enable-cors":   "[{--api-key xyz9382}]",
		`sh -c serve --admin_token="abc123x"`:                "[{--admin_token abc123x}]",
		"REDISCLI_AUTH=$(cat /run/secrets/x) redis-cli":      "[]",
		"requirepass $(cat /x)":                              "[]",
		"POSTGRES_PASSWORD_FILE=/x run":                      "[]",
		"--auth-host=scram-sha-256":                          "[]",
		"redis-cli -a $PASS ping":                            "[]",
		"serve --api-key /run/secrets/key --token --verbose": "[]",
		"vllm serve --tokenizer acme/large --max-tokens 512": "[]",
		"nats-server --user app --pass hunter2x":             "[{--pass hunter2x}]",
		"serve --db.pass=hunter2x":                           "[{--db.pass hunter2x}]",
		"serve --bypass everything":                          "[]",
		"serve --password required":                          "[]",
		"mysqladmin ping -h db -uroot -phunter2x":            "[{-p hunter2x}]",
		"mariadb-admin -u root -p'hunter2x' ping":            "[{-p hunter2x}]",
		"mysql -h db -P3306 -p$PASS ping":                    "[]",
		"mysqladmin ping; tool -parallel":                    "[]",
		"mongosh -u app -p hunter2x --eval ping":             "[{-p hunter2x}]",
		"sshpass -p hunter2x ssh host":                       "[{-p hunter2x}]",
		"curl -fsS -u app:hunter2x http://localhost/":        "[{-u hunter2x}]",
		"curl --user $USER:$PASS http://localhost/":          "[]",
		"curl -fsS http://localhost:8080/ -o /dev/null":      "[]",
	} {
		if got := redact.InCommand(text); fmt.Sprint(got) != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestSecretsAmongSettingsAreFound(t *testing.T) {
	for text, want := range map[string]string{
		"kafka:\n  sasl:\n    username: app\n    password: hunter2x\n":                           "[{password hunter2x}]",
		"external_url 'https://git.example.com'\ngitlab_rails['smtp_password'] = \"hunter2x\"\n": "[{smtp_password hunter2x}]",
		"[auth]\napi-key=k9Hd8sKd2\ntoken_file = /run/secrets/token\n":                           "[{api-key k9Hd8sKd2}]",
		"{\n  \"secret\": \"hunter2x\",\n  \"again\": {\"password\": \"hunter2x\"}\n}":           "[{secret hunter2x}]",
		"password: ${PASSWORD}\ntoken_ttl: 36000s\n":                                             "[]",
		"# the password: is yours to choose\npassword_required: sometimes\n":                     "[]",
		"password: hunter2x": "[]", // one line
	} {
		if got := redact.InSettings(text); fmt.Sprint(got) != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestSecretsInTheTextOfAFileAreFound(t *testing.T) {
	for text, want := range map[string]string{
		"password: hunter2x": "[{password hunter2x}]",
		"url: postgres://app:hunter2x@db/app\npassword: other1x":                                    "[{url postgres://app:hunter2x@db/app} {password other1x}]",
		"CREATE USER app WITH PASSWORD 'hunter2x';\nCREATE USER 'b'@'%' IDENTIFIED BY 'other1x';\n": "[{PASSWORD hunter2x} {IDENTIFIED BY other1x}]",
		"\"dsn\": \"mysql://app:hunter2x@db/app\",":                                                 "[{dsn mysql://app:hunter2x@db/app}]",
		"server {\n  listen 80;\n  location / { proxy_pass http://web:8080; }\n}\n":                 "[]",
		"global:\n  scrape_interval: 15s\n  external_labels: {monitor: 'codelab'}\n":                "[]",
		"password_file: /run/secrets/x\ntoken: ${TOKEN}\nCREATE USER a PASSWORD '$PASSWORD';\n":     "[]",
	} {
		if got := redact.InText(text); fmt.Sprint(got) != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
