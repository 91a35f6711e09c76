// pack.mjs BINDINGS DIST: what xtask-bindgen made, with our entry, as the two files wrangler uploads.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT = 1 << 20;
const [from, dist] = process.argv.slice(2).map((folder) => path.resolve(folder));
const entry = path.join(path.dirname(fileURLToPath(import.meta.url)), "entry.mjs");

const bindings = path.join(from, "index.js");
const text = fs.readFileSync(bindings, "utf8");
// The runtime gives the compiled module to a plain import; the source phase is for engines that compile it themselves.
fs.writeFileSync(bindings, text.replace("import source wasmModule from", "import wasmModule from"));
fs.copyFileSync(entry, path.join(from, "entry.mjs"));
fs.rmSync(dist, { recursive: true, force: true });
fs.mkdirSync(dist, { recursive: true });
await build({
  entryPoints: [path.join(from, "entry.mjs")],
  outfile: path.join(dist, "index.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  external: ["./index_bg.wasm", "cloudflare:*"],
  logLevel: "warning",
  logOverride: { "duplicate-object-key": "silent" }, // wasm-bindgen names a snippet once for each use
});
fs.copyFileSync(path.join(from, "index_bg.wasm"), path.join(dist, "index_bg.wasm"));

let compressed = 0;
for (const name of ["index.js", "index_bg.wasm"]) {
  const bytes = fs.readFileSync(path.join(dist, name));
  const small = gzipSync(bytes, { level: 9 }).length;
  compressed += small;
  console.log(`${name}: ${kib(bytes.length)} KiB, ${kib(small)} KiB compressed`);
}
console.log(`Worker: ${kib(compressed)} KiB compressed, of ${LIMIT >> 10} KiB at most`);
if (compressed > LIMIT) process.exit(1);

function kib(bytes) {
  return (bytes / 1024).toFixed(1);
}
