// The Electron example without Electron: its page in a real Chromium and its engine host as it is, joined
// by fixtures/electron-bridge.mjs in place of Electron's main process.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { deepen } from "../../lib";
import { chat, demoDraft, demoEngine, demoTarget } from "../support/demo";
import { root } from "./child";
import { chromiumFile, launchChromium } from "./chromium";

const question =
  "There are 24 students in a class. Half of them are girls. How many boys are in the class?";

// In CI a missing browser is a failure; elsewhere these tests are left out.
const describeInBrowser = chromiumFile || process.env.CI ? describe : describe.skip;
if (!chromiumFile) {
  console.warn("There is no chromium in PATH: the Electron example's page is not tested.");
}

let folder: string;
let bridge: ChildProcess;
let browser: Browser;
let address: string;
let errors = "";
/** What the next file dialogs answer. */
let files: string[];

describeInBrowser("the Electron example", () => {
  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), "specdecpp-electron-"));
    await Promise.all([startBridge(), startBrowser(), deepen(demoTarget, dearTarget(), 60)]);
  });

  afterAll(async () => {
    await browser.close();
    bridge.kill();
    await once(bridge, "exit");
    rmSync(folder, { recursive: true });
  });

  test("an answer streams in, and each token's fate is the engine's", async () => {
    const page = await openPage();
    await loadEmbedded(page);
    await ask(page, { rule: "confidence", details: true });
    await untilAnswered(page);
    await expect(shownTokens(page)).resolves.toEqual(await expectedTokens());
    await expect(meta(page).innerText()).resolves.toMatch(/^63 tokens · \d+(\.\d)? tokens\/s/);
    await expect(page.locator("#speedup").innerText()).resolves.toMatch(/^\d+\.\d\d×$/);
    await page.close();
  });

  test("the draft lengths add up to the rounds", async () => {
    const page = await openPage();
    await loadEmbedded(page);
    await ask(page, { rule: "fixed:4", tokens: 30 });
    await untilAnswered(page);
    const label = await page.locator("#histogram").getAttribute("aria-label");
    const { stats } = await answerOfEngine({ stopRule: "fixed:4", maxTokens: 30 });
    const lengths = stats.draftLengths.map((rounds, length) => `${length}: ${rounds}`);
    expect(label).toBe(`Rounds by draft length: ${lengths.join(", ")}`);
    await page.close();
  });

  test("a comparison decodes the same question plainly", async () => {
    const page = await openPage();
    await loadEmbedded(page);
    await ask(page, { tokens: 30 });
    await page.getByText("Compare with plain decoding").click();
    await page.getByText(/with the draft \d+\.\d\d× as fast, the same text/).waitFor();
    expect(new Set((await shownTokens(page)).map(({ fate }) => fate))).toEqual(new Set(["plain"]));
    await page.close();
  });

  test("the stop button ends an answer, and the next one comes", async () => {
    const page = await openPage();
    await loadDear(page);
    await ask(page, { rule: "none", tokens: 400 });
    await page.locator("article .token").nth(5).waitFor();
    await page.locator("#stop").click();
    await untilAnswered(page);
    const [, count] = /^stopped after (\d+) tokens/.exec(await meta(page).innerText()) ?? [];
    expect(Number(count)).toBeLessThan(300);
    await ask(page, { tokens: 5 });
    await untilAnswered(page);
    await expect(meta(page).innerText()).resolves.toMatch(/^5 tokens/);
    await page.close();
  });

  test("the answer of a page that goes away ends, and the next page is served", async () => {
    const page = await openPage();
    await loadDear(page);
    await ask(page, { rule: "none", tokens: 400 });
    await page.locator("article .token").nth(5).waitFor();
    await page.close();
    const count = await untilLogged(/A page went away; its answer ended after (\d+) tokens/);
    expect(Number(count)).toBeLessThan(300);

    const next = await openPage();
    await next.getByText("dear.gguf + draft.gguf").waitFor(); // still loaded
    await ask(next, { tokens: 5 });
    await untilAnswered(next);
    await expect(meta(next).innerText()).resolves.toMatch(/^5 tokens/);
    await next.close();
  });

  test("a broken model file is refused with its code and a remedy, and another can be loaded", async () => {
    const broken = path.join(folder, "broken.gguf");
    writeFileSync(broken, readFileSync(demoTarget).subarray(0, 3_000_000));
    const page = await openPage();
    await openModels(page);
    await choose(page, broken, demoDraft);
    await page.locator("#load").click();
    const error = page.locator("#load-error");
    await error.waitFor();
    await expect(error.locator("code").innerText()).resolves.toBe("ERR_MODEL_LOAD");
    await expect(error.innerText()).resolves.toMatch(
      /broken\.gguf.*Check that the file is complete/,
    );
    await loadEmbedded(page);
    await expect(page.locator("#loaded").innerText()).resolves.toBe("target.gguf + draft.gguf");
    await page.close();
  });

  test("the progress bars of loading fill up", async () => {
    const page = await openPage();
    await page.evaluate(`
      window.values = { target: [], draft: [] };
      for (const model of ["target", "draft"]) {
        const bar = document.getElementById(model + "-progress");
        new MutationObserver((changes) => {
          window.values[model].push(...changes.map(({ oldValue }) => Number(oldValue)), bar.value);
        }).observe(bar, { attributes: true, attributeOldValue: true });
      }`);
    await loadDear(page);
    const { target, draft } = await page.evaluate<Record<"target" | "draft", number[]>>("values");
    for (const values of [target, draft]) {
      expect(values.length).toBeGreaterThan(3);
      expect(values).toEqual(values.toSorted((a, b) => a - b));
      expect(values.at(-1)).toBe(1);
    }
    await page.close();
  });

  test("when the engine's process ends the page says so and starts another", async () => {
    const page = await openPage();
    await loadEmbedded(page);
    bridge.kill("SIGUSR2");
    await page.locator("#notice").getByText("Load the models again").waitFor();
    await loadEmbedded(page);
    await ask(page, { tokens: 5 });
    await untilAnswered(page);
    await expect(meta(page).innerText()).resolves.toMatch(/^5 tokens/);
    await page.close();
  });

  // npm run screenshots
  if (process.env.SPECDECPP_SCREENSHOTS) {
    test.each(["light", "dark"] as const)("screenshots: %s", async (colorScheme) => {
      const page = await openPage({ colorScheme, viewport: { width: 1060, height: 660 } });
      await openModels(page);
      await load(page);
      await ask(page, { rule: "schedule", details: true, tokens: 90 });
      await untilAnswered(page);
      await page.getByText("Compare with plain decoding").click();
      await page.getByText(/as fast, the same text/).waitFor();
      await page.evaluate(`document.getElementById("conversation").scrollTop = 0`);
      await page.screenshot({ path: path.join(root, `docs/images/electron-${colorScheme}.png`) });
      await page.close();
    });
  }

  test("no page had an error", () => {
    expect(errors).toBe("");
  });
});

