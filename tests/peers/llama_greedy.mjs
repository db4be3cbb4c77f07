// What llama.cpp says: node llama_greedy.mjs MODEL N ADAPTER|- PROMPT. Prints the ids of the prompt and of N greedy tokens, a line
// each, and their text as JSON. Needs node-llama-cpp, by npm, in a folder node_modules from here up, or in that of NODE_MODULES.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const folder = process.env.NODE_MODULES;
const { getLlama } = await import(folder ? pathToFileURL(createRequire(folder + "/x.js").resolve("node-llama-cpp")) : "node-llama-cpp");
const [path, n, adapter, prompt] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, logLevel: "error", maxThreads: 1 });
const model = await llama.loadModel({ modelPath: path });
const lora = adapter === "-" ? undefined : { adapters: [{ filePath: adapter, scale: 1 }] };
const context = await model.createContext({ contextSize: Math.min(model.trainContextSize, 512), threads: 1, lora });
const tokens = [model.tokens.bos, ...model.tokenize(prompt)];
const out = [];
for await (const t of context.getSequence().evaluate(tokens, { temperature: 0, yieldEogToken: true })) if (out.push(t) >= Number(n)) break;
console.log(tokens.join(" "));
console.log(out.join(" "));
console.log(JSON.stringify(model.detokenize(out, false, tokens)));
process.exit(0);
