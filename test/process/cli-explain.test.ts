import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { stripVTControlCharacters } from "node:util";
import { root } from "./child";
import { cli, json, onTerminal, pair, RunningCli } from "./cli";

const prompt = "<|user|>Tom has 3 boxes of 4 pens. How many pens?<|assistant|>";
const args = ["generate", ...pair, "--prompt", prompt, "--max-tokens", "60"];
const drawn = [...args, "--temperature", "1", "--seed", "4"];

interface Output {
  text: string;
  rounds: {
    drafted: number;
    accepted: number;
    stopReason: string;
    draft: { q: number; p: number; head?: Record<"before" | "newest" | "older", number | null> }[];
  }[];
}

/** The rounds of an explanation: lines that begin with a number. */
function lines(stdout: string): string[] {
  return stdout.split("\n").filter((line) => /^ *\d+ {2}/.test(line));
}

/** The tokens of a line: mark, text, and the two probabilities of a drafted one. */
function cells(line: string): RegExpExecArray[] {
  return [...line.matchAll(/ {2}([-+~*=])(\S+)(?: (\S+)→(\S+))?(?= {2})/g)];
}

/** The text of the tokens that were kept. */
function textOf(stdout: string): string {
  return lines(stdout)
    .flatMap(cells)
    .map(([, mark, text]) => (mark === "-" ? "" : text))
    .join("")
    .replaceAll("␣", " ")
    .replaceAll("␊", "\n");
}

test.each([
  ["at temperature 0", args],
  ["at temperature 1", drawn],
  ["with a rule that has a gate", [...drawn, "--stop", "confidence:0.5"]],
  ["without drafts", [...drawn, "--stop", "none"]],
  [
    "with stop strings that hold text back",
    [...drawn, "--stop-string", "\n", "--stop-string", "e."],
  ],
])("the kept tokens make up the text, %s", (_, options) => {
  const explained = cli([...options, "--explain"]);
  expect(explained).toMatchObject({ status: 0, stderr: "" });
  expect(explained.stdout).not.toContain("\u001b");
  const { text } = json<Output>(cli([...options, "--json"]));
  expect(textOf(explained.stdout).startsWith(text)).toBe(true);
});

test("a line is a round: what was drafted with q and p, what was kept, and why it stopped", () => {
  const options = [...drawn, "--stop", "confidence:0.5", "--max-draft", "3"];
  const { rounds } = json<Output>(cli([...options, "--json", "--details"]));
  const shown = lines(cli([...options, "--explain"]).stdout);
  expect(shown).toHaveLength(rounds.length);
  const reasons: Record<string, string> = {
    length: "stopped at the rule's length",
    gate: "stopped by the rule's gate",
    end: "the draft ended the text",
    room: "no room for more",
  };
  for (const [i, { drafted, accepted, draft, stopReason }] of rounds.entries()) {
    const tokens = cells(shown[i] ?? "");
    const marks = "+".repeat(accepted) + "-".repeat(drafted - accepted);
    const own = drafted === 0 ? "=" : accepted === drafted ? "*" : "~";
    expect(tokens.map(([, mark]) => mark).join("")).toBe(marks + own);
    for (const [j, { q, p }] of draft.entries()) {
      expect(Number(tokens[j]?.[3])).toBeCloseTo(q, 1);
      expect(Number(tokens[j]?.[4])).toBeCloseTo(p, 1);
    }
    const share = drafted === 0 ? "" : `${accepted} of ${drafted} accepted; `;
    expect(shown[i]).toMatch(new RegExp(`  \\[${share}${reasons[stopReason] ?? ""}\\]$`));
  }
  expect(new Set(rounds.map(({ drafted, accepted }) => accepted < drafted)).size).toBe(2);
});

test("what a head says of a token stands behind it, as probabilities; its logits are in the details", () => {
  const head = path.join(root, "models/demo/head.gguf");
  const options = [...drawn, "--stop", "fixed:2", "--head", head];
  const { rounds } = json<Output>(cli([...options, "--json", "--details"]));
  const { stdout } = cli([...options, "--explain"]);
  const shown = [...stdout.matchAll(/→\S+ \((\S+) (\S+) (\S+)\)/g)].map(([, ...each]) => each);
  const logits = rounds.flatMap(({ draft }) => draft.map((token) => token.head!));
  expect(shown).toHaveLength(logits.length);
  for (const [i, { before, newest, older }] of logits.entries()) {
    for (const [j, logit] of [before, newest, older].entries()) {
      const probability = 1 / (1 + Math.exp(-(logit ?? NaN)));
      if (logit === null) expect(shown[i]![j]).toBe("-");
      else expect(Number(shown[i]![j])).toBeCloseTo(probability, 1);
    }
  }
  // The draft goes on after the first of two tokens, and so reads it; the last of a draft is not read.
  expect(logits.filter(({ before, newest }) => before === null || newest === null)).toEqual([]);
  expect(new Set(logits.map(({ older }) => older === null)).size).toBe(2);
  expect(stdout).toMatch(/^\(0\.70 0\.80 0\.90\) {2}/m);
});

