import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const compressible = new Set([".html", ".js", ".css", ".svg", ".json", ".txt"]);
const worthIt = 512;

/**
 * Empties the output folder before a build, but for the placeholder that Go
 * embeds, and writes a .br and a .gz beside each text file after it. The same
 * sources give the same bytes.
 */
export function precompress(): Plugin {
  let out = "dist";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      out = join(config.root, config.build.outDir);
    },
    async buildStart() {
      for (const name of await readdir(out).catch(() => [])) {
        if (name !== ".keep") await rm(join(out, name), { recursive: true });
      }
    },
    async closeBundle() {
      const files = await readdir(out, { recursive: true });
      for (const name of files.sort()) {
        if (compressible.has(extname(name))) await compress(join(out, name));
      }
    },
  };
}

async function compress(file: string): Promise<void> {
  const plain = await readFile(file);
  if (plain.length < worthIt) return;
  const gzip = gzipSync(plain, { level: 9 });
  gzip[9] = 255; // RFC 1952 OS byte: zlib writes the build machine's, which is no part of the content.
  const brotli = brotliCompressSync(plain, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
  });
  if (gzip.length < plain.length) await writeFile(`${file}.gz`, gzip);
  if (brotli.length < plain.length) await writeFile(`${file}.br`, brotli);
}
