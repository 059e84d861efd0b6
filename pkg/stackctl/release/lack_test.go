package release_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"stackctl/pkg/stackctl/infer"
	"stackctl/pkg/stackctl/release"
	"stackctl/pkg/stackctl/stack"
)

const storeOfApp = "services:\n  db:\n    image: %IMAGE%\n    volumes: [\"data:/data\"]\n    %MORE%\nvolumes: {data: }\n"

// stored is a project of one store.
func stored(image, more string) string {
	return strings.NewReplacer("%IMAGE%", image, "%MORE%", more).Replace(storeOfApp)
}

func TestAnEmptySecretThatAServiceCannotWorkWithoutIsRefused(t *testing.T) {
	app := "services:\n  web:\n    image: acme/web:1\n    "
	for name, c := range map[string]struct {
		text  string
		files map[string]string
		want  string // empty: it is not refused
	}{
		"in an env file":                 {stored("postgres:16", "env_file: db.env"), map[string]string{"db.env": "# ours\nPOSTGRES_PASSWORD=\n"}, "db.env:2: service db has an empty POSTGRES_PASSWORD, and PostgreSQL is not set up without it"},
		"in a listed one":                {stored("postgres:16", "env_file: [{path: db.env, required: true}]"), map[string]string{"db.env": "POSTGRES_PASSWORD=\n"}, "db.env:1: service db has an empty POSTGRES_PASSWORD"},
		"in .env":                        {stored("postgis/postgis:16-3.4", "environment: {POSTGRES_PASSWORD: \"${DB_PASSWORD}\"}"), map[string]string{".env": "A=1\nDB_PASSWORD=\n"}, ".env:2: service db has an empty POSTGRES_PASSWORD"},
		"by a default":                   {stored("postgres", "environment: [\"POSTGRES_PASSWORD=${DB_PASSWORD:-}\"]"), nil, "compose.yaml:5: service db has an empty POSTGRES_PASSWORD"},
		"in the file":                    {stored("bitnami/postgresql:16", "environment: {POSTGRESQL_PASSWORD: \"\"}"), nil, "compose.yaml:5: service db has an empty POSTGRESQL_PASSWORD"},
		"of a user":                      {stored("mariadb:11", "environment: {MARIADB_ROOT_PASSWORD: Kq7vR2xW, MYSQL_USER: a, MYSQL_PASSWORD: \"\"}"), nil, "service db has an empty MYSQL_PASSWORD"},
		"of a user beside a random root": {stored("mysql:8", "environment: {MYSQL_RANDOM_ROOT_PASSWORD: \"1\", MYSQL_USER: a, MYSQL_PASSWORD: \"${DB_PASSWORD}\"}"), map[string]string{".env": "DB_PASSWORD=\n"}, ".env:1: service db has an empty MYSQL_PASSWORD"},
		"a random root":                  {stored("mysql:8", "environment: {MYSQL_RANDOM_ROOT_PASSWORD: \"1\", MYSQL_ROOT_PASSWORD: \"\"}"), nil, ""},
		"of two":                         {stored("mongo:7", "environment: {MONGO_INITDB_ROOT_USERNAME: root, MONGO_INITDB_ROOT_PASSWORD: \"\"}"), nil, "service db has an empty MONGO_INITDB_ROOT_PASSWORD"},
		"of a flag":                      {stored("redis:7", "command: redis-server --appendonly yes --requirepass ${REDIS_PASSWORD}"), map[string]string{".env": "REDIS_PASSWORD=\n"}, ".env:1: service db has an empty --requirepass, and Redis starts without a password, or not at all"},
		"what signs":                     {app + "env_file: .env", map[string]string{".env": "SECRET_KEY=\n"}, ".env:1: service web has an empty SECRET_KEY, and the program ends without it, or trusts whoever knows that it is empty"},

		"by a file":                {stored("postgres:16", "environment: {POSTGRES_PASSWORD: \"\", POSTGRES_PASSWORD_FILE: /run/secrets/x}"), nil, ""},
		"trust on purpose":         {stored("postgres:16", "environment: {POSTGRES_PASSWORD: \"\", POSTGRES_HOST_AUTH_METHOD: trust}"), nil, ""},
		"empty on purpose":         {stored("mysql:8", "environment: {MYSQL_ALLOW_EMPTY_PASSWORD: \"yes\", MYSQL_ROOT_PASSWORD: \"\"}"), nil, ""},
		"Bitnami's, on purpose":    {stored("bitnami/redis:7", "environment: [ALLOW_EMPTY_PASSWORD=yes, REDIS_PASSWORD=]"), nil, ""},
		"a client of the store":    {stored("postgres:16", "command: pg_dump -h other"), nil, ""},
		"an entrypoint":            {stored("postgres:16", "entrypoint: /our/start.sh"), nil, ""},
		"an image of a company":    {stored("acme/postgres:16", "restart: always"), nil, ""},
		"a store without users":    {stored("mongo:7", "restart: always"), nil, ""},
		"an empty word on purpose": {stored("redis:7", "command: [redis-server, --requirepass, \"${REDIS_PASSWORD:-}\"]"), nil, ""},
		"an empty word by .env":    {stored("redis:7", "command: [redis-server, --requirepass, \"${REDIS_PASSWORD:-}\"]"), map[string]string{".env": "REDIS_PASSWORD=\n"}, ".env:1: service db has an empty --requirepass"},
		"of MariaDB's user":        {stored("mariadb:11", "environment: {MARIADB_RANDOM_ROOT_PASSWORD: \"1\", MARIADB_USER: a, MARIADB_PASSWORD: \"\"}"), nil, "service db has an empty MARIADB_PASSWORD"},
		"a flag that is left out":  {stored("redis:7", "command: redis-server ${REDIS_PASSWORD:+--requirepass $REDIS_PASSWORD}"), nil, ""},
		"what is optional":         {app + "env_file: .env", map[string]string{".env": "SMTP_PASSWORD=\nREDIS_PASSWORD=\nOPENAI_API_KEY=\nDB_PASSWORD=\n"}, ""},
		"a key that may be empty":  {app + "environment: {SECRET_KEY: \"${SECRET_KEY:-}\"}", nil, ""},
	} {
		files := map[string]string{"compose.yaml": c.text}
		for file, text := range c.files {
			files[file] = text
		}
		s := newProject(t, files)
		s.config.Policy = stack.PolicyStandard
		_, err := release.Read(context.Background(), s.config, s.target)
		notes := ""
		for _, list := range s.look(t).Notes {
			notes += strings.Join(list, "\n")
		}
		if told := strings.Contains(notes, "check refuses it"); told != (c.want != "") {
			t.Errorf("%s: init tells %q", name, notes)
		}
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (stack.CauseOf(err) != stack.CauseUsage || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

func TestAllThatHasNoValueIsToldAtOnce(t *testing.T) {
	s := newProject(t, map[string]string{
		"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    environment:\n      - DB_PASSWORD=${DB_PASSWORD}\n      - API_TOKEN\n      - SECRET_KEY=\n  db:\n    image: postgres:16\n" +
			"    env_file: db.env\n    volumes: [\"data:/var/lib/postgresql/data\"]\nvolumes: {data: }\n",
		"db.env": "POSTGRES_PASSWORD=\n",
	})
	s.refused(t, "4 variables have no value", "NAME=", "compose.yaml:5: the variable DB_PASSWORD", "compose.yaml:6: service web takes the variable API_TOKEN", "compose.yaml:7: service web has an empty SECRET_KEY", "db.env:1: service db has an empty POSTGRES_PASSWORD")
}

func TestASecretThatIsNowhereIsWarnedOf(t *testing.T) {
	for image, want := range map[string]string{
		"mysql:8":     "compose.yaml:2: service db has no MYSQL_ROOT_PASSWORD, and MySQL is not set up without it",
		"postgres:16": "compose.yaml:2: service db has no POSTGRES_PASSWORD, and PostgreSQL is not set up without it",
		"redis:7":     "",
		"acme/mysql":  "",
	} {
		s := newProject(t, map[string]string{"compose.yaml": stored(image, "restart: always")})
		d, err := release.Read(context.Background(), s.config, s.target)
		must(t, err)
		told := strings.Join(d.Warnings(), "\n")
		if noted := strings.Join(s.look(t).Notes["db"], "\n"); !strings.Contains(told, want) || (told == "") != (want == "") || (noted == "") != (want == "") || strings.Contains(noted, "check refuses") {
			t.Errorf("%s: warnings %q, notes %q", image, told, noted)
		}
	}
}

func TestASecretForAServiceOfOthersMayBeWithoutAValue(t *testing.T) {
	for name, refused := range map[string]bool{"SMTP_PASSWORD": false, "MAIL_PASS": false, "GOOGLE_CLIENT_SECRET": false, "OPENAI_API_KEY": false, "RECAPTCHA_SECRET_KEY": false, "SENTRY_DSN": false,
		"AWS_SECRET_ACCESS_KEY": false, "APP_S3_SECRET_KEY": false, "SHOP_AZURE_STORAGE_KEY": false, "NEW_RELIC_LICENSE_KEY": false, "S3_DB_PASSWORD": true,
		"DB_PASSWORD": true, "MAIL_DB_PASSWORD": true, "OAUTH2_PROXY_COOKIE_SECRET": true, "SENTRY_SECRET_KEY": true, "JWT_SECRET": true, "API_TOKEN": true} {
		for _, form := range []string{name + "=${" + name + "}", name} {
			s := newProject(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    environment: [\"" + form + "\"]\n"})
			s.config.Policy = stack.PolicyStandard
			_, err := release.Read(context.Background(), s.config, s.target)
			if (err != nil) != refused {
				t.Errorf("%s: %v", form, err)
			}
			s.config.Policy = stack.PolicyStrict
			if _, err := release.Read(context.Background(), s.config, s.target); err == nil {
				t.Errorf("%s: the strict policy takes it", form)
			}
		}
	}
}

// TestAFileThatDemandsSecretsNeedsNoOthers holds that a file which writes ${NAME:?} for
// the secrets it needs says thereby that the others may be empty.
func TestAFileThatDemandsSecretsNeedsNoOthers(t *testing.T) {
	for env, refused := range map[string]bool{
		`["A=${A_SECRET:?set it}", "B=${B_TOKEN}"]`: false,
		`["A=${A_SECRET?}", B_TOKEN]`:               false,
		`["A=${TAG:?which one}", "B=${B_TOKEN}"]`:   true, // it demands no secret
		`["A=${A_SECRET}", "B=${B_TOKEN}"]`:         true,
		`["A=${A_SECRET:-x}", B_TOKEN]`:             true,
	} {
		s := newProject(t, map[string]string{"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    environment: " + env + "\n", ".env": "A_SECRET=abc\nTAG=2\n"})
		for policy, want := range map[stack.Policy]bool{stack.PolicyStandard: refused, stack.PolicyStrict: true} {
			s.config.Policy = policy
			if _, err := release.Read(context.Background(), s.config, s.target); (err != nil) != want {
				t.Errorf("%s, policy %s: %v, want refused %t", env, policy, err, want)
			}
		}
	}
}

// TestAListOfOptionsIsNoListOfDemands holds that a service which takes ten variables by
// name that are not set offers options: its program knows what it needs.
func TestAListOfOptionsIsNoListOfDemands(t *testing.T) {
	for options, refused := range map[int]bool{3: true, 9: false, 30: false} {
		text := "services:\n  web:\n    image: acme/web:1\n    environment:\n      - TURN_PASSWORD\n"
		for i := range options {
			text += fmt.Sprintf("      - OPTION_%d\n", i)
		}
		s := newProject(t, map[string]string{"compose.yaml": text})
		s.config.Policy = stack.PolicyStandard
		if _, err := release.Read(context.Background(), s.config, s.target); (err != nil) != refused {
			t.Errorf("%d options: %v, want refused %t", options, err, refused)
		}
		if needed := len(s.look(t).Undefined) > 0; needed != refused {
			t.Errorf("%d options: init asks for it %t", options, needed)
		}
	}
}

func TestAPasswordThatIsYetToBeSetIsNoEmptyOne(t *testing.T) {
	for env, want := range map[string]bool{"": false, "WEB_PASSWORD=\n": true} {
		services := newProject(t, map[string]string{"compose.yaml": "services:\n  dns:\n    image: pihole/pihole\n    ports: [\"80:80\"]\n    environment: {WEBPASSWORD: \"${WEB_PASSWORD}\"}\n", ".env": env}).look(t).Services
		routes := infer.Routes(services, infer.Layers(services, ""), "example.org", nil).Routes
		if len(routes) != 1 || (routes[0].Guard == "staff") != want {
			t.Errorf("%q: %+v", env, routes)
		}
	}
}

func TestAllFilesAndSecretsThatAreMissingAreToldAtOnce(t *testing.T) {
	newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    env_file: a.env\n  b:\n    image: b:1\n    env_file: b.env\n"}).
		refused(t, "compose.yaml:4: service a: the env file a.env does not exist", "compose.yaml:7: service b: the env file b.env does not exist")
	newProject(t, map[string]string{"compose.yaml": "services:\n  a:\n    image: a:1\n    secrets: [x, y]\n    configs: [z]\nsecrets:\n  x: {file: x.txt}\n  y: {external: true}\nconfigs:\n  z: {external: true}\n"}).
		refused(t, "compose.yaml:7: secret x", "compose.yaml:8: secret y is external", "compose.yaml:10: config z is external")
}

func TestAnExampleOfTheEnvFileIsToBeCopied(t *testing.T) {
	files := map[string]string{"compose.yaml": "services:\n  web:\n    image: acme/web:1\n    environment: {A: \"${A_TOKEN}\", B: \"${B_TOKEN}\"}\n", ".env.example": "A_TOKEN=\nB_TOKEN=\n"}
	newProject(t, files).refused(t, "compose.yaml:4: the variable A_TOKEN", "compose.yaml:4: the variable B_TOKEN", "copy .env.example to .env and fill it in")
	files[".env"] = "A_TOKEN=x\n"
	if _, err := newProject(t, files).read(); err == nil || strings.Contains(err.Error(), "copy") {
		t.Errorf("%v", err)
	}
}