const dearTarget = (): string => path.join(folder, "dear.gguf");

let log = "";

async function startBridge(): Promise<void> {
  const app = path.join(folder, "app");
  cpSync(path.join(root, "examples", "electron"), app, { recursive: true });
  // As npm installs a package from a folder.
  mkdirSync(path.join(app, "node_modules"), { recursive: true });
  symlinkSync(root, path.join(app, "node_modules", "specdecpp"), "junction");
  const script = path.join(__dirname, "fixtures", "electron-bridge.mjs");
  bridge = spawn(process.execPath, [script, app, folder], { stdio: ["ignore", "pipe", "pipe"] });
  bridge.stderr!.setEncoding("utf8").on("data", (text: string) => (log += text));
  const [line] = (await once(bridge.stdout!, "data")) as [Buffer];
  address = line.toString().trim();
}

async function startBrowser(): Promise<void> {
  browser = await launchChromium();
}

async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
  files = [];
  const page = await browser.newPage({ viewport: { width: 1120, height: 740 }, ...options });
  page.setDefaultTimeout(20_000);
  page.on("pageerror", ({ message }) => (errors += `${message}\n`));
  page.on("console", (message) => {
    if (message.type() === "error") errors += `${message.text()}\n`;
  });
  await page.exposeFunction("chooseModel", () => files.shift());
  await page.addInitScript({ path: path.join(__dirname, "fixtures", "electron-preload.js") });
  await page.goto(`${address}/renderer/index.html`);
  return page;
}

