package infer

import (
	"regexp"
	"slices"
	"strings"
)

// templateNames are what people name a service that others are made of.
var templateNames = []string{"base", "common", "template", "default", "defaults", "abstract", "anchor"}

// toolboxes are images of tools and of languages: without a command they end at
// once, or wait for somebody to enter them.
var toolboxes = []string{"nats-box", "netshoot", "network-multitool", "alpine", "busybox", "debian", "ubuntu", "bash", "temporalio/admin-tools",
	"kubectl", "terraform", "ansible", "kcat", "kafkacat", "curlimages/curl", "alpine/git", "node", "python", "golang", "rust", "ruby", "composer", "maven", "gradle"}

// isToolbox reports whether an image is one of tools alone.
func isToolbox(image string) bool {
	repository := Repository(image)
	return names(toolboxes, repository) || strings.HasSuffix(repository, "-cli") || strings.HasSuffix(repository, "toolbox")
}

var (
	// suites are commands that test, check or measure a program.
	suites = regexp.MustCompile(`^(?:(?:pipenv|poetry|uv|pdm) run |bundle exec |npx |pnpm exec |yarn (?:run )?|python3? -m )?` +
		`(?:pytest|py\.test|tox|nox|behave|rspec|jest|vitest|mocha|cypress run|playwright test|test(?::\S+)?|phpunit|\S*vendor/bin/(?:phpunit|pest)|newman run|k6 run|` +
		`(?:npm|pnpm|bun|deno)(?: run)? t(?:est)?(?::\S+)?|(?:go|cargo|dotnet|mix|sbt|rails|bin/rails|flutter) test|\S*(?:mvnw?|gradlew?)(?: \S+)* (?:test|verify|check)|(?:python3? )?\S*manage\.py test|(?:php )?\S*artisan test|` +
		`ruff|eslint|black|mypy|flake8|pylint|rubocop|golangci-lint|sonar-scanner)(?:\s|$)`)
	// preparations are what goes before a suite.
	preparations = regexp.MustCompile(`^(?:(?:npm|pnpm|yarn|bun) (?:ci|i|install)|yarn|pip3? install|bundle(?: install)?|composer install|poetry install|uv sync|cd|export|sleep|\S*wait-for\S*|dockerize|set)(?:\s|$)`)
	// waits are commands that do nothing until somebody enters the container.
	waits = regexp.MustCompile(`^(?:sleep (?:inf\S*|\d{5,}|\d+d)|tail -[fF] /dev/null|(?:/bin/|/usr/bin/)?(?:sh|bash|ash|zsh)|cat|while (?:true|:|sleep \S+)|do (?:sleep \S+|:|true)|done)$`)
)

// boxNames are what people name a service that is run by hand, with a command.
var boxNames = []string{"cli", "awscli", "aws-cli", "wpcli", "wp-cli", "toolbox"}

// unwanted are the services of which the file asks for no container, with the
// reason.
func unwanted(services []Service) map[string]string {
	out := map[string]string{}
	for _, s := range services {
		if s.Stopped {
			out[s.Name] = "the file asks for none of it (replicas or scale: 0)"
		}
	}
	return out
}

// idle returns why no server needs a service: others are made of it and it does
// nothing by itself, it tests, or it waits for somebody to enter it. Empty: it is
// needed.
func idle(s Service, services []Service) string {
	taken := slices.ContainsFunc(services, func(other Service) bool { return slices.Contains(shared(other), s.Name) })
	if s.Said != "" || s.SaidOnce || len(s.Ports) > 0 || serves(s) || waitedFor(s.Name, services) || taken {
		return ""
	}
	text := shellText(s)
	switch named := slices.ContainsFunc(words(s.Name), func(word string) bool { return slices.Contains(templateNames, word) }); {
	case named && len(s.Merged) > 0 && commandText(s) == "" && s.Restart == "":
		return "it is a template: " + strings.Join(s.Merged, ", ") + " are made of it, and it does nothing by itself"
	case tests(text):
		return "its command tests or checks the program, which no server needs"
	case !s.Build && every(text, waits.MatchString):
		return "its command waits for somebody to enter it, and does nothing by itself"
	case text == "" && s.Restart == "" && slices.Contains(boxNames, strings.ToLower(s.Name)):
		return "it is named for a box of tools, which is run by hand, and has no command"
	case !s.Build && text == "" && s.Healthcheck == nil && isToolbox(s.Image):
		return "it is a box of tools without a command, and does nothing by itself"
	}
	return ""
}

// tests reports whether a shell's text prepares a suite of tests, and runs it.
func tests(text string) bool {
	ran := false
	return every(text, func(part string) bool {
		suite := suites.MatchString(part)
		ran = ran || suite
		return suite || preparations.MatchString(part)
	}) && ran
}
