export { createEngine, devices, Engine, type Prompt } from "./engine";
export { type ErrorCode, SpecdecError } from "./errors";
export type { FinishReason, GenerationChunk, GenerationResult } from "./generation";
export { deepen, quantize, type QuantizationType } from "./model-file";
export type { Device, StopReason } from "./native/binding";
export type {
  CacheType,
  EngineOptions,
  GenerateOptions,
  ModelOptions,
  SamplingOptions,
  TokenizeOptions,
  VerifierName,
} from "./options";
export type { DraftedToken, Estimate, Gate, Policy, RoundInfo, StopRule } from "./policy/policy";
export type { GenerationStats } from "./stats";
export type { OutputToken, TokenOrigin } from "./text-assembler";
