package exposure

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	publishedRule = stack.Rule{
		ID: "exposure/published", Level: stack.LevelDanger, Source: "SPEC S1; ASVS 13.2.1",
		Asks: "Does only the edge publish ports, and only its own?",
		Fix:  "remove the port; the edge leads to the service",
	}
	hostNetworkRule = stack.Rule{
		ID: "exposure/host-network", Level: stack.LevelDanger, Source: "SPEC §2",
		Asks: "Is every container on networks of the stack?",
		Fix:  "remove network_mode",
	}
	secondEdgeRule = stack.Rule{
		ID: "exposure/second-edge", Level: stack.LevelDanger, Source: "SPEC S1",
		Asks: "Do routes come from the edge's own files only?",
		Fix:  "remove it; routes stand in the edge's dynamic files",
	}
	edgePluginsRule = stack.Rule{
		ID: "exposure/edge-plugins", Level: stack.LevelDanger, Source: "ASVS 15.2.2",
		Asks: "Does the edge run only code of its image?",
		Fix:  "remove the plugin",
	}
	rawRoutesRule = stack.Rule{
		ID: "exposure/raw-routes", Level: stack.LevelDanger, Source: "SPEC S1",
		Asks: "Does the edge read everything that it passes on?",
		Fix:  "remove the route",
	}
	engineRule = stack.Rule{
		ID: "exposure/engine", Level: stack.LevelDanger, Source: "CIS Docker 5.31; SPEC §2",
		Asks: "Is the container engine out of every container's reach?",
		Fix:  "remove the mount or variable",
	}
	devicesRule = stack.Rule{
		ID: "exposure/devices", Level: stack.LevelDanger, Source: "CIS Docker 5.17",
		Asks: "Are devices of the host kept out of containers?",
		Fix:  "remove devices",
	}
	reachableRule = stack.Rule{
		ID: "exposure/reachable", Level: stack.LevelDanger, Source: "SPEC S1; ASVS 13.4.5",
		Asks: "Can only the allowed ports be reached from outside?",
		Fix:  "find what listens there, and stop it or bind it to loopback",
	}
	silentRule = stack.Rule{
		ID: "exposure/silent-port", Level: stack.LevelStrict, Source: "SPEC N2",
		Asks: "Does each TCP port that the project declares answer from outside?",
		Fix:  "run `stackctl provision`, which lets it through the server's firewall; a firewall of the provider may hold it as well",
	}
	strangersRule = stack.Rule{
		ID: "exposure/strangers", Level: stack.LevelDanger, Source: "ASVS 13.2.1",
		Asks: "Do other containers of the host keep away from the site?",
		Fix:  "take it off the site's networks, volumes and ports",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{
	publishedRule,
	hostNetworkRule,
	secondEdgeRule,
	edgePluginsRule,
	rawRoutesRule,
	engineRule,
	devicesRule,
	reachableRule,
	silentRule,
	strangersRule,
}
