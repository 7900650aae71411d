#!/usr/bin/env -S node --no-warnings
// Runs a wasm program that wants WASI: cargo's runner for the library's own tests.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";
import { argv, env, exit } from "node:process";

const wasi = new WASI({ version: "preview1", args: argv.slice(2), env, preopens: { ".": "." }, returnOnExit: true });
const module = await WebAssembly.compile(readFileSync(argv[2]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
exit(wasi.start(instance));
