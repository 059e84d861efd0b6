import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** Fails a build whose first load, the scripts that index.html names, is more than limit bytes with gzip. */
export function budget(limit: number): Plugin {
  let out = "dist";
  return {
    name: "budget",
    apply: "build",
    configResolved(config) {
      out = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      const page = await readFile(join(out, "index.html"), "utf8");
      const scripts = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map((match) => match[1] ?? "");
      if (scripts.length === 0) throw new Error("index.html names no script: the budget of the first load cannot be judged");
      let bytes = 0;
      for (const script of scripts) bytes += gzipSync(await readFile(join(out, script)), { level: 9 }).length;
      if (bytes > limit) throw new Error(`the first load has ${bytes} bytes of scripts with gzip, more than ${limit}: load something later, or drop it`);
    },
  };
}
