import type { PolicyKind } from "./policy";

/** Plain decoding: no drafts. */
export const plain: PolicyKind = {
  name: "none",
  describe: "no drafts, plain decoding",
  create: () => ({ name: "none", next: () => ({ length: 0 }) }),
};
