import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { cli, draft, json, pair, target } from "./cli";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const inFolder = (name: string): string => path.join(folder, name);

interface Inspection {
  files: Record<string, unknown>[];
  pair?: { fits: boolean; reasons: string[] };
}

/** A GGUF header (version 3) of some keys, strings and whole numbers, and no tensors. */
function header(values: Record<string, string | number>): Buffer {
  const uint32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  const uint64 = (value: number): Buffer => Buffer.concat([uint32(value), uint32(0)]);
  const string = (text: string): Buffer => Buffer.concat([uint64(text.length), Buffer.from(text)]);
  const entries = Object.entries(values).map(([key, value]) =>
    typeof value === "string"
      ? Buffer.concat([string(key), uint32(8), string(value)])
      : Buffer.concat([string(key), uint32(4), uint32(value)]),
  );
  const start = [Buffer.from("GGUF"), uint32(3), uint64(0), uint64(entries.length)];
  return Buffer.concat([...start, ...entries, Buffer.alloc(64)]);
}

function write(name: string, content: string | Buffer): string {
  writeFileSync(inFolder(name), content);
  return inFolder(name);
}

describe("inspect", () => {
  test("tells of a single file", () => {
    const result = cli(["inspect", target, "--json"]);
    expect(result).toMatchObject({ status: 0, stderr: "" });
    const { files, pair: fit } = json<Inspection>(result);
    expect(fit).toBeUndefined();
    expect(files).toEqual([
      {
        path: target,
        name: expect.any(String) as string,
        architecture: "llama",
        parameters: 5_868_800,
        quantization: "F16",
        sizeBytes: statSync(target).size,
        complete: true,
        missingBytes: 0,
        layers: 6,
        width: 256,
        trainedContextSize: 512,
        recurrent: false,
        hasChatTemplate: true,
        licence: expect.any(String) as string,
        vocabulary: { type: "SentencePiece BPE", size: 4096 },
        // 6 layers × 256 numbers × 2 bytes, for K and for V
        memory: { contextSize: 512, cacheBytes: 3_145_728, totalBytes: 11_744_256 + 3_145_728 },
        weightsBytes: 11_744_256,
        cacheWidthK: 6 * 256,
        cacheWidthV: 6 * 256,
      },
    ]);
  });

  test("works the memory out for the context that is asked for", () => {
    const { files } = json<Inspection>(
      cli(["inspect", target, "--json", "--context-size", "1024"]),
    );
    expect(files[0]).toMatchObject({
      memory: { contextSize: 1024, cacheBytes: 1024 * 6 * 256 * 4 },
    });
  });

  test("sets two files side by side in aligned columns, and says that they fit", () => {
    const { status, stdout } = cli(["inspect", target, draft]);
    expect(status).toBe(0);
    const lines = stdout.split("\n");
    const column = lines[0]?.indexOf(draft) ?? -1;
    expect(lines.find((line) => line.startsWith("architecture "))?.slice(column)).toBe("llama");
    expect(lines.find((line) => line.startsWith("quantization "))?.slice(column)).toBe("Q8_0");
    expect(stdout).toMatch(/\n\nThey fit: the first as the target, the second as its draft\.\n$/);
  });

  test.each([
    ["the same file", draft, draft],
    ["a target and a draft in the wrong order", draft, target],
  ])("says of %s that such a draft saves no time", (_, one, other) => {
    expect(cli(["inspect", one, other]).stdout).toMatch(
      /\nThey fit: .*\nThe draft is not smaller than the target .* The target comes first, then the draft\.\n$/,
    );
  });

  test("says where the vocabularies of two files differ", () => {
    const bytes = readFileSync(draft);
    bytes.write("<|USER|>", bytes.indexOf("<|user|>"));
    const other = write("other.gguf", bytes);
    expect(json<Inspection>(cli(["inspect", target, other, "--json"])).pair).toMatchObject({
      fits: false,
      reasons: [
        'their vocabularies differ: token 3 is "<|user|>" in one and "<|USER|>" in the other',
      ],
    });
    expect(cli(["inspect", target, other]).stdout).toContain(
      '\nThey do not fit as target and draft:\n  their vocabularies differ: token 3 is "<|user|>" in one',
    );
  });

  test("says that a recurrent model cannot take tokens back", () => {
    const keys = { "general.architecture": "mamba", "mamba.ssm.conv_kernel": 4 };
    const mamba = write("mamba.gguf", header({ ...keys, "tokenizer.ggml.model": "gpt2" }));
    const { files, pair: fit } = json<Inspection>(cli(["inspect", mamba, mamba, "--json"]));
    expect(files[0]).toMatchObject({ architecture: "mamba", recurrent: true });
    expect(fit?.fits).toBe(false);
    expect(fit?.reasons[0]).toContain("(mamba) keeps a recurrent state");
  });

  test.each([{ "mamba.attention.head_count": 0 }, {}])(
    "a model without attention has no KV cache: %j",
    (heads) => {
      const sizes = { "mamba.block_count": 24, "mamba.embedding_length": 768 };
      const keys = { "general.architecture": "mamba", "mamba.context_length": 1_048_576 };
      const mamba = write("attentionless.gguf", header({ ...keys, ...sizes, ...heads }));
      expect(json<Inspection>(cli(["inspect", mamba, "--json"])).files[0]).toMatchObject({
        cacheWidthK: 0,
        cacheWidthV: 0,
        memory: { contextSize: 4096, cacheBytes: 0, totalBytes: 0 },
      });
      expect(cli(["inspect", mamba]).stdout).toMatch(
        /\nmemory, at least +0 B \(weights 0 B, no KV cache\)\n/,
      );
    },
  );

  test("says how much of a file is missing", () => {
    const cut = write("cut.gguf", readFileSync(target).subarray(0, 2_000_000));
    const { files } = json<Inspection>(cli(["inspect", cut, "--json"]));
    expect(files[0]).toMatchObject({
      complete: false,
      missingBytes: statSync(target).size - 2_000_000,
    });
    expect(cli(["inspect", cut]).stdout).toMatch(/\ncomplete +no: 9\.84 MB missing\n/);
  });

  test("keeps control characters of a file from the terminal", () => {
    const evil = write(
      "evil.gguf",
      header({ "general.architecture": "x", "general.name": "\u001b[2J" }),
    );
    expect(cli(["inspect", evil]).stdout).toContain("\u{FFFD}[2J");
  });

  test.each<[string, Buffer, RegExp]>([
    ["an empty file", Buffer.alloc(0), /it does not begin with "GGUF"/],
    ["a text", Buffer.from("this is a text of some length"), /it does not begin with "GGUF"/],
    ["a magic and no more", Buffer.from("GGUF\x03\0\0\0", "latin1"), /it ends within its header/],
    [
      "counts of nonsense",
      Buffer.from(`GGUF\x03\0\0\0${"\xff".repeat(64)}`, "latin1"),
      /it ends within its header/,
    ],
    [
      "a file that ends in its header",
      readFileSync(target).subarray(0, 30_000),
      /it ends within its header/,
    ],
    ["a version to come", Buffer.from("GGUF\x09\0\0\0", "latin1"), /its version is 9, not 2 or 3/],
    ["an alignment of nothing", header({ "general.alignment": 0 }), /its alignment is 0/],
    ["no architecture", header({ "general.name": "x" }), /it does not name an architecture/],
  ])("refuses %s", (name, bytes, reason) => {
    const result = cli(["inspect", write(`${name}.gguf`, bytes)]);
    expect(result).toMatchObject({ status: 1, stdout: "" });
    expect(result.stderr).toMatch(
      /^specdecpp: ERR_MODEL_LOAD: .* is not a readable GGUF file: .*\n$/,
    );
    expect(result.stderr).toMatch(reason);
  });

  test("refuses a file that is not there", () => {
    const { status, stderr } = cli(["inspect", inFolder("none.gguf")]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^specdecpp: ERR_FILE_NOT_FOUND: There is no file .*none\.gguf/);
  });
});

