// Vocabularies as headers tell of them, compared by the rules of native/engine/vocabulary.cpp.

import type { GgufValue } from "./gguf-header.mjs";

export interface Vocabulary {
  /** llama.cpp's kind of tokenizer. */
  type: string;
  tokens: readonly string[];
  addsBos: boolean;
  bos: number;
}

/** Tokens of padding that two sizes of one vocabulary may differ by. */
const maxPadding = 128;

// llama-vocab.cpp: what a header stands for, and what holds when it says nothing.
const types: Record<string, { type: string; bos: number; addsBos?: boolean }> = {
  llama: { type: "SentencePiece BPE", bos: 1, addsBos: true },
  gpt2: { type: "byte-level BPE", bos: 11 },
  hybriddna: { type: "byte-level BPE", bos: 11 },
  whitespace: { type: "byte-level BPE", bos: 11 },
  gemma4: { type: "byte-level BPE", bos: -1, addsBos: true },
  bert: { type: "WordPiece", bos: 101, addsBos: true },
  t5: { type: "Unigram", bos: -1 },
  rwkv: { type: "RWKV", bos: -1 },
  plamo2: { type: "PLaMo 2", bos: 1 },
};

const bosByDefault =
  /^(llama3|llama-v3|llama-bpe|falcon3|falcon-h1|pixtral|midm-2\.0|lfm2|jina-v5-nano)$/;

/** The vocabulary that a header tells of. */
export function vocabularyOf(values: ReadonlyMap<string, GgufValue>): Vocabulary {
  const get = (name: string): GgufValue | undefined => values.get(`tokenizer.ggml.${name}`);
  const model = String(get("model") ?? "none");
  const { type, bos, addsBos } = types[model] ?? { type: model, bos: -1 };
  const tokens = get("tokens");
  return {
    type,
    tokens: Array.isArray(tokens) ? tokens.map(String) : [],
    addsBos: Boolean(get("add_bos_token") ?? addsBos ?? bosByDefault.test(String(get("pre")))),
    bos: Number(get("bos_token_id") ?? bos),
  };
}

/** Says where two vocabularies differ; empty if they are the same but for padding. */
export function vocabularyDifference(a: Vocabulary, b: Vocabulary): string {
  if (a.type !== b.type) return `one is ${a.type}, the other ${b.type}`;
  if (a.addsBos !== b.addsBos) {
    return "one starts every text with a begin-of-sequence token, the other does not";
  }
  if (a.addsBos && a.bos !== b.bos) {
    return `their begin-of-sequence token differs (${a.bos} and ${b.bos})`;
  }
  if (Math.abs(a.tokens.length - b.tokens.length) > maxPadding) {
    return `one has ${a.tokens.length} tokens, the other ${b.tokens.length}`;
  }
  const common = Math.min(a.tokens.length, b.tokens.length);
  for (let token = 0; token < common; ++token) {
    const [x, y] = [a.tokens[token], b.tokens[token]];
    if (x !== y) {
      return `token ${token} is ${JSON.stringify(x)} in one and ${JSON.stringify(y)} in the other`;
    }
  }
  return "";
}
