import { createHash } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { throwIfAborted } from "../abort";
import type { NativeHeadShape, NativeHeadTrainer } from "../native/binding";
import { call, callAsync } from "../native/call";
import { loadAddon } from "../native/load";
import { shuffle, uniform } from "../random";
import { readIndex } from "../trace/folder";
import type { TraceHeader } from "../trace/format";
import { type Checkpoint, checkpointFile, readCheckpoint, writeCheckpoint } from "./checkpoint";
import {
  byOutput,
  calibrate,
  type Evaluated,
  judgedBy,
  metricsByOutput,
  scored,
  survivalReport,
} from "./evaluation";
import { gather, type HeadExamples, loadExamples, readHeaders } from "./examples";
import {
  calibrationMetadata,
  type Metadata,
  pairMetadata,
  settingsOf,
  survivalMetadata,
  trainingMetadata,
} from "./head-metadata";
import { parametersOf, shapeOf } from "./head-shape";
import { Scored } from "./metrics";
import { type ResolvedTraining, resolveTraining, type TrainHeadOptions } from "./options";
import { type HeadOutput, labelsOf, reachedBy } from "./outputs";
import { momentsOf, type Predictor, predictorsOf } from "./predictors";
import type {
  ByOutput,
  EpochReport,
  NamedMetrics,
  OutputReport,
  SurvivalReport,
  TrainHeadResult,
  TrainingPlan,
} from "./report";
import { type Part, splitPrompts } from "./split";
import { makeTokenTable, noTokens, type TokenTable, withTokens } from "./token-table";

const warmUp = 0.03;

/** Multiplications of a native call: some tenths of a second, after which a signal is heard. */
const callWork = 1e10;

/**
 * Trains an acceptance prediction head on traces of a pair, calibrates it on held-out prompts, and writes it
 * to a file. After each epoch a checkpoint is written beside the file; the same call goes on from there, and
 * ends with the same bytes as if it had never been stopped.
 *
 * Rejects with a SpecdecError: ERR_FILE_NOT_FOUND and ERR_TRACE_BROKEN (a trace), ERR_TRACE_MISMATCH (traces of
 * different pairs), ERR_HEAD_MISMATCH (a checkpoint of another training), ERR_INVALID_ARGUMENT, ERR_WRITE,
 * ERR_ABORTED.
 */
export async function trainHead(given: TrainHeadOptions): Promise<TrainHeadResult> {
  const options = resolveTraining(given);
  const { kind, seed, traces } = options;
  const headers = await readHeaders(traces, kind);
  const examples = await loadExamples(traces, { kind, seed, signal: given.signal });
  const table = await tokensFor(options, headers);
  return trainOn(withTokens(examples, table), headers, given, table);
}

function tokensFor(
  { tokenColumns, draft, seed }: ResolvedTraining,
  [header]: readonly TraceHeader[],
): Promise<TokenTable> | TokenTable {
  if (tokenColumns === 0 || header === undefined) return noTokens;
  return makeTokenTable(draft ?? header.models.draft, header, tokenColumns, seed);
}

/** The same with examples in memory, which may have other columns than traces give. @internal */
export function trainOn(
  examples: HeadExamples,
  headers: readonly TraceHeader[],
  given: TrainHeadOptions,
  table: TokenTable,
): Promise<TrainHeadResult> {
  return new Training(resolveTraining(given), given, headers, examples, table).run();
}

class Training {
  readonly #parts: Record<Part, Int32Array>;
  readonly #prompts: Record<Part, number> = { train: 0, stop: 0, test: 0 };
  readonly #shape: NativeHeadShape;
  readonly #predictors: ByOutput<Predictor[]>;
  #trainer: NativeHeadTrainer;