/** Loads the embedded pair as it is, on one thread. */
async function loadEmbedded(page: Page): Promise<void> {
  await openModels(page);
  await page.locator("input[value=demo]").check();
  await page.locator("#idle-layers").uncheck();
  await load(page);
}

/** Loads the pair whose target has time to be stopped. */
async function loadDear(page: Page): Promise<void> {
  await openModels(page);
  await choose(page, dearTarget(), demoDraft);
  await load(page);
}

/** The page opens the dialog itself where no models are loaded. */
async function openModels(page: Page): Promise<void> {
  await page.locator("#loaded", { hasNotText: "Connecting" }).waitFor();
  if (!(await page.locator("#models").isVisible())) await page.locator("#open-models").click();
}

async function choose(page: Page, target: string, draft: string): Promise<void> {
  files.push(target, draft);
  await page.locator("#choose-target").click();
  await page.locator("#choose-draft").click();
}

async function load(page: Page): Promise<void> {
  await page.locator("#threads").fill("1");
  await page.locator("#load").click();
  await page.locator("#models").waitFor({ state: "hidden" });
}

interface Asked {
  tokens?: number;
  rule?: string;
  details?: boolean;
}

async function ask(page: Page, asked: Asked): Promise<void> {
  const { tokens = 200, rule = "confidence", details = false } = asked;
  await page.locator("#question").fill(question);
  await page.locator("#stop-rule").selectOption(rule);
  await page.locator("#max-tokens").fill(String(tokens));
  await page.locator("#details").setChecked(details);
  await page.locator("#send").click();
}

const untilAnswered = (page: Page) => page.locator("#stop").waitFor({ state: "hidden" });

const meta = (page: Page) => page.locator("article").last().locator(".meta");

/** Resolves to what the pattern catches in the host's log. */
async function untilLogged(pattern: RegExp): Promise<string> {
  for (;;) {
    const found = pattern.exec(log)?.[1];
    if (found !== undefined) return found;
    await once(bridge.stderr!, "data");
  }
}

interface Shown {
  text: string;
  fate: string;
}

function shownTokens(page: Page): Promise<Shown[]> {
  return page.evaluate<Shown[]>(`
    Array.from(document.querySelectorAll("article:last-of-type .token"), (token) => ({
      text: token.textContent,
      fate: token.dataset.fate,
    }))`);
}

async function answerOfEngine(options: { stopRule: string; maxTokens: number }) {
  await using engine = await demoEngine();
  return await engine.generate(chat(question), { ...options, details: true });
}

/** What the page must show, from the rounds of the same answer. */
async function expectedTokens(): Promise<Shown[]> {
  await using engine = await demoEngine();
  const { rounds = [], tokens } = await engine.chat([{ role: "user", content: question }], {
    stopRule: "confidence",
    maxTokens: 200,
    details: true,
  });
  const left = [...tokens];
  const shown = rounds.flatMap(({ generated, drafted, accepted, draft = [] }) => {
    const kept = left.splice(0, generated);
    const show = (ids: number[], fate: string) =>
      ids.map((id) => ({ text: engine.detokenize([id]), fate })).filter(({ text }) => text !== "");
    const own = drafted === 0 ? "plain" : accepted === drafted ? "bonus" : "corrected";
    return [
      ...show(kept.slice(0, accepted), "accepted"),
      ...show(kept.length > accepted ? draft.slice(accepted).map(({ id }) => id) : [], "rejected"),
      ...show(kept.slice(accepted), own),
    ];
  });
  shown[0]!.text = shown[0]!.text.slice(1); // the space is the vocabulary's
  return shown;
}
