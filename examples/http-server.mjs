// Generation over HTTP, streamed as server-sent events. The handler is one of Express as it stands:
// app.post("/generate", generate).
//
//   curl -N localhost:8080/generate -d '{"prompt": "Once upon a time", "maxTokens": 40}'

import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { createEngine } from "specdecpp";
import { pair } from "./pair.mjs";

const engine = await createEngine(pair);

/** Requests are queued by the engine and served in the order they came. */
async function generate(request, response) {
  // A client that goes away needs no answer: the next one in the queue gets the engine.
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    const { prompt, ...options } = JSON.parse(await text(request)) ?? {};
    const chunks = engine.stream(prompt, { ...options, signal: gone.signal });
    let next = await chunks.next(); // fails on bad options, before anything has been sent
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      connection: "close",
    });
    while (!next.done) {
      await send(response, "text", { text: next.value.text });
      next = await chunks.next();
    }
    const { finishReason, seed, stats } = next.value;
    await send(response, "end", { finishReason, seed, stats });
  } catch (error) {
    await fail(response, error, gone.signal);
  }
  response.end();
}

async function send(response, event, data) {
  const isRoom = response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  // Of one that is closed already no event comes any more.
  if (isRoom || response.destroyed) return;
  const waited = new AbortController();
  const { signal } = waited;
  await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
  waited.abort(); // takes the other's listeners away
}

async function fail(response, { name, code = name, message, partial }, { aborted }) {
  if (aborted) {
    console.error(`a client went away after ${partial?.tokens.length ?? 0} tokens`);
  } else if (response.headersSent) {
    await send(response, "error", { code, message });
  } else {
    const isTheirs = ["ERR_INVALID_ARGUMENT", "ERR_CONTEXT_FULL", "SyntaxError"].includes(code);
    response.writeHead(isTheirs ? 400 : 500, { "content-type": "application/json" });
    response.write(JSON.stringify({ code, message }));
  }
}

const server = createServer((request, response) => {
  if (request.method === "POST" && request.url === "/generate") void generate(request, response);
  else response.writeHead(404).end();
});

server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}/generate`);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    server.close();
    await engine.dispose(); // ends what is under way with ERR_DISPOSED
  });
}
