export { ChatSession, type ChatResult } from "./chat/chat-session";
export type { ChatInput, ChatMessage } from "./chat/messages";
export type { AnswerOptions, ChatOptions, ChatSessionOptions } from "./chat/options";
export { calibrate, type CalibrationResult } from "./cost/calibrate";
export type { Calibration } from "./cost/calibration-cache";
export type { LengthCosts, Timing } from "./cost/cost-table";
export type { CalibrateOptions } from "./cost/options";
export type { Identity, ModelIdentity } from "./cost/machine";
export type { Prices } from "./cost/prices";
export { createEngine } from "./create-engine";
export type { DownloadProgress } from "./download/download";
export type { ResolveModelOptions } from "./download/options";
export { resolveModel } from "./download/resolve-model";
export { Engine, type Prompt } from "./engine";
export type { CacheType, EngineOptions, ModelOptions } from "./engine-options";
export { type ErrorCode, SpecdecError } from "./errors";
export type { FinishReason, GenerationChunk, GenerationResult } from "./generation";
export { AcceptanceHead, type HeadInfo } from "./head/acceptance-head";
export type { HeadKind } from "./head/examples";
export { importHead, type ImportHeadOptions, type ImportHeadResult } from "./head/import-head";
export type { HeadMetrics, ReliabilityBin } from "./head/metrics";
export type { HeadType, TrainHeadOptions } from "./head/options";
export type { HeadOutput } from "./head/outputs";
export type {
  ByOutput,
  EpochReport,
  NamedMetrics,
  OutputReport,
  SurvivalReport,
  TrainHeadResult,
  TrainingPlan,
  TrainingProgress,
} from "./head/report";
export { trainHead } from "./head/train-head";
export { deepen, quantize, type QuantizationType } from "./model-file";
export type { Device, StopReason } from "./native/binding";
export type { BackendStatus } from "./native/gpu-backends";
export { devices, gpuBackends } from "./native/load";
export type { GenerateOptions, SamplingOptions, TokenizeOptions, VerifierName } from "./options";
export type {
  DraftedToken,
  Estimate,
  Expectation,
  Gate,
  HeadLogits,
  Policy,
  RoundContext,
  RoundInfo,
  StopRule,
  SurvivalGate,
} from "./policy/policy";
export type { Figure } from "./replay/bootstrap";
export { replay, type ReplayOptions, type ReplayResult, type SweepReport } from "./replay/replay";
export type { RuleReport } from "./replay/report";
export type { GenerationStats } from "./stats";
export type { OutputToken, TokenOrigin } from "./text-assembler";
export type { TraceArray, TraceHeader, TraceMode, TraceRecord } from "./trace/format";
export type { TraceOptions, TracePlan, TraceProgress } from "./trace/options";
export { readTrace, readTraceHeader, type ReadTraceOptions } from "./trace/reader";
export { trace, type TraceResult } from "./trace/trace";
