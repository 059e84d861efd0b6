package release_test

import (
	"fmt"
	"testing"
)

// A broker that lets everybody in is found by its settings, listener by listener.
func TestAnOpenBrokerIsFoundByItsSettings(t *testing.T) {
	for conf, want := range map[string]string{
		"listener 1883\nallow_anonymous true\n":                     "[1883 8883]",
		"allow_anonymous true\nallow_anonymous false\n":             "[]",
		"listener 1883\nallow_anonymous false\npassword_file /pw\n": "[]",
		"listener 1883\n#allow_anonymous true\n":                    "[]",
		"per_listener_settings true\nlistener 1883\nallow_anonymous false\npassword_file /pw\nlistener 8883\nallow_anonymous true\n": "[8883]",
		"": "[]",
	} {
		for _, mount := range []string{"./mq/mosquitto.conf:/mosquitto/config/mosquitto.conf", "./mq:/mosquitto/config:ro"} { //nolint:misspell // the name of a program
			s := newProject(t, map[string]string{
				"compose.yaml":      "services:\n  mqtt:\n    image: eclipse-mosquitto:2\n    ports: [\"1883:1883\", \"8883:8883\"]\n    volumes: [\"" + mount + "\"]\n", //nolint:misspell // the name of a program
				"mq/mosquitto.conf": conf,
			})
			if got := fmt.Sprint(s.look(t).Services[0].Open); got != want {
				t.Errorf("%q: open are %s, want %s", conf, got, want)
			}
		}
	}
}
