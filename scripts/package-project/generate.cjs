const { createEngine } = require("specdecpp");
const { createRequire } = require("node:module");

require("./generate-with.cjs")(createEngine, createRequire(__filename));
