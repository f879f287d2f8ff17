/** A build that cannot go on: printed as one message that says what was looked for and what to do. */
export class BuildError extends Error {
  /**
   * @param {string} problem what is wrong, as a sentence
   * @param {string} lookedFor what was looked for, and where
   * @param {string} remedy what to do
   */
  constructor(problem, lookedFor, remedy) {
    super(
      [
        `specdecpp: the native addon cannot be built. ${problem}`,
        `  looked for:   ${lookedFor}`,
        `  this machine: ${process.platform} ${process.arch}, Node ${process.version}, ${libc()}`,
        `  what to do:   ${remedy}`,
      ].join("\n"),
    );
  }
}

function libc() {
  if (process.platform !== "linux") return "no libc to choose";
  const version = process.report.getReport().header.glibcVersionRuntime;
  return version ? `glibc ${version}` : "musl";
}
