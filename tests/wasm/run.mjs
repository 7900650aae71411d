// Runs the module given by its path: node run.mjs module.wasm [least speed-up of simd128 over scalar].
// Prints one line per case and level, the module's size, and how fast the transform is; fails if a case does.
import { readFileSync } from "node:fs";

const [path, least] = process.argv.slice(2);
const bytes = readFileSync(path);
const { instance } = await WebAssembly.instantiate(bytes, {});
const wasm = instance.exports;
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
const time = (n, at) => {
  const times = Math.ceil(4_000_000 / n);
  const start = process.hrtime.bigint();
  if (wasm.repeat_fwht(n, at, times) !== 1) throw new Error("the transform refused its length");
  return Number(process.hrtime.bigint() - start) / times;
};
for (const n of [256, 4096]) {
  const best = levels.map(() => Infinity);
  for (let turn = 0; turn < 30; turn++) levels.forEach((_, at) => (best[at] = Math.min(best[at], time(n, at))));
  levels.forEach((level, at) => console.log(`time|fwht ${n}|${level}|${best[at].toFixed(0)} ns`));
  if (levels.length === 2) {
    const faster = best[1] / best[0];
    console.log(`faster|fwht ${n}|${faster.toFixed(2)}`);
    if (least && n === 4096 && faster < Number(least)) {
      console.error(`simd128 is ${faster.toFixed(2)} times as fast as scalar code: at least ${least} is asked for`);
      failed = true;
    }
  }
}
process.exit(failed ? 1 : 0);
