package main

// openapi replaces one place of the contract.
func openapi(from, to string) func(p *project) {
	return func(p *project) { p.edit(openapiFile, from, to) }
}

// contractFiles break the committed contract itself.
var contractFiles = []mutant{
	{name: "the contract is no OpenAPI", gates: "G2 config", files: func(p *project) { p.write(openapiFile, "<!doctype html><title>API</title>\n") }},
	{name: "the contract is empty", gates: "G2 config", files: func(p *project) { p.write(openapiFile, "") }},
	{name: "the contract has no paths", gates: "G2", files: func(p *project) {
		p.write(openapiFile, "openapi: 3.0.3\ninfo: {title: t, version: \"1\"}\npaths: {}\n")
	}},
	{name: "the contract refers to another host", gates: "G2", files: openapi("$ref: \"#/components/schemas/Problem\"", "$ref: \"https://evil.example/problem.yaml\"")},
	{name: "the contract refers to a file outside", gates: "G2", files: openapi("$ref: \"#/components/schemas/Problem\"", "$ref: \"../../../etc/passwd\"")},
	{name: "the contract refers to what is not there", gates: "G2", files: openapi("$ref: \"#/components/schemas/Problem\"", "$ref: \"#/components/schemas/Probelm\"")},
	{name: "the contract names a security scheme that nobody defines", gates: "G2", files: func(p *project) { p.append(openapiFile, "\nsecurity: [{nobody: []}]\n") }},
}