  constructor(
    private readonly options: ResolvedTraining,
    private readonly given: TrainHeadOptions,
    private readonly headers: readonly TraceHeader[],
    private readonly examples: HeadExamples,
    private readonly table: TokenTable,
  ) {
    const partOf = splitPrompts(examples.prompt, options.seed);
    for (const part of partOf.values()) this.#prompts[part] += 1;
    const indicesOf = (part: Part): Int32Array =>
      Int32Array.from(examples.prompt.keys()).filter(
        (i) => partOf.get(examples.prompt[i] ?? -1) === part,
      );
    this.#parts = { train: indicesOf("train"), stop: indicesOf("stop"), test: indicesOf("test") };
    this.#shape = shapeOf(options, examples);
    this.#predictors = byOutput(options.kind, (output) =>
      predictorsOf(output, examples, reachedBy(output, examples, this.#parts.train)),
    );
    this.#trainer = this.#makeTrainer();
  }

  async run(): Promise<TrainHeadResult> {
    const { out, epochs: most, patience } = this.options;
    const file = checkpointFile(out);
    const identity = await this.#identity();
    let checkpoint = await readCheckpoint(file, identity);
    const plan = this.#plan(checkpoint?.epochs.length ?? 0);
    this.given.onStart?.(plan);
    for (const epoch of checkpoint?.epochs ?? []) this.given.onEpoch?.(epoch);
    if (checkpoint !== undefined) this.#trainer = this.#makeTrainer(checkpoint.current);

    const ended = ({ epochs, best }: Checkpoint): boolean =>
      epochs.length >= most || epochs.length - best >= patience;
    while (checkpoint === undefined || !ended(checkpoint)) {
      const epoch: EpochReport = await this.#epoch((checkpoint?.epochs.length ?? 0) + 1);
      checkpoint = this.#after(epoch, checkpoint, identity);
      await writeCheckpoint(file, checkpoint);
      this.given.onEpoch?.(epoch);
    }
    this.#trainer = this.#makeTrainer(checkpoint.kept);
    const result = await this.#finish(plan, checkpoint);
    await rm(file, { force: true });
    return result;
  }

  #after(
    epoch: EpochReport,
    before: Checkpoint | undefined,
    identity: Record<string, unknown>,
  ): Checkpoint {
    const current = call(() => this.#trainer.state());
    const earlier = before?.epochs ?? [];
    const isBest = before === undefined || earlier.every(({ loss }) => epoch.loss < loss);
    return {
      identity,
      epochs: [...earlier, epoch],
      best: isBest ? epoch.epoch : before.best,
      current,
      kept: isBest ? current : before.kept,
    };
  }

  #makeTrainer(weights?: Uint8Array): NativeHeadTrainer {
    const { kind, seed, threads, rejectionWeight, weightDecay, stateDropout } = this.options;
    const { mean, deviation } =
      kind === "paper"
        ? { mean: new Float32Array(), deviation: new Float32Array() }
        : momentsOf(this.examples, this.#parts.train);
    const { HeadTrainer } = loadAddon();
    const shape = this.#shape;
    return call(
      () =>
        new HeadTrainer({
          ...{ shape, seed, threads, rejectionWeight, weightDecay, stateDropout, mean, deviation },
          ...(weights && { weights }),
        }),
    );
  }

  /** What the bytes of the head depend on. */
  async #identity(): Promise<Record<string, unknown>> {
    const hash = createHash("sha256");
    for (const trace of this.options.traces) hash.update(JSON.stringify(await readIndex(trace)));
    return { ...settingsOf(this.options), traces: hash.digest("hex") };
  }

