import { listen } from "../protocol.mjs";
import { answer } from "./answer.mjs";

/** One page: does what it asks for, one thing at a time, until it goes away. */
export class Client {
  #port;
  #models;
  #task = new AbortController();
  #gone = false;

  /**
   * @param {any} port
   * @param {import("./models.mjs").Models} models
   */
  constructor(port, models) {
    this.#port = port;
    this.#models = models;
    listen(
      port,
      (message) => this.#receive(message),
      () => this.#leave(),
    );
    this.#send({ type: "ready", models: models.described });
  }

  /** @param {import("../protocol.mjs").HostMessage} message */
  #send(message) {
    if (!this.#gone) this.#port.postMessage(message);
  }

  /** @param {import("../protocol.mjs").PageMessage} message */
  #receive(message) {
    switch (message.type) {
      case "load":
        return this.#perform("load", (signal) => this.#load(message, signal));
      case "ask":
        return this.#perform("ask", (signal) => this.#answer(message, signal));
      case "stop":
        return this.#task.abort();
    }
  }

  /** A page that has gone away needs no answer: its generation ends, and the engine is free again. */
  #leave() {
    this.#gone = true;
    this.#task.abort();
  }

  async #perform(task, work) {
    this.#task.abort();
    this.#task = new AbortController();
    try {
      await work(this.#task.signal);
    } catch (error) {
      const { code = "ERR_INTERNAL", message, partial } = error;
      this.#send({ type: "failed", task, code, message });
      if (this.#gone && partial) {
        console.error(`A page went away; its answer ended after ${partial.tokens.length} tokens.`);
      }
    }
  }

  async #load({ models, threads }, signal) {
    const onProgress = ({ model, fraction }) => this.#send({ type: "progress", model, fraction });
    await this.#models.load(models, threads, onProgress, signal);
    this.#send({ type: "loaded", models: this.#models.described });
  }

  async #answer({ question, options }, signal) {
    const rounds = answer(this.#models.engine, question, { ...options, signal });
    for await (const message of rounds) this.#send(message);
  }
}
