import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { budget } from "./build/budget.ts";
import { precompress } from "./build/precompress.ts";
import { together } from "./build/together.ts";

export default defineConfig({
  plugins: [react(), precompress(), budget(120_000)],
  build: {
    target: "es2022",
    emptyOutDir: false, // precompress() empties it and keeps the placeholder that Go embeds.
    assetsInlineLimit: 0, // The content security policy serves every file from this origin.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: together(`${import.meta.dirname}/src/main.tsx`) }] } } },
  },
  server: {
    proxy: { "/api": { target: process.env.API_URL ?? "http://127.0.0.1:8000", rewrite: (path) => path.replace(/^\/api/, "") } },
  },
});
