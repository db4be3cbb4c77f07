// What llama.cpp makes of texts with an encoder: node embed.mjs PROMPTS MODEL. PROMPTS: a file of lines of decimal ids. On stdout, as arch.py
// reads it: each prompt and its embedding.
import { readFileSync } from "node:fs";
import { getLlama } from "node-llama-cpp";

const [prompts, path] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, logLevel: "error", maxThreads: 1 });
const model = await llama.loadModel({ modelPath: path, defaultContextFlashAttention: false });
const size = model.trainContextSize;
const context = await model.createEmbeddingContext({ contextSize: size, batchSize: size, threads: 1 });
const made = [];
for (const line of readFileSync(prompts, "utf8").trim().split("\n")) {
  const tokens = line.split(" ").map(Number);
  const { vector } = await context.getEmbeddingFor(tokens);
  made.push({ tokens, other_paths: {}, embedding_f32_base64: Buffer.from(Float32Array.from(vector).buffer).toString("base64") });
}
console.log(JSON.stringify({ model: path, prompts: made }));
process.exit(0);
