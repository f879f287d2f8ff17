const firstPart = /-00001-of-(\d{5})\.gguf$/;

/** The files of a model by its first, …-00001-of-0000N.gguf, or by the only one. */
export function partPaths(file: string): string[] {
  const found = firstPart.exec(file);
  if (found === null) return [file];
  const [name, count = ""] = [file.slice(0, found.index), found[1]];
  return Array.from(
    { length: Number(count) },
    (_, i) => `${name}-${String(i + 1).padStart(5, "0")}-of-${count}.gguf`,
  );
}
