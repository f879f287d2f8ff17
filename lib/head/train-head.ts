import { createHash } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import path from "node:path";
import { throwIfAborted } from "../abort";
import type { NativeHeadShape, NativeHeadTrainer } from "../native/binding";
import { call, callAsync } from "../native/call";
import { loadAddon } from "../native/load";
import { shuffle, uniform } from "../random";
import { readIndex } from "../trace/folder";
import type { TraceHeader } from "../trace/format";
import { bucketCount, calibrated, type Calibration, fitCalibration } from "./calibration";
import { type Checkpoint, checkpointFile, readCheckpoint, writeCheckpoint } from "./checkpoint";
import { gather, type HeadExamples, loadExamples, readHeaders } from "./examples";
import { headKeys } from "./head-keys";
import { type HeadMetrics, Scored, sigmoid } from "./metrics";
import { type ResolvedTraining, resolveTraining, type TrainHeadOptions } from "./options";
import { type HeadOutput, labelsOf, outputsOf, positionOf, reachedBy } from "./outputs";
import { momentsOf, type Predictor, predictorsOf, readableColumns } from "./predictors";
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
import {
  calibratedSurvival,
  calibrateSurvival,
  type Survival,
  survivalOf,
  type SurvivalOf,
} from "./survival";

const warmUp = 0.03;

/** Of multiplications and additions in a native call: some tenths of a second, after which a signal is heard. */
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
  const { kind, seed } = options;
  const { signal } = given;
  const headers = await readHeaders(options.traces, kind);
  const examples = await loadExamples(options.traces, { kind, seed, signal });
  return new Training(options, given, headers, examples).run();
}

type Outputs<T> = Map<HeadOutput, T>;

class Training {
  readonly #outputs: readonly HeadOutput[];
  readonly #parts: Record<Part, Int32Array>;
  readonly #prompts: Record<Part, number>;
  readonly #shape: NativeHeadShape;
  readonly #predictors: Outputs<Predictor[]>;
  #trainer: NativeHeadTrainer;

  constructor(
    private readonly options: ResolvedTraining,
    private readonly given: TrainHeadOptions,
    private readonly headers: readonly TraceHeader[],
    private readonly examples: HeadExamples,
  ) {
    const { kind, seed } = options;
    this.#outputs = outputsOf(kind);
    const partOf = splitPrompts(examples.prompt, seed);
    this.#prompts = { train: 0, stop: 0, test: 0 };
    for (const part of partOf.values()) this.#prompts[part] += 1;
    const indicesOf = (part: Part): Int32Array =>
      Int32Array.from({ length: examples.count }, (_, i) => i).filter(
        (i) => partOf.get(examples.prompt[i] ?? -1) === part,
      );
    this.#parts = { train: indicesOf("train"), stop: indicesOf("stop"), test: indicesOf("test") };
    this.#shape = shapeOf(options, examples);
    this.#predictors = new Map(
      this.#outputs.map((output) => [
        output,
        predictorsOf(output, examples, reachedBy(output, examples, this.#parts.train)),
      ]),
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
    const epochs = [...(before?.epochs ?? []), epoch];
    const least = Math.min(...epochs.map(({ loss }) => loss));
    const isBest = before === undefined || epoch.loss === least;
    return {
      identity,
      epochs,
      best: isBest ? epoch.epoch : before.best,
      current,
      kept: isBest ? current : before.kept,
    };
  }

  #makeTrainer(weights?: Uint8Array): NativeHeadTrainer {
    const { seed, threads, rejectionWeight, weightDecay, kind } = this.options;
    const { HeadTrainer } = loadAddon();
    const { mean, deviation } =
      kind === "paper"
        ? { mean: new Float32Array(), deviation: new Float32Array() }
        : momentsOf(this.examples, this.#parts.train);
    const shape = this.#shape;
    return call(
      () =>
        new HeadTrainer({
          ...{ shape, seed, threads, rejectionWeight, weightDecay, mean, deviation },
          ...(weights && { weights }),
        }),
    );
  }

