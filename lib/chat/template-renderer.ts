import { once } from "node:events";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { throwIfAborted } from "../abort";
import { SpecdecError } from "../errors";

/** How long a template may take. Usual ones take milliseconds. */
const deadlineMillis = 2000;
/** Memory that the thread may take. */
const memoryMb = 256;

/** Renders Jinja templates in a thread, which is started when it is first needed. */
export class TemplateRenderer {
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Rejects with ERR_CHAT_TEMPLATE, or with what the signal says. One at a time, in the order they came. */
  render(
    template: string,
    variables: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<string> {
    const rendering = this.#last.then(() => this.#renderNow(template, variables, signal));
    this.#last = rendering.catch(() => undefined);
    return rendering;
  }

  async #renderNow(
    template: string,
    variables: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<string> {
    throwIfAborted(signal);
    const deadline = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    try {
      const worker = (this.#worker ??= await this.#start(signal));
      worker.ref(); // keeps the process alive until the answer is there
      const answered = once(worker, "message", {
        signal: AbortSignal.any([signal, deadline.signal]),
      });
      timer = setTimeout(() => {
        deadline.abort();
      }, deadlineMillis);
      worker.postMessage({ template, variables });
      const [{ text, problem }] = (await answered) as [{ text?: string; problem?: string }];
      worker.unref();
      if (text !== undefined) return text;
      throw new SpecdecError(
        "ERR_CHAT_TEMPLATE",
        `The chat template fails: ${problem ?? ""}. Change the messages, or give another template with chatTemplate.`,
      );
    } catch (error) {
      if (SpecdecError.isInstance(error)) throw error;
      await this.dispose();
      throwIfAborted(signal);
      const reason = deadline.signal.aborted
        ? `has not come to an end within ${deadlineMillis / 1000} s`
        : `cannot be rendered within ${memoryMb} MB of memory: ${(error as Error).message}`;
      throw new SpecdecError(
        "ERR_CHAT_TEMPLATE",
        `The chat template ${reason}. Give another with chatTemplate.`,
        { cause: error },
      );
    } finally {
      clearTimeout(timer);
    }
  }

  async #start(signal: AbortSignal): Promise<Worker> {
    const worker = new Worker(path.join(__dirname, "template-worker.cjs"), {
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    // It may run out of memory when nobody listens any more, which would end the process.
    worker.on("error", () => undefined);
    worker.on("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    try {
      await once(worker, "message", { signal }); // that it is ready
      return worker;
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  /** Ends the thread; a rendering afterwards starts another. */
  async dispose(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}