  #plan(done: number): TrainingPlan {
    const { train, stop, test } = this.#parts;
    return {
      examples: { train: train.length, stop: stop.length, test: test.length },
      prompts: this.#prompts,
      parameters: parametersOf(this.#shape),
      done,
      predictors: byOutput(this.options.kind, (output) => this.#withoutHead(output, stop)),
    };
  }

  #withoutHead(output: HeadOutput, part: Int32Array): NamedMetrics[] {
    const indices = reachedBy(output, this.examples, part);
    const labels = labelsOf(output, this.examples, indices);
    return (this.#predictors[output] ?? []).map((predictor) => ({
      name: predictor.name,
      ...new Scored(predictor.predict(indices), labels).metrics(),
    }));
  }

  async #epoch(epoch: number): Promise<EpochReport> {
    const trainLoss = await this.#learn(epoch);
    const stop = await this.#evaluate("stop");
    const outputs = metricsByOutput(stop, this.options.rejectionWeight);
    const losses = Object.values(outputs).map(({ loss }) => loss);
    const loss = losses.reduce((sum, each) => sum + each, 0) / losses.length;
    return { epoch, trainLoss, loss, outputs };
  }

  /** One pass over the examples, in an order that is drawn; gives their mean loss. */
  async #learn(epoch: number): Promise<number> {
    const { kind, batchSize, seed, epochs, learningRate } = this.options;
    const { labels } = this.examples;
    // A head of kind "paper" learns nothing from the first step of a draft, where there is no token yet.
    const order =
      kind === "paper"
        ? this.#parts.train.filter((i) => !Number.isNaN(labels[2 * i]))
        : this.#parts.train.slice();
    shuffle(order, uniform(seed + epoch * 0x9e3779b9));
    const batches = Math.ceil(order.length / batchSize);
    const rates = Float32Array.from({ length: batches }, (_, i) =>
      rateAt((epoch - 1) * batches + i, epochs * batches, learningRate),
    );
    const atOnce = Math.max(1, Math.floor(this.#atOnce / (3 * batchSize)));
    let sum = 0;
    for (let from = 0; from < batches; from += atOnce) {
      throwIfAborted(this.given.signal);
      const some = order.subarray(from * batchSize, (from + atOnce) * batchSize);
      const chunk = gather(this.examples, some, kind);
      const loss = await callAsync(() =>
        this.#trainer.train(chunk, chunk.stateOf, batchSize, rates.slice(from, from + atOnce)),
      );
      sum += loss * some.length;
      this.given.onProgress?.({ epoch, fraction: Math.min(1, (from + atOnce) / batches) });
    }
    return sum / order.length;
  }

  async #evaluate(part: Part): Promise<Evaluated> {
    const { examples, options } = this;
    const indices = this.#parts[part];
    const logits: Float32Array[] = [];
    for (let from = 0; from < indices.length; from += this.#atOnce) {
      throwIfAborted(this.given.signal);
      const chunk = gather(examples, indices.subarray(from, from + this.#atOnce), options.kind);
      logits.push(await callAsync(() => this.#trainer.scores(chunk)));
    }
    const all = new Float32Array(logits.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const some of logits) {
      all.set(some, at);
      at += some.length;
    }
    return { kind: options.kind, examples, indices, logits: all };
  }

  /** Examples whose scores are a native call's work. */
  get #atOnce(): number {
    return Math.ceil(callWork / parametersOf(this.#shape));
  }

  async #finish(plan: TrainingPlan, { epochs, best }: Checkpoint): Promise<TrainHeadResult> {
    const { kind, out, type } = this.options;
    const [stop, test] = [await this.#evaluate("stop"), await this.#evaluate("test")];
    const calibrations = this.options.calibrate ? calibrate(stop) : {};
    const outputs = byOutput(kind, (output): OutputReport => {
      const judged = judgedBy(output, test);
      const withCalibration = scored(judged, calibrations[output]);
      return {
        head: withCalibration.metrics(),
        uncalibrated: scored(judged).metrics(),
        reliability: withCalibration.reliability(),
        predictors: this.#withoutHead(output, test.indices),
      };
    });
    const metadata: Metadata = {};
    const survival = (verifier: "rejection" | "block"): SurvivalReport => {
      const { calibration, report } = survivalReport(verifier, stop, test, calibrations);
      Object.assign(metadata, survivalMetadata(verifier, calibration));
      return report;
    };
    const survivals =
      kind === "full"
        ? { survival: { rejection: survival("rejection"), block: survival("block") } }
        : {};
    const [header] = this.headers;
    Object.assign(
      metadata,
      header && pairMetadata(header),
      trainingMetadata(this.options, this.headers, outputs),
      this.options.calibrate && calibrationMetadata(calibrations),
    );
    await callAsync(() => this.#trainer.save(out, metadata, type, this.table.numbers));
    const { size } = await stat(out);
    return { out, sizeBytes: size, plan, epochs, best, outputs, ...survivals };
  }
}

/** The learning rate of a step: up in a line, then down along half a cosine. */
function rateAt(step: number, steps: number, highest: number): number {
  const rising = Math.max(1, Math.round(warmUp * steps));
  if (step < rising) return (highest * (step + 1)) / rising;
  const share = (step - rising) / Math.max(1, steps - rising);
  return (highest * (1 + Math.cos(Math.PI * share))) / 2;
}
