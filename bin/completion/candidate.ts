/** A word that may stand next. `help`: a few words beside it, where the shell shows them. */
export interface Candidate {
  readonly word: string;
  readonly help: string;
}