test("a legend says what the marks mean", () => {
  const { stdout } = cli([...args, "--explain"]);
  expect(stdout.split("\n").slice(0, 6)).toEqual([
    expect.stringMatching(/^\+accepted {2}/),
    expect.stringMatching(/^-rejected {2}/),
    expect.stringMatching(/^~corrected {2}/),
    expect.stringMatching(/^\*bonus {2}/),
    expect.stringMatching(/^=plain {2}/),
    expect.stringMatching(/^0\.90→0\.80 {2}/),
  ]);
});

test("newlines and other controls in a text are shown, not obeyed", () => {
  const { stdout } = cli([...args, "--stop", "fixed:4", "--explain"]);
  expect(stdout).toMatch(/[+~*]␊/);
  expect(lines(stdout).length).toBe(stdout.trimEnd().split("\n").length - 7);
});

describe("on a terminal", () => {
  test("what became of a token shows in its colour, and lines end at the window's edge", () => {
    const { status, stdout } = onTerminal([...drawn, "--stop", "fixed:4", "--explain"]);
    expect(status).toBe(0);
    for (const [colour, mark] of [
      ["32", "\\+"],
      ["31", "-"],
      ["33", "~"],
    ] as const) {
      expect(stdout).toMatch(new RegExp(`  \u001b\\[${colour}m${mark}\\S+`));
    }
    const [, body = ""] = stdout.split("\n\n");
    const [rounds = ""] = body.split("\nAccepted, by position");
    const widths = rounds.split("\n").map((line) => stripVTControlCharacters(line).length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(80);
  });

  test("figures follow: acceptance by position, draft lengths, why drafting stopped", () => {
    const { stdout } = onTerminal([...args, "--explain", "--stop", "confidence:0.5"]);
    expect(stdout).toMatch(
      /\nAccepted, by position in the draft:\n {2}1 {2}[█▏ ]{20} {2}\d+ % of \d+\n/,
    );
    expect(stdout).toMatch(/\nTokens drafted:\n(?: {2}\d+ +[█▏ ]{20} {2}\d+ rounds?\n)+Why/);
    expect(stdout).toMatch(
      /\nWhy drafting stopped:\n(?: {2}(?:length|gate|end|room) +[█▏ ]{20} {2}\d+ rounds?\n)+/,
    );
    expect(stdout).toMatch(/\n60 tokens, .* of the draft accepted\n$/);
  });

  test("NO_COLOR leaves the marks alone", () => {
    const { stdout } = onTerminal([...drawn, "--explain"], { NO_COLOR: "1" });
    expect(stdout).not.toContain("\u001b");
    expect(lines(stdout).length).toBeGreaterThan(3);
  });
});

describe("an interruption", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-test-"));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("what was generated until then is explained, held back or not", async () => {
    // Interrupts before the fourth round.
    const preload = path.join(folder, "interrupt.cjs");
    writeFileSync(
      preload,
      `const { Engine } = require(${JSON.stringify(path.join(root, "dist"))});
      const { stream } = Engine.prototype;
      Engine.prototype.stream = async function* (...args) {
        const chunks = stream.apply(this, args);
        for (let round = 1; ; ++round) {
          if (round === 4) {
            const { signal } = args[1];
            const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
            process.kill(process.pid, "SIGINT");
            const alive = setInterval(() => undefined, 1000); // a signal alone keeps nothing running
            await aborted;
            clearInterval(alive);
          }
          const next = await chunks.next();
          if (next.done) return next.value;
          yield next.value;
        }
      };`,
    );
    // Held back from the first token on: the whole text may be the beginning of the stop string.
    const { text } = json<Output>(cli([...args, "--json"]));
    for (const held of [[], ["--stop-string", `${text}!`]]) {
      const running = new RunningCli([...args, ...held, "--explain"], preload);
      expect(await running.end()).toEqual({ status: 130, signal: null });
      const kept = textOf(running.stdout);
      expect(kept).not.toBe("");
      expect(text.startsWith(kept)).toBe(true);
      expect(lines(running.stdout)).toHaveLength(3);
      expect(running.stderr).toBe("specdecpp: interrupted\n");
    }
  });
});
