package edge

import (
	"slices"
	"testing"

	"stackctl/pkg/stackctl/stack"
)

func TestRoutedIsWhateverTheFilesNameByItsAliasOfTheRelease(t *testing.T) {
	got := Routed([]stack.File{
		{Content: []byte("# stackctl: release aaaaaaaaaaaa\nhttp: {services: {x: {loadBalancer: {servers: [{url: \"http://api-aaaaaaaaaaaa:80\"}]}}}}")},
		{Content: []byte("tcp: {services: {y: {loadBalancer: {servers: [{address: job-queue-aaaaaaaaaaaa:5672}, {address: old-bbbbbbbbbbbb:1}]}}}}")},
		{Content: []byte("forwardAuth: {address: http://api-aaaaaaaaaaaa/auth}")},
	}, "aaaaaaaaaaaa")
	if !slices.Equal(got, []string{"api", "job-queue"}) {
		t.Errorf("%v", got)
	}
}
