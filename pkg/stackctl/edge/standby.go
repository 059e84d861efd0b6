package edge

import (
	"gopkg.in/yaml.v3"
)

// nowhere is an ACME directory that is never reached.
const nowhere = "https://127.0.0.1:9/directory"

// StandbyStatic is the static file of a copy of an edge. It has the edge's
// certificates, and asks no authority for others: those are the edge's to get.
func StandbyStatic(static []byte) ([]byte, error) {
	_, root, err := parse("the static file", static)
	if err != nil {
		return nil, err
	}
	var doc object
	if err := root.Decode(&doc); err != nil {
		return nil, err
	}
	resolvers, _ := doc["certificatesResolvers"].(object)
	for _, resolver := range resolvers {
		if r, ok := resolver.(object); ok {
			if acme, ok := r["acme"].(object); ok {
				acme["caServer"] = nowhere
			}
		}
	}
	return yaml.Marshal(doc)
}
