// Writes src/api/schema.gen.ts from the API contract. With --check it writes
// nothing and fails when the committed file is not what the contract makes.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const contract = new URL("../../pkg/contract/openapi.yaml", import.meta.url);
const target = new URL("../src/api/schema.gen.ts", import.meta.url);
const header = "// Generated from pkg/contract/openapi.yaml by \"npm run types\". Do not edit.\n\n";

const wanted = header + astToString(await openapiTS(contract));

if (process.argv.includes("--check")) {
  const present = await readFile(target, "utf8").catch(() => "");
  if (present !== wanted) {
    console.error("src/api/schema.gen.ts is not what pkg/contract/openapi.yaml makes; run \"npm run types\" and commit the result");
    process.exit(1);
  }
  console.log("types are fresh");
} else {
  await writeFile(target, wanted);
}
