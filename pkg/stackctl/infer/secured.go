package infer

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	securityOff = regexp.MustCompile(`xpack\.security\.enabled=false|plugins\.security\.disabled=true`)
	securityOn  = regexp.MustCompile(`xpack\.security\.enabled=true`)
	majorTag    = regexp.MustCompile(`:v?(\d+)`)
)

// boards are pages of a search store that ask for its users, and for nobody where
// it has none.
var boards = []string{"kibana", "kibana-oss", "opensearch-dashboards"}

// markUnsecured marks the pages of search stores that ask nobody to sign in: one of
// the project says that it asks nobody, or is an Elasticsearch before version 8,
// which asks only when told to.
func markUnsecured(services []Service) {
	if !slices.ContainsFunc(services, unsecuredStore) {
		return
	}
	for i, s := range services {
		services[i].unsecured = services[i].unsecured || names(boards, Repository(s.Image))
	}
}

func unsecuredStore(s Service) bool {
	repository := Repository(s.Image)
	if !names([]string{"elasticsearch", "elasticsearch-oss", "opensearch"}, repository) {
		return false
	}
	settings := strings.ToLower(commandText(s))
	for key, value := range s.Environment {
		settings += " " + strings.ToLower(key+"="+strings.Trim(value, `"'`))
	}
	switch {
	case securityOff.MatchString(settings), strings.Contains(settings, "disable_security_plugin=true"):
		return true
	case names([]string{"opensearch"}, repository), securityOn.MatchString(settings):
		return false
	}
	version, known := major(s.Image)
	return known && version < 8
}

// major is the first number of an image's tag.
func major(image string) (version int, known bool) {
	m := majorTag.FindStringSubmatch(image[strings.LastIndex(image, "/")+1:])
	if m == nil {
		return 0, false
	}
	version, err := strconv.Atoi(m[1])
	return version, err == nil
}
