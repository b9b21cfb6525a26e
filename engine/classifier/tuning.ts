// Where one way of running a chain takes over from another. Measured: docs/decisions/classifier.md. Tests set other values, so that small
// tables go every way.

export const tuning = {
  /** Rules up to which a chain is walked; above, it gets a tree. */
  walked: 24,
  /** Rules up to which a chain becomes generated code once it is hot. */
  generated: 64,
  /** Walks after which it is hot; infinite: no code is ever generated. */
  hot: 400,
  /** Rules that a leaf of the tree holds without being split. */
  leaf: 8,
};
