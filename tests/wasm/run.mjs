// Runs the module given by its path: node run.mjs module.wasm [plain.wasm [least]].
// Prints one line per case and level, the module's size, and how fast the transform is; fails if a case does.
// Given the module built without simd128 as well, says how much faster this one is; fails below `least`.
import { readFileSync } from "node:fs";

const [path, plainPath, least] = process.argv.slice(2);
const load = async (bytes) => (await WebAssembly.instantiate(bytes, {})).instance.exports;
const bytes = readFileSync(path);
const wasm = await load(bytes);
const text = (place) => {
  const [at, length] = [Number(place & 0xffffffffn), Number(place >> 32n)];
  return Buffer.from(wasm.memory.buffer, at, length).toString();
};

let failed = false;
const levels = [...Array(wasm.levels()).keys()].map((at) => text(wasm.level_name(at)));
for (let which = 0; wasm.case_name(which) !== 0n; which++) {
  for (const [at, level] of levels.entries()) {
    const verdict = ["FAIL", "close", "same bits"][wasm.run_case(which, at)];
    failed ||= verdict === "FAIL";
    console.log(`case|${text(wasm.case_name(which))}|${level}|${verdict}|`);
  }
}
console.log(`size|${bytes.length}`);

// In turns, the minimum of each: other programs disturb only upwards.
const time = (module, n, at) => {
  const times = Math.ceil(4_000_000 / n);
  const start = process.hrtime.bigint();
  if (module.repeat_fwht(n, at, times) !== 1) throw new Error("the transform refused its length");
  return Number(process.hrtime.bigint() - start) / times;
};
// Where the compiler may use simd128 it vectorises the scalar level too: only a module without it is scalar code.
const runs = levels.map((level, at) => [level === "scalar" && levels.length > 1 ? "scalar, vectorised by the compiler" : level, wasm, at]);
if (plainPath) runs.push(["scalar, in a module without simd128", await load(readFileSync(plainPath)), 0]);
for (const n of [256, 4096]) {
  const best = runs.map(() => Infinity);
  for (let turn = 0; turn < 30; turn++) {
    runs.forEach(([, module, at], run) => (best[run] = Math.min(best[run], time(module, n, at))));
  }
  runs.forEach(([name], run) => console.log(`time|fwht ${n}|${name}|${best[run].toFixed(0)} ns`));
  runs.slice(1).forEach(([name], run) => console.log(`faster|fwht ${n}|${name}|${(best[run + 1] / best[0]).toFixed(2)}`));
  const faster = best.at(-1) / best[0];
  if (least && n === 4096 && faster < Number(least)) {
    console.error(`this module is ${faster.toFixed(2)} times as fast as the other: at least ${least} is asked for`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
