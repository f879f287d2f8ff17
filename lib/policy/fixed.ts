import type { PolicyKind } from "./policy";

/** The same draft length in every round (Leviathan et al. 2023). */
export const fixed: PolicyKind = {
  name: "fixed",
  describe: "K tokens a round",
  parameter: { name: "K", min: 1, max: Infinity, whole: true },
  create: (length) => ({ name: `fixed:${length}`, next: () => ({ length }) }),
};
