package compose

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	deployedRule = stack.Rule{
		ID: "compose/deployed", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Does every service that is wanted run?",
		Fix:  "give it replicas, or remove it",
	}
	restartRule = stack.Rule{
		ID: "compose/restart", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Does every service come back by itself, and a one-shot end?",
		Fix:  "write restart: unless-stopped, or \"no\" for a one-shot",
	}
	readOnlyRule = stack.Rule{
		ID: "compose/read-only", Level: stack.LevelStrict, Source: "CIS Docker 5.12",
		Asks: "Is the root file system of every service read-only?",
		Fix:  "write read_only: true, and tmpfs for what it writes",
	}
	privilegedRule = stack.Rule{
		ID: "compose/privileged", Level: stack.LevelDanger, Source: "CIS Docker 5.4",
		Asks: "Is no service privileged?",
		Fix:  "remove privileged",
	}
	kernelProtectionRule = stack.Rule{
		ID: "compose/kernel-protection", Level: stack.LevelDanger, Source: "CIS Docker 5.1; 5.21",
		Asks: "Are the kernel's protections on?",
		Fix:  "remove the security_opt",
	}
	noNewPrivilegesRule = stack.Rule{
		ID: "compose/no-new-privileges", Level: stack.LevelStrict, Source: "CIS Docker 5.25",
		Asks: "Are processes kept from gaining privileges?",
		Fix:  "write security_opt: [no-new-privileges:true]",
	}
	capabilitiesRule = stack.Rule{
		ID: "compose/capabilities", Level: stack.LevelStrict, Source: "CIS Docker 5.3",
		Asks: "Are capabilities dropped?",
		Fix:  "write cap_drop: [ALL]",
	}
	userRule = stack.Rule{
		ID: "compose/user", Level: stack.LevelStrict, Source: "CIS Docker 4.1",
		Asks: "Does every service run without root?",
		Fix:  "write user",
	}
	sideBySideRule = stack.Rule{
		ID: "compose/side-by-side", Level: stack.LevelStrict, Source: "SPEC D4",
		Asks: "Can two releases run side by side, and the old one finish its requests?",
		Fix:  "remove what only one can have, and set stop_grace_period",
	}
	dependsOnRule = stack.Rule{
		ID: "compose/depends-on", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Does every service wait until what it uses is ready?",
		Fix:  "write depends_on with condition: service_healthy",
	}
	imagePinnedRule = stack.Rule{
		ID: "compose/image-pinned", Level: stack.LevelStrict, Source: "ASVS 15.2.2; SPEC §2",
		Asks: "Is every image pinned?",
		Fix:  "write a version or a digest",
	}
	envExampleRule = stack.Rule{
		ID: "compose/env-example", Level: stack.LevelStrict, Source: "SPEC §9",
		Asks: "Does .env.example tell of every variable, with a comment, and of no other?",
		Fix:  "correct .env.example",
	}
	exampleSecretRule = stack.Rule{
		ID: "compose/example-secret", Level: stack.LevelDanger, Source: "ASVS 13.3.1",
		Asks: "Is .env.example free of real secrets?",
		Fix:  "write a placeholder, and change the secret",
	}
	committedSecretRule = stack.Rule{
		ID: "compose/committed-secret", Level: stack.LevelDanger, Source: "ASVS 13.3.1",
		Asks: "Are committed files free of real secrets?",
		Fix:  "remove it, and change the secret",
	}
	healthcheckRule = stack.Rule{
		ID: "compose/healthcheck", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Has every service a health check that can fail, and looks often enough?",
		Fix:  "write a healthcheck that asks the service itself",
	}
	namespacesRule = stack.Rule{
		ID: "compose/namespaces", Level: stack.LevelDanger, Source: "CIS Docker 5.15",
		Asks: "Does every service have namespaces of its own?",
		Fix:  "remove the setting",
	}
	devicesRule = stack.Rule{
		ID: "compose/devices", Level: stack.LevelDanger, Source: "CIS Docker 5.17",
		Asks: "Does no cgroup rule give a service devices of the host?",
		Fix:  "remove device_cgroup_rules",
	}
	hooksRule = stack.Rule{
		ID: "compose/hooks", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Do hooks have no more rights than their service?",
		Fix:  "remove user and privileged of the hook",
	}
	oomRule = stack.Rule{
		ID: "compose/oom", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Can every service be ended when memory runs out?",
		Fix:  "remove oom_kill_disable and oom_score_adj",
	}
	routerTargetRule = stack.Rule{
		ID: "compose/router-target", Level: stack.LevelDanger, Source: "SPEC §2",
		Asks: "Does every route lead to a service of the files that the edge can reach?",
		Fix:  "correct the route, or add the service",
	}
	routePasswordRule = stack.Rule{
		ID: "compose/route-password", Level: stack.LevelDanger, Source: "ASVS 13.3.1",
		Asks: "Are passwords kept out of the routes' files?",
		Fix:  "remove it, and change the password",
	}
	settingsRule = stack.Rule{
		ID: "compose/settings", Level: stack.LevelStrict, Source: "SPEC §9",
		Asks: "Are the services that stackctl.yaml names in the compose files?",
		Fix:  "correct the name",
	}
	inventoryRule = stack.Rule{
		ID: "compose/inventory", Level: stack.LevelStrict, Source: "SPEC §9",
		Asks: "Does the page of services tell of the services that there are?",
		Fix:  "correct the page",
	}
	namesRule = stack.Rule{
		ID: "compose/names", Level: stack.LevelDanger, Source: "SPEC §2",
		Asks: "Does every name lead to the service of that name?",
		Fix:  "remove the alias, link or host",
	}
	hostBridgeRule = stack.Rule{
		ID: "compose/host-bridge", Level: stack.LevelDanger, Source: "CIS Docker 5.9",
		Asks: "Do networks keep containers off the host's own?",
		Fix:  "write driver: bridge",
	}
	engineSocketRule = stack.Rule{
		ID: "compose/engine-socket", Level: stack.LevelDanger, Source: "CIS Docker 5.31",
		Asks: "Is the container engine's socket kept out of containers?",
		Fix:  "remove the mount",
	}
	hostFoldersRule = stack.Rule{
		ID: "compose/host-folders", Level: stack.LevelDanger, Source: "CIS Docker 5.5",
		Asks: "Are sensitive folders of the host kept out of containers?",
		Fix:  "remove the mount",
	}
	keepsDataRule = stack.Rule{
		ID: "compose/keeps-data", Level: stack.LevelDanger, Source: "SPEC §2",
		Asks: "Is what a service keeps on a named volume?",
		Fix:  "mount a named volume there",
	}
	volumeDriverRule = stack.Rule{
		ID: "compose/volume-driver", Level: stack.LevelDanger, Source: "SPEC §2",
		Asks: "Are volumes the engine's own?",
		Fix:  "remove driver_opts",
	}
	volumeUnusedRule = stack.Rule{
		ID: "compose/volume-unused", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Is every volume mounted by a service?",
		Fix:  "mount it, or remove it",
	}
	secretSourceRule = stack.Rule{
		ID: "compose/secret-source", Level: stack.LevelDanger, Source: "ASVS 13.3.1; SPEC §2",
		Asks: "Do secrets come from files, by way of secrets?",
		Fix:  "write file:",
	}
	dataNetworkRule = stack.Rule{
		ID: "compose/data-network", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Are stores on a network without a way out, which the edge is not on?",
		Fix:  "write internal: true and take the service off the other networks",
	}
	foreignNetworkRule = stack.Rule{
		ID: "compose/foreign-network", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Do the networks belong to the project?",
		Fix:  "remove external",
	}
	openNetworkRule = stack.Rule{
		ID: "compose/open-network", Level: stack.LevelDanger, Source: "CIS Docker 5.9",
		Asks: "Are ports of containers closed to other machines of the network?",
		Fix:  "remove the driver option",
	}
	networksRule = stack.Rule{
		ID: "compose/networks", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Are the networks that stackctl.yaml asks for defined?",
		Fix:  "define it",
	}
	undeclaredContainerRule = stack.Rule{
		ID: "compose/undeclared-container", Level: stack.LevelDanger, Source: "SPEC D4",
		Asks: "Is every container of the project declared?",
		Fix:  "remove it, after a look at what it does",
	}
	runsRule = stack.Rule{
		ID: "compose/runs", Level: stack.LevelDanger, Source: "SPEC D4",
		Asks: "Does every service run, healthy, from the image that was judged?",
		Fix:  "see its log",
	}
	asDeclaredRule = stack.Rule{
		ID: "compose/as-declared", Level: stack.LevelDanger, Source: "SPEC D4",
		Asks: "Do containers run as their service says?",
		Fix:  "deploy again; then find out who works on the host by hand",
	}
	declaredMemoryRule = stack.Rule{
		ID: "compose/declared-memory", Level: stack.LevelStrict, Source: "SPEC D4",
		Asks: "Do containers have the declared memory limit?",
		Fix:  "deploy again",
	}
	secretInEnvironmentRule = stack.Rule{
		ID: "compose/secret-in-environment", Level: stack.LevelStrict, Source: "ASVS 13.3.1",
		Asks: "Are secrets kept out of the environment, and of the text of configs?",
		Fix:  "give it as a secret, by file",
	}
	secretInCommandRule = stack.Rule{
		ID: "compose/secret-in-command", Level: stack.LevelStrict, Source: "ASVS 13.3.1",
		Asks: "Are secrets kept out of commands, labels and build arguments?",
		Fix:  "give it as a secret, by file",
	}
	storePasswordRule = stack.Rule{
		ID: "compose/store-password", Level: stack.LevelStrict, Source: "ASVS 13.2.1",
		Asks: "Does every store ask for a password?",
		Fix:  "set a password by file",
	}
	storeTLSRule = stack.Rule{
		ID: "compose/store-tls", Level: stack.LevelDanger, Source: "ASVS 12.3.2; SPEC M3",
		Asks: "Does the client of a database elsewhere see whose certificate it is?",
		Fix:  "write PGSSLMODE: verify-full, and in PGSSLROOTCERT the file of the authority's certificate",
	}
	storeDurableRule = stack.Rule{
		ID: "compose/store-durable", Level: stack.LevelDanger, Source: "PostgreSQL, Reliability",
		Asks: "Does the database keep what it has confirmed when the server stops at once?",
		Fix:  "remove the setting",
	}
	memLimitRule = stack.Rule{
		ID: "compose/mem-limit", Level: stack.LevelStrict, Source: "CIS Docker 5.10",
		Asks: "Has every service a memory limit that fits?",
		Fix:  "write mem_limit",
	}
	logRotationRule = stack.Rule{
		ID: "compose/log-rotation", Level: stack.LevelStrict, Source: "SPEC §2",
		Asks: "Are logs kept, and bounded?",
		Fix:  "write logging with max-size and max-file",
	}
	foreignVolumesRule = stack.Rule{
		ID: "compose/foreign-volumes", Level: stack.LevelDanger, Source: "SPEC §2",
		Asks: "Do services have their own volumes only?",
		Fix:  "remove the mount",
	}
	weakSecretRule = stack.Rule{
		ID: "compose/weak-secret", Level: stack.LevelDanger, Source: "ASVS 13.3.1",
		Asks: "Is every secret hard to guess, and a secret of its own?",
		Fix:  "remove the file and run stackctl init --secrets",
	}
	signingKeyRule = stack.Rule{
		ID: "compose/signing-key", Level: stack.LevelDanger, Source: "ASVS 11.2.1; 13.3.1",
		Asks: "Is what a program signs its sessions with a value that nobody else has?",
		Fix:  "give it a random value, such as that of `openssl rand -hex 32`",
	}
	placeholderRule = stack.Rule{
		ID: "compose/placeholder", Level: stack.LevelStrict, Source: "ASVS 13.2.3",
		Asks: "Is no secret the one of an example?",
		Fix:  "give it a random value",
	}
	developmentRule = stack.Rule{
		ID: "compose/development", Level: stack.LevelStrict, Source: "ASVS 13.4.2",
		Asks: "Does every program run in production?",
		Fix:  "write what the program calls production",
	}
	steadyRule = stack.Rule{
		ID: "compose/steady", Level: stack.LevelDanger, Source: "SPEC S9; ASVS 13.2.6",
		Asks: "Does every container run on, from one look to the next and while the gates ask?",
		Fix:  "see the service's log for why it ended",
	}
	otherReleaseRule = stack.Rule{
		ID: "compose/other-release", Level: stack.LevelDanger, Source: "SPEC D4; SPEC S8",
		Asks: "Does no container of another release run beside this one?",
		Fix:  "`stackctl deploy` ends what a run left that was cut off; what somebody started by hand, stop (docker stop)",
	}
	proxyTrustRule = stack.Rule{
		ID: "compose/proxy-trust", Level: stack.LevelDanger, Source: "ASVS 4.1.3",
		Asks: "Does the application believe the edge alone?",
		Fix:  "name the edge's network",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{
	deployedRule,
	restartRule,
	readOnlyRule,
	privilegedRule,
	kernelProtectionRule,
	noNewPrivilegesRule,
	capabilitiesRule,
	userRule,
	sideBySideRule,
	dependsOnRule,
	imagePinnedRule,
	envExampleRule,
	exampleSecretRule,
	committedSecretRule,
	healthcheckRule,
	namespacesRule,
	devicesRule,
	hooksRule,
	oomRule,
	routerTargetRule,
	routePasswordRule,
	settingsRule,
	inventoryRule,
	namesRule,
	hostBridgeRule,
	engineSocketRule,
	hostFoldersRule,
	keepsDataRule,
	volumeDriverRule,
	volumeUnusedRule,
	secretSourceRule,
	dataNetworkRule,
	foreignNetworkRule,
	openNetworkRule,
	networksRule,
	undeclaredContainerRule,
	runsRule,
	asDeclaredRule,
	declaredMemoryRule,
	secretInEnvironmentRule,
	secretInCommandRule,
	storePasswordRule,
	storeTLSRule,
	storeDurableRule,
	memLimitRule,
	logRotationRule,
	foreignVolumesRule,
	weakSecretRule,
	proxyTrustRule,
	signingKeyRule,
	placeholderRule,
	developmentRule,
	steadyRule,
	otherReleaseRule,
}