  /** What makes the bytes of the head. */
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
      predictors: this.#byOutput((output) => this.#withoutHead(output, stop)),
    };
  }

  #byOutput<T>(of: (output: HeadOutput) => T): ByOutput<T> {
    return Object.fromEntries(this.#outputs.map((output) => [output, of(output)]));
  }

  #withoutHead(output: HeadOutput, part: Int32Array): NamedMetrics[] {
    const indices = reachedBy(output, this.examples, part);
    const labels = labelsOf(output, this.examples, indices);
    return (this.#predictors.get(output) ?? []).map((predictor) => ({
      name: predictor.name,
      ...new Scored(predictor.predict(indices), labels).metrics(),
    }));
  }

  async #epoch(epoch: number): Promise<EpochReport> {
    const { train } = this.#parts;
    const { kind, batchSize, seed, epochs, learningRate } = this.options;
    // Of kind "paper", the first step of a draft teaches nothing: there is no token yet.
    const order =
      kind === "paper"
        ? train.filter((i) => !Number.isNaN(this.examples.labels[2 * i]))
        : train.slice();
    shuffle(order, uniform(seed + epoch * 0x9e3779b9));
    const batches = Math.ceil(order.length / batchSize);
    const rates = Float32Array.from({ length: batches }, (_, i) =>
      rateAt((epoch - 1) * batches + i, epochs * batches, learningRate),
    );
    const work = 3 * batchSize * parametersOf(this.#shape);
    const atOnce = Math.max(1, Math.floor(callWork / work));
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
    const logits = await this.#logits(this.#parts.stop);
    const outputs = this.#byOutput((output) => {
      const { raw, labels } = this.#of(output, this.#parts.stop, logits);
      // What the loss's weight makes of odds is undone: σ(x) is p / (p + w (1 - p)).
      const shift = Math.log(this.options.rejectionWeight);
      return new Scored(
        raw.map((x) => sigmoid(x + shift)),
        labels,
      ).metrics();
    });
    const losses = Object.values(outputs).map(({ loss }: HeadMetrics) => loss);
    return {
      epoch,
      trainLoss: sum / order.length,
      loss: losses.reduce((all, loss) => all + loss, 0) / losses.length,
      outputs,
    };
  }

  /** [n][outputs] of all examples of a part. */
  async #logits(part: Int32Array): Promise<Float32Array> {
    const count = this.#outputs.length;
    const all = new Float32Array(part.length * count);
    const atOnce = Math.max(1, Math.floor(callWork / parametersOf(this.#shape)));
    for (let from = 0; from < part.length; from += atOnce) {
      throwIfAborted(this.given.signal);
      const chunk = gather(this.examples, part.subarray(from, from + atOnce), this.options.kind);
      all.set(await callAsync(() => this.#trainer.scores(chunk)), from * count);
    }
    return all;
  }

  /** An output's logits, labels and positions of the examples whose token is reached. */
  #of(
    output: HeadOutput,
    part: Int32Array,
    logits: Float32Array,
  ): { raw: Float32Array; labels: Float32Array; positions: Uint8Array } {
    const reached = new Set(reachedBy(output, this.examples, part));
    const column = this.#outputs.indexOf(output);
    const count = this.#outputs.length;
    const indices = part.filter((i) => reached.has(i));
    return {
      raw: Float32Array.from(part.keys())
        .filter((row) => reached.has(part[row] ?? -1))
        .map((row) => logits[row * count + column] ?? NaN),
      labels: labelsOf(output, this.examples, indices),
      positions: Uint8Array.from(indices, (i) =>
        positionOf(output, this.examples.position[i] ?? 0),
      ),
    };
  }

  async #finish(plan: TrainingPlan, { epochs, best }: Checkpoint): Promise<TrainHeadResult> {
    const { stop, test } = this.#parts;
    const stopLogits = await this.#logits(stop);
    const testLogits = await this.#logits(test);
    const calibrations = new Map<HeadOutput, Calibration>();
    const outputs = this.#byOutput((output): OutputReport => {
      const seen = this.#of(output, stop, stopLogits);
      const calibration = this.options.calibrate
        ? fitCalibration(seen.raw, seen.labels, seen.positions)
        : { slope: 1, bias: Array<number>(bucketCount).fill(0) };
      calibrations.set(output, calibration);
      const { raw, labels, positions } = this.#of(output, test, testLogits);
      const scored = new Scored(
        raw.map((x, i) => sigmoid(calibrated(calibration, x, positions[i] ?? 1))),
        labels,
      );
      return {
        head: scored.metrics(),
        uncalibrated: new Scored(raw.map(sigmoid), labels).metrics(),
        reliability: scored.reliability(),
        predictors: this.#withoutHead(output, test),
      };
    });
    const product = (part: Int32Array, logits: Float32Array, verifier: SurvivalOf): Survival => {
      const probability = (output: HeadOutput): Float64Array => {
        const column = this.#outputs.indexOf(output);
        const calibration = calibrations.get(output);
        return Float64Array.from(part, (i, row) => {
          const position = positionOf(output, this.examples.position[i] ?? 0);
          const x = logits[row * this.#outputs.length + column] ?? NaN;
          return sigmoid(calibration ? calibrated(calibration, x, position) : x);
        });
      };
      return survivalOf(verifier, this.examples, part, probability("older"), probability("newest"));
    };
    const survivalCalibrations: Partial<Record<SurvivalOf, Calibration>> = {};
    const survival = (verifier: SurvivalOf): SurvivalReport => {
      const calibration = calibrateSurvival(product(stop, stopLogits, verifier));
      survivalCalibrations[verifier] = calibration;
      const seen = product(test, testLogits, verifier);
      const scored = new Scored(calibratedSurvival(calibration, seen), seen.labels);
      return {
        product: new Scored(seen.predicted, seen.labels).metrics(),
        calibrated: scored.metrics(),
        reliability: scored.reliability(),
      };
    };
    const survivals =
      this.options.kind === "full"
        ? { survival: { rejection: survival("rejection"), block: survival("block") } }
        : {};
    await this.#save(calibrations, survivalCalibrations, outputs);
    const { out } = this.options;
    const { size } = await stat(out);
    return { out, sizeBytes: size, plan, epochs, best, outputs, ...survivals };
  }

  async #save(
    calibrations: Outputs<Calibration>,
    survival: Partial<Record<SurvivalOf, Calibration>>,
    outputs: ByOutput<OutputReport>,
  ): Promise<void> {
    const { out, type } = this.options;
    const [header] = this.headers;
    if (header === undefined) throw new RangeError("a head of no trace");
    const { fingerprints, models } = header;
    const scores = Object.fromEntries(
      Object.entries(outputs).map(([output, { head }]) => [output, head]),
    );
    const learntFrom = this.headers.map(({ mode, sampling, verifier, prompts }) => ({
      ...{ mode, verifier, prompts: prompts.count, temperature: sampling.temperature },
    }));
    await callAsync(() =>
      this.#trainer.save(
        out,
        {
          [headKeys.draft]: fingerprints.draft,
          [headKeys.target]: fingerprints.target,
          [headKeys.vocabulary]: fingerprints.vocabulary,
          [headKeys.draftFile]: path.basename(models.draft),
          [headKeys.targetFile]: path.basename(models.target),
          [headKeys.training]: JSON.stringify({ ...settingsOf(this.options), traces: learntFrom }),
          [headKeys.scores]: JSON.stringify(scores),
          ...(this.options.calibrate && {
            [headKeys.slope]: [...calibrations.values()].map(({ slope }) => slope),
            [headKeys.bias]: [...calibrations.values()].flatMap(({ bias }) => bias),
          }),
          ...survivalKeys(survival),
        },
        type,
      ),
    );
  }
}

