// What llama.cpp says of prompts: node logits.mjs PROMPTS MODEL... PROMPTS: a file of lines of decimal ids. Of each model a file MODEL.peer gets, for each
// prompt, the position of its last id, counted over all prompts, and tokens with their probabilities there, as lines of JSON.
import { readFileSync, writeFileSync } from "node:fs";
import { getLlama } from "node-llama-cpp";

const [prompts, ...paths] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, logLevel: "error", maxThreads: 1 });
for (const path of paths) {
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize: model.trainContextSize, threads: 1, experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32", flashAttention: false });
  const sequence = context.getSequence();
  const lines = [];
  let before = 0;
  for (const line of readFileSync(prompts, "utf8").trim().split("\n")) {
    const tokens = line.split(" ").map(Number);
    await sequence.clearHistory();
    const asked = [tokens.pop(), { generateNext: { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } } }];
    const out = await sequence.controlledEvaluate([...tokens, asked]);
    before += tokens.length + 1;
    lines.push(JSON.stringify({ position: before - 1, p: [...out[tokens.length].next.probabilities] }) + "\n");
  }
  writeFileSync(path + ".peer", lines.join(""));
  await model.dispose();
}
process.exit(0);