describe("deepen and quantize", () => {
  const generate = (model: string): string =>
    cli([
      "generate",
      "--target",
      model,
      "--threads",
      "1",
      "--prompt",
      "Once upon a time",
      "--max-tokens",
      "20",
    ]).stdout;

  test("a deepened target gives the same text", () => {
    const deep = inFolder("deep.gguf");
    const result = cli(["deepen", target, deep, "--layers", "2", "--json"]);
    const sizeBytes = statSync(deep).size;
    expect(result).toMatchObject({ status: 0 });
    expect(json(result)).toEqual({ file: deep, sizeBytes });
    expect(result.stderr).toBe(`Wrote ${deep}, 15.1 MB (from 11.8 MB).\n`);
    expect(generate(deep)).toBe(generate(target));
    expect(json<Inspection>(cli(["inspect", deep, "--json"])).files[0]).toMatchObject({
      layers: 8,
    });
  });

  test("a quantized target is smaller and generates", () => {
    const small = inFolder("small.gguf");
    expect(cli(["quantize", target, small, "--type", "q8_0"])).toMatchObject({
      status: 0,
      stdout: "",
    });
    expect(statSync(small).size).toBeLessThan(statSync(target).size);
    expect(json<Inspection>(cli(["inspect", small, "--json"])).files[0]).toMatchObject({
      quantization: "Q8_0",
    });
    expect(generate(small)).not.toBe("");
  });

  test("a file is replaced with --force alone", () => {
    const there = write("there.gguf", "precious");
    const refused = cli(["deepen", target, there, "--layers", "1"]);
    expect(refused).toMatchObject({ status: 1, stdout: "" });
    expect(refused.stderr).toMatch(/^specdecpp: ERR_WRITE: .* exists\. .*--force\.\n$/);
    expect(readFileSync(there, "utf8")).toBe("precious");
    expect(cli(["deepen", target, there, "--layers", "1", "--force"]).status).toBe(0);
    expect(readFileSync(there).subarray(0, 4).toString()).toBe("GGUF");
  });

  test.each<[string, string[], number, RegExp]>([
    ["no layers", ["deepen", target, "OUT"], 2, /Missing required argument: layers/],
    [
      "no layer at all",
      ["deepen", target, "OUT", "--layers", "0"],
      2,
      /ERR_INVALID_ARGUMENT: layers must be 1 to/,
    ],
    [
      "an unknown type",
      ["quantize", target, "OUT", "--type", "q9"],
      2,
      /Given: "q9", Choices: "f16", "q8_0"/,
    ],
    [
      "no output",
      ["quantize", target, "--type", "q8_0"],
      2,
      /Not enough non-option arguments: got 1, need at least 2/,
    ],
    [
      "a text for input",
      ["deepen", "package.json", "OUT", "--layers", "1"],
      1,
      /ERR_MODEL_LOAD: package\.json/,
    ],
    [
      "no input",
      ["quantize", "none.gguf", "OUT", "--type", "q8_0"],
      1,
      /ERR_FILE_NOT_FOUND: There is no file none\.gguf/,
    ],
    [
      "a folder that is not there",
      ["deepen", target, "none/OUT", "--layers", "1"],
      1,
      /ERR_WRITE: Cannot write none\/OUT/,
    ],
  ])("refused: %s", (_, args, status, reason) => {
    const out = inFolder("refused.gguf");
    const result = cli(args.map((word) => (word === "OUT" ? out : word)));
    expect(result).toMatchObject({ status, stdout: "" });
    expect(result.stderr).toMatch(reason);
    expect(existsSync(out)).toBe(false);
  });
});

describe("the command line itself", () => {
  test("--version is the package's", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(cli(["--version"])).toMatchObject({ status: 0, stdout: `${version}\n` });
  });

  test.each(["generate", "demo", "inspect", "quantize", "deepen", "build"])(
    "%s --help has examples",
    (name) => {
      const { status, stdout } = cli([name, "--help"]);
      expect(status).toBe(0);
      expect(stdout).toContain(`Examples:\n  specdecpp ${name}`);
    },
  );

  test("no command and an unknown one are wrong usage", () => {
    expect(cli([])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining("Give a command.") as string,
    });
    expect(cli(["frob"])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("Unknown command: frob") as string,
    });
  });

  test("build hands the exit code on", () => {
    const { status, stderr } = cli(["build", "--", "-DX=1"], { env: { PATH: folder } });
    expect(stderr).not.toBe("");
    expect(status).toBe(1);
  });

  test("messages are English whatever the language of the system", () => {
    expect(
      cli(["generate", ...pair, "--frob"], { env: { LC_ALL: "de_DE.UTF-8" } }).stderr,
    ).toContain("Unknown argument");
  });
});
