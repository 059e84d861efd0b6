package main

// several makes several changes.
func several(changes ...func(p *project)) func(p *project) {
	return func(p *project) {
		for _, change := range changes {
			change(p)
		}
	}
}

// replaced replaces one place of a file, added adds to its end.
func replaced(name, from, to string) func(p *project) {
	return func(p *project) { p.edit(name, from, to) }
}

func added(name, text string) func(p *project) {
	return func(p *project) { p.append(name, text) }
}

// routed adds a router, service or middleware below a heading.
func routed(heading, lines string) func(p *project) {
	return func(p *project) { p.route(heading, lines) }
}

// secretOf puts another value in place of a secret.
func secretOf(name, value string) func(p *project) {
	return func(p *project) { p.write("secrets/"+name, value) }
}

// checked puts another health check on the worker, timed one with other times.
func checked(test string) func(p *project) {
	return compose(workerHealth, "    healthcheck: {<<: *probe, test: "+test+"}\n")
}

func timed(times string) func(p *project) {
	return compose(workerHealth, "    healthcheck: {<<: *probe, test: "+workerTest+", "+times+"}\n")
}

// worker adds lines to the worker.
func worker(lines string) func(p *project) { return on("worker", lines) }
