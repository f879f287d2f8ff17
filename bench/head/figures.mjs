// Figures as they are printed.

export const decimal = (/** @type {number} */ x, digits = 4) => x.toFixed(digits).replace(/^0/, "");
export const interval = (/** @type {any} */ { value, low, high }, digits = 4) =>
  `${decimal(value, digits)} [${decimal(low, digits)}, ${decimal(high, digits)}]`;

/** A line of JSON on stdout. @param {object} line */
export const print = (line) => {
  console.log(JSON.stringify(line));
};
