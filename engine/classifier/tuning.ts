// Where one way of running a chain takes over from another. Measured: docs/decisions/classifier.md. Tests set other values, so that small
// tables go every way.

export const tuning = {
  /** Rules up to which a chain is walked; above, it gets a tree. */
  walked: 24,
  /** Words of a shelf from which on another one is begun: it lives for as long as one chain on it does, and nothing of it is moved. */
  shelf: 1 << 16,
  /** Rules up to which a chain becomes generated code once it is hot. */
  generated: 64,
  /**
   * Walks after which it is hot; infinite: no code is ever generated. New code runs slowly until V8 has optimised it too, while the
   * walk that all chains share has long been: kube-proxy's thousands of small chains were slower as code.
   */
  hot: 20_000,
  /** Chains that are code at a time. */
  codes: 128,
  /** Rules that a leaf of the tree holds without being split. */
  leaf: 8,
};
