// Package serve owns what every HTTP role shares: request ids, the access log,
// metrics, recovery, the client's address, and a server that finishes requests
// in flight. It must not know what is served.
package serve
