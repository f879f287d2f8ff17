// A server of model files on this machine: with ranges, as the hub's two routes, and with its bad days.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export class ModelServer {
  readonly #server: Server;
  /** Path and Range of every request for a file; and the bytes that were sent of files. */
  readonly requests: string[] = [];
  sentBytes = 0;
  /** Of all files together: behind it the server is gone, or silent. */
  limitBytes = Infinity;
  atLimit: "gone" | "silent" = "gone";
  /** Called before bytes of a file are sent. */
  beforeBytes = (): void => undefined;
  /** Answers every request with it. */
  status = 200;
  /** The SHA-256 that is told of every file; the true one by default. */
  sha256: string | undefined;
  /** Told instead of the true size; what is behind the file is begun, and does not end. */
  sizeBytes: number | undefined;

  private constructor(
    private readonly files: Record<string, Buffer>,
    /** By "user/repo:tag". */
    private readonly manifests: Record<string, string>,
  ) {
    this.#server = createServer((request, response) => {
      this.#answer(request, response);
    });
  }

  /** files: by path, without a first slash. manifests: the file in a repository for "user/repo:tag". */
  static async start(
    files: Record<string, Buffer>,
    manifests: Record<string, string> = {},
  ): Promise<ModelServer> {
    const server = new ModelServer(files, manifests);
    await server.listen(0);
    return server;
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** For addresses of files, whose host must not be the hub's. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What HF_ENDPOINT takes. */
  get hub(): string {
    return `http://localhost:${this.port}`;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(new URL(request.url ?? "", this.url).pathname).slice(1);
    this.requests.push(`${request.method ?? ""} ${path} ${request.headers.range ?? ""}`.trim());
    if (this.status !== 200) {
      response.writeHead(this.status).end();
      return;
    }
    const manifest = /^v2\/(.*)\/manifests\/(.*)$/.exec(path);
    if (manifest !== null) {
      const rfilename = this.manifests[`${manifest[1] ?? ""}:${manifest[2] ?? ""}`];
      response.writeHead(rfilename === undefined ? 404 : 200);
      response.end(JSON.stringify({ ggufFile: { rfilename } }));
      return;
    }
    const file = this.files[path.replace("/resolve/main/", "/")];
    if (file === undefined) response.writeHead(404).end();
    else this.#send(file, request, response);
  }

  #send(file: Buffer, { method, headers }: IncomingMessage, response: ServerResponse): void {
    const size = this.sizeBytes ?? file.length;
    const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
    const [from, to] = [Number(range?.[1] ?? 0), Number(range?.[2] ?? size - 1)];
    response.writeHead(range === null ? 200 : 206, {
      "accept-ranges": "bytes",
      "content-length": to - from + 1,
      ...(range !== null && { "content-range": `bytes ${from}-${to}/${size}` }),
      "x-linked-etag": `"${this.sha256 ?? createHash("sha256").update(file).digest("hex")}"`,
    });
    if (method === "HEAD") {
      response.end();
      return;
    }
    if (range === null) {
      response.flushHeaders(); // the downloader asks for the size with a GET whose body it never reads
      return;
    }
    this.beforeBytes();
    const room = this.limitBytes - this.sentBytes;
    const bytes =
      from < file.length
        ? file.subarray(from, Math.min(to + 1, from + room))
        : Buffer.alloc(2 ** 16); // of a file that is not as long as was told
    this.sentBytes += bytes.length;
    response.write(bytes, () => {
      if (this.sizeBytes === undefined && room > bytes.length) response.end();
      else if (room > 0 && this.atLimit === "gone") void this.close();
    });
  }
}