/** The learning rate of a step: up in a line, then down along half a cosine. */
function rateAt(step: number, steps: number, highest: number): number {
  const rising = Math.max(1, Math.round(warmUp * steps));
  if (step < rising) return (highest * (step + 1)) / rising;
  return (highest * (1 + Math.cos((Math.PI * (step - rising)) / Math.max(1, steps - rising)))) / 2;
}

function shapeOf(
  { kind, depth, tied, hidden }: ResolvedTraining,
  { width, columns }: HeadExamples,
): NativeHeadShape {
  if (kind === "paper") {
    return { kind, width, depth, tied, hidden, columns: [], masks: new Uint8Array() };
  }
  const masks = outputsOf(kind).flatMap((output) => {
    const readable = readableColumns(output, columns);
    return columns.map((_, i) => (readable.includes(i) ? 1 : 0));
  });
  return { kind, width, depth, tied, hidden, columns, masks: Uint8Array.from(masks) };
}

function parametersOf({ kind, width, depth, tied, hidden, columns }: NativeHeadShape): number {
  const blocks = tied ? Math.min(1, depth) : depth;
  const trunk = blocks * (width * width + width);
  if (kind === "paper") return trunk + 2 * width + 2;
  const s = columns.length;
  return trunk + 3 * (hidden * width + hidden * s + 2 * hidden + s + 1);
}

/** What makes a head's bytes, the traces apart. */
function settingsOf(options: ResolvedTraining) {
  const { kind, depth, tied, hidden, epochs, patience, batchSize } = options;
  const { learningRate, weightDecay, rejectionWeight, calibrate, type, seed } = options;
  return {
    ...{ kind, depth, tied, hidden, epochs, patience, batchSize },
    ...{ learningRate, weightDecay, rejectionWeight, calibrate, type, seed },
  };
}

function survivalKeys(
  survival: Partial<Record<SurvivalOf, Calibration>>,
): Record<string, number | number[]> {
  const keys: Record<string, number | number[]> = {};
  for (const [verifier, { slope, bias }] of Object.entries(survival)) {
    keys[headKeys.survivalSlope(verifier)] = slope;
    keys[headKeys.survivalBias(verifier)] = bias;
  }
  return keys;
}
