package acme

import "stackctl/pkg/stackctl/stack"

// The rules of this family, in the order of the text that they are told in.
var (
	readableRule = stack.Rule{
		ID: "acme/readable", Level: stack.LevelDanger, Source: "SPEC §4",
		Asks: "Can Traefik read every file of the edge?",
		Fix:  "correct the file; Traefik would go on without it",
	}
	foreignResolverRule = stack.Rule{
		ID: "acme/foreign-resolver", Level: stack.LevelDanger, Source: "SPEC §4",
		Asks: "Is the allowed certificates resolver the only one?",
		Fix:  "remove the resolver, or name it in traefik.resolver",
	}
	targetDirectoryRule = stack.Rule{
		ID: "acme/target-directory", Level: stack.LevelDanger, Source: "SPEC §4; RFC 8555 §7.1.1",
		Asks: "Is the target's ACME directory one that may be used?",
		Fix:  "name Let's Encrypt's staging directory, or one with roots of its own; acme.policy public allows one that browsers trust",
	}
	directoryRule = stack.Rule{
		ID: "acme/directory", Level: stack.LevelDanger, Source: "SPEC §4; RFC 8555 §7.1.1",
		Asks: "Does every resolver use the target's ACME directory?",
		Fix:  "name the target's directory as caServer",
	}
	directoryTrustRule = stack.Rule{
		ID: "acme/directory-trust", Level: stack.LevelDanger, Source: "RFC 8555 §6.1",
		Asks: "Is the directory's own certificate checked against the expected roots?",
		Fix:  "remove the setting",
	}
	accountKeyRule = stack.Rule{
		ID: "acme/account-key", Level: stack.LevelDanger, Source: "ASVS 13.3.1",
		Asks: "Are keys of ACME accounts kept out of the files?",
		Fix:  "let Traefik make the key and keep it in its storage",
	}
	certificateDurationRule = stack.Rule{
		ID: "acme/certificate-duration", Level: stack.LevelStrict, Source: "SPEC §4",
		Asks: "Is the lifetime of certificates told to Traefik as it is?",
		Fix:  "remove certificatesDuration",
	}
	servedRule = stack.Rule{
		ID: "acme/served", Level: stack.LevelDanger, Source: "ASVS 12.2.1; RFC 9525",
		Asks: "Does every public host serve a valid certificate of its own name?",
		Fix:  "see the edge's log for the challenge of this host",
	}
	weakKeyRule = stack.Rule{
		ID: "acme/weak-key", Level: stack.LevelDanger, Source: "ASVS 11.2.3",
		Asks: "Are the keys of served certificates strong enough?",
		Fix:  "let the resolver make a key of the default type",
	}
	issuerRule = stack.Rule{
		ID: "acme/issuer", Level: stack.LevelDanger, Source: "SPEC §4",
		Asks: "Do the served certificates come from the target's authority?",
		Fix:  "remove what is stored and let the resolver ask again",
	}
	tlsVersionRule = stack.Rule{
		ID: "acme/tls-version", Level: stack.LevelDanger, Source: "ASVS 12.1.1; RFC 8996",
		Asks: "Are only current TLS versions accepted?",
		Fix:  "write minVersion: VersionTLS12",
	}
	cipherSuitesRule = stack.Rule{
		ID: "acme/cipher-suites", Level: stack.LevelDanger, Source: "ASVS 12.1.2",
		Asks: "Are only cipher suites with forward secrecy accepted?",
		Fix:  "remove the suites, the defaults are good",
	}
	tlsOptionsRule = stack.Rule{
		ID: "acme/tls-options", Level: stack.LevelDanger, Source: "ASVS 12.1.1",
		Asks: "Are the TLS options that a router names defined?",
		Fix:  "define them, or remove the name",
	}
	explicitFileRule = stack.Rule{
		ID: "acme/explicit-file", Level: stack.LevelStrict, Source: "SPEC §4",
		Asks: "Is Traefik told which static file it reads?",
		Fix:  "write command: [\"--configFile=…\"] with the place where the judged file is mounted",
	}
	startRule = stack.Rule{
		ID: "acme/start", Level: stack.LevelDanger, Source: "SPEC §4",
		Asks: "Is the edge started as Traefik, with the files that are judged?",
		Fix:  "start the image's own program with the judged files",
	}
	challengeRule = stack.Rule{
		ID: "acme/challenge", Level: stack.LevelDanger, Source: "RFC 8555 §8",
		Asks: "Can the resolver get a certificate?",
		Fix:  "configure one challenge on the port that the authority asks on",
	}
	storageRule = stack.Rule{
		ID: "acme/storage", Level: stack.LevelDanger, Source: "SPEC §4",
		Asks: "Are certificates kept on a volume?",
		Fix:  "mount a named volume where storage points",
	}
	serviceLabelsRule = stack.Rule{
		ID: "acme/service-labels", Level: stack.LevelDanger, Source: "SPEC §4",
		Asks: "Do labels and variables leave the certificates to the edge's files?",
		Fix:  "remove the label",
	}
	routerResolverRule = stack.Rule{
		ID: "acme/router-resolver", Level: stack.LevelDanger, Source: "SPEC §4; ASVS 12.2.1",
		Asks: "Does every router on https get its certificate from the allowed resolver?",
		Fix:  "name the allowed resolver, or leave it to the entry point",
	}
	storedRule = stack.Rule{
		ID: "acme/stored", Level: stack.LevelDanger, Source: "SPEC §4",
		Asks: "Does the store hold certificates of the target's authority only?",
		Fix:  "remove the store on the server and deploy again",
	}
	fileCertificateRule = stack.Rule{
		ID: "acme/file-certificate", Level: stack.LevelDanger, Source: "SPEC §4",
		Asks: "Do all certificates come from the resolver?",
		Fix:  "remove the tls section",
	}
	runningSettingsRule = stack.Rule{
		ID: "acme/running-settings", Level: stack.LevelDanger, Source: "SPEC §4",
		Asks: "Does the edge run with the release's static settings?",
		Fix:  "deploy again; then find out who works on the host by hand",
	}
)

// Rules are what the findings of this family come from.
var Rules = []stack.Rule{
	readableRule,
	foreignResolverRule,
	targetDirectoryRule,
	directoryRule,
	directoryTrustRule,
	accountKeyRule,
	certificateDurationRule,
	servedRule,
	weakKeyRule,
	issuerRule,
	tlsVersionRule,
	cipherSuitesRule,
	tlsOptionsRule,
	explicitFileRule,
	startRule,
	challengeRule,
	storageRule,
	serviceLabelsRule,
	routerResolverRule,
	storedRule,
	fileCertificateRule,
	runningSettingsRule,
}
