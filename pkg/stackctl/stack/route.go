package stack

// RouteSpec is one route of stackctl's own edge.
type RouteSpec struct {
	// Host is a prefix of the target's domain ("" is the domain itself, "www")
	// or, with a dot in it, a whole host name.
	Host string `mapstructure:"host"`
	// Path is a prefix of the request's path; empty means all.
	Path string `mapstructure:"path"`
	// Service is the compose service that answers, Port its container port.
	Service string `mapstructure:"service"`
	Port    int    `mapstructure:"port"`
	// Strip removes Path from the request before the service sees it.
	Strip bool `mapstructure:"strip"`
	// Guard is "" (public) or "staff": basic auth with Traefik.Staff.
	Guard string `mapstructure:"guard"`
	// Scheme is how the service answers: "" (http), "https" (its certificate
	// is not judged: it is one of its own, inside) or "h2c" (gRPC).
	Scheme string `mapstructure:"scheme"`
	// Headers are sent with each answer, in the place of the edge's and the
	// service's own.
	Headers map[string]string `mapstructure:"headers"`
	// Rate is how many requests a second one client may make (an address, or an
	// IPv6 /64), and twice as many at once; 0: no bound, under policy strict 500.
	Rate int `mapstructure:"rate"`
	// Allow are the networks that may ask, in CIDR notation; others get 403.
	Allow []string `mapstructure:"allow"`
	// Body is the most that a request may send, such as 10m; more gets 413.
	Body string `mapstructure:"body"`
	// Compress lets the edge compress what the service did not.
	Compress bool `mapstructure:"compress"`
	// Sticky sends a visitor to the same replica of the service each time, by a
	// cookie of the edge.
	Sticky bool `mapstructure:"sticky"`
	// Redirect is where requests are sent instead of to a service, their path
	// and query kept: https://HOST, with a path where that comes before theirs.
	Redirect string `mapstructure:"redirect"`
	// Errors is the page that visitors get in the place of an answer 502, 503 or
	// 504, as while the service is away; nil: the answer itself.
	Errors *ErrorPage `mapstructure:"errors"`
	// Line is where stackctl.yaml has it.
	Line int `mapstructure:"-"`
}

// StickyCookie begins the names of the edge's own cookies, which tell a visitor's
// replica (RouteSpec.Sticky).
const StickyCookie = "stackctl-replica-"

// ErrorPage is a page that another service has.
type ErrorPage struct {
	// Service is the compose service that has it, Port its container port.
	Service string `mapstructure:"service"`
	Port    int    `mapstructure:"port"`
	// Path is the page's; {status} in it is the answer's.
	Path string `mapstructure:"path"`
}
