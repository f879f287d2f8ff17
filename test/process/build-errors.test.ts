import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { copyPackage, evaluate, platformLibraries, root, run, withTemporaryFolder } from "./child";

const metadataName = "_nlcBuildMetadata.json";
// The prebuilt libraries are linked to by the build on Linux and macOS, and macOS refuses to load a
// library that has been patched.
const testOnLinux = process.platform === "linux" ? test : test.skip;

function releaseOfAddon(): string {
  return String(evaluate(`return require("./build/Release/specdecpp.node").release`));
}

/** Loads the addon through a copy of the package: its devices' names, and where its libraries lie. */
function load(folder: string) {
  return evaluate(`
    const { devices } = require(${JSON.stringify(path.join(folder, "dist"))});
    return {
      devices: devices().map((device) => device.name),
      libraries: process.report.getReport().sharedObjects.filter((file) => /lib(ggml|llama)/.test(file)),
    };`);
}

/** Runs the build with nothing in PATH but these tools, which need not work. */
function buildWith(tools: string[]) {
  return withTemporaryFolder((bin) => {
    for (const tool of tools) symlinkSync("/bin/true", path.join(bin, tool));
    const env = { ...process.env, PATH: bin, CXX: undefined };
    const child = run(process.execPath, ["scripts/build/main.mjs"], env);
    return { ...child, bin };
  });
}

describe("a build without its tools", () => {
  test("fails with one message that names them, this machine and the remedy", () => {
    const { status, stdout, stderr, bin } = buildWith([]);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toHaveLength(4);
    expect(stderr).toContain("Missing: CMake, git, make or ninja, a C++ compiler.");
    expect(stderr).toContain(`cmake, git, make, ninja, c++, g++, clang++ in PATH (${bin})`);
    expect(stderr).toContain(`${process.platform} ${process.arch}, Node ${process.version}`);
    expect(stderr).toContain("npx specdecpp build");
  });

  test("names only what is missing", () => {
    const { status, stderr } = buildWith(["make", "git", "c++"]);
    expect(status).toBe(1);
    expect(stderr).toContain("Missing: CMake.");
  });
});

testOnLinux("headers and libraries of two releases are an error of the configuration", () => {
  withTemporaryFolder((folder) => {
    const libraries = path.join(folder, "libraries");
    cpSync(platformLibraries, libraries, { recursive: true });
    const metadata = readFileSync(path.join(libraries, metadataName), "utf8");
    writeFileSync(
      path.join(libraries, metadataName),
      metadata.replace(/"release":"v[^"]*"/, '"release":"v9.9.9"'),
    );

    const headers = path.join(root, "build/llama.cpp-prebuilt");
    const child = run("cmake", [
      ...["-S", root, "-B", path.join(folder, "out")],
      ...[`-DSPECDECPP_LLAMA_DIR=${headers}`, `-DSPECDECPP_LLAMA_LIBS=${libraries}`],
    ]);

    expect(child.status).not.toBe(0);
    const message = child.stderr.replace(/\s+/g, " "); // CMake breaks the lines
    expect(message).toContain(`the headers in ${headers} are of llama.cpp ${releaseOfAddon()}`);
    expect(message).toContain(`the libraries in ${libraries} of v9.9.9`);
    expect(message).toContain("Reinstall node-llama-cpp");
  });
});

testOnLinux("a library of another release is an error when loading", () => {
  withTemporaryFolder((folder) => {
    copyPackage(folder);
    const release = releaseOfAddon();
    const other = `9${release.slice(1)}`;
    const directory = path.join(folder, "build/Release");
    const library = readdirSync(directory).find((name) => name.startsWith("libllama.")) ?? "";
    const bytes = readFileSync(path.join(directory, library));
    const at = bytes.indexOf(`${release}-dev\0`);
    expect(at).toBeGreaterThan(0);
    bytes.write(other, at);
    writeFileSync(path.join(directory, library), bytes);

    const result = load(folder);
    expect(result).toHaveProperty("code", "ERR_RELEASE_MISMATCH");
    expect(result).toHaveProperty(
      "message",
      expect.stringContaining(`built for llama.cpp ${release}`),
    );
    expect(result).toHaveProperty("message", expect.stringContaining(other));
  });
});

test("a package without its addon says so, and how to build it", () => {
  withTemporaryFolder((folder) => {
    copyPackage(folder, { addon: false });
    const result = load(folder);
    expect(result).toHaveProperty("code", "ERR_ADDON_NOT_BUILT");
    expect(result).toHaveProperty("message", expect.stringContaining("npx specdecpp build"));
  });
});

test("a package that was moved loads the libraries of its new place", () => {
  withTemporaryFolder((folder) => {
    const moved = path.join(folder, "a folder", "specdecpp");
    mkdirSync(moved, { recursive: true });
    copyPackage(moved);
    const result = load(moved);
    expect(result).toHaveProperty("devices", expect.arrayContaining(["CPU"]));
    // GPU modules stay where node-llama-cpp has them.
    const { libraries } = result as { libraries: string[] };
    const near = (file: string) => file.startsWith(moved) || file.includes("@node-llama-cpp");
    expect(libraries.length).toBeGreaterThan(3);
    expect(libraries.filter((file) => !near(file))).toEqual([]);
  });
});
