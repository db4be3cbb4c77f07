# arch.bash: which of llama.cpp's fixtures mai-run computes.
# shellcheck disable=SC2034 # used by who loads this

# These keep a state, not keys and values.
recurrent="mamba rwkv7"
computed="llama-gqa llama-mha-tied llama-rope-freqs llama-rope-linear llama-rope-yarn types-f32 types-f16 types-bf16 types-q8_0 types-q4_0 types-q4_1 types-q5_0 types-q5_1 types-iq4_nl types-q2_k types-q3_k types-q4_k types-q4_k_m-mix types-q5_k types-q6_k types-iq4_xs types-mxfp4 \
qwen2 qwen3 llama-moe qwen3moe olmo2 gemma gemma2 gemma3 gpt2 gptneox phi2 phi3-longrope-short phi3-longrope-long falcon stablelm gpt-oss-mxfp4 deepseek2-mla $recurrent"
# These give embeddings.
encoders="bert-cls nomic-bert-mean"
